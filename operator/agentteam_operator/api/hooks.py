"""`spec.rollout.hooks`: tests of the users' own, run as Jobs beside the candidate."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from agentteam_operator.api.base import ATOMIC, DNS_LABEL_PATTERN, ApiModel, Rule, list_map
from agentteam_operator.api.pod import EnvVar
from agentteam_operator.api.workload import Resources

IMAGE_PATTERN = r"^[A-Za-z0-9][-A-Za-z0-9._:/@]*$"

HOOK_VARIABLES = ("ACTIVE_URL", "NAMESPACE", "PREVIEW_URL", "REVISION", "TEAM")
"""What a hook is told by the operator, as environment variables."""

HOOK_VARIABLES_MESSAGE = f"{', '.join(HOOK_VARIABLES)} are set by the operator: give the variable another name"


class HookStage(StrEnum):
    """When a hook runs."""

    BEFORE_SHIFT = "BeforeShift"
    AFTER_SWITCH = "AfterSwitch"


class HookJob(ApiModel):
    """The container that a hook runs."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            f"!has(self.env) || self.env.all(e, !(e.name in {list(HOOK_VARIABLES)}))",
            HOOK_VARIABLES_MESSAGE,
            field_path=".env",
        ),
    )

    image: Annotated[str, Field(min_length=1, max_length=512, pattern=IMAGE_PATTERN)]
    """Image of the container. It has to run as another user than root; its own user is kept if it is a number."""
    command: Annotated[
        tuple[Annotated[str, Field(max_length=4096)], ...], Field(max_length=50, json_schema_extra=ATOMIC)
    ] = ()
    """Command, instead of the image's entry point."""
    args: Annotated[
        tuple[Annotated[str, Field(max_length=4096)], ...], Field(max_length=50, json_schema_extra=ATOMIC)
    ] = ()
    """Arguments, instead of the image's own."""
    env: Annotated[tuple[EnvVar, ...], Field(max_length=50, json_schema_extra=list_map("name"))] = ()
    """Environment variables, beside those that the operator sets: PREVIEW_URL (before the shift), ACTIVE_URL, REVISION,
    TEAM and NAMESPACE."""
    resources: Resources = Resources()
    """Processor time and memory of the container."""


class Hook(ApiModel):
    """A test of your own: a Job that passes by ending with 0."""

    name: Annotated[str, Field(min_length=1, max_length=50, pattern=DNS_LABEL_PATTERN)]
    """Name of the hook; its gate in the status is hook/NAME."""
    when: HookStage = HookStage.BEFORE_SHIFT
    """BeforeShift (on the new revision, before it gets any traffic) or AfterSwitch (once it has all of it)."""
    job: HookJob
    """What is run, in the team's namespace and with its ServiceAccount, but without a token. What it writes to
    /dev/termination-log, or else the end of its log, is the verdict's message."""
    timeout_seconds: Annotated[int, Field(ge=1, le=86_400)] = 600
    """Longest time that it may take, in seconds; then it has failed."""
