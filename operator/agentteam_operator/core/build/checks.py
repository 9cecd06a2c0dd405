"""What each check's Job runs: the health probe and the golden conversations of the candidate's own image, and hooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agentteam_operator.api.conversations import ENVIRONMENT_PREFIX, Conversation
from agentteam_operator.api.hooks import Hook, HookStage
from agentteam_operator.api.revision import RevisionDocument
from agentteam_operator.api.rollout import HealthGate
from agentteam_operator.core import names
from agentteam_operator.core.build import common, job
from agentteam_operator.core.observed import (Manifest, TeamRef)

HEALTH_TIMEOUT_SECONDS = 10
"""Longest time for one pod's answer to one health check."""

MAX_TARGETS = 20
"""Most of a revision's pods that one round of a watch asks, so that what it says of each fits its last words."""

START_ALLOWANCE_SECONDS = 60
"""For scheduling, pulling the image (which the candidate's nodes have) and starting."""


def health(
    team: TeamRef, document: RevisionDocument, gate: HealthGate, *, addresses: Sequence[str], attempt: int = 1
) -> Manifest:
    """The Job that asks every pod at `addresses` (IP addresses) for the health of its components.

    It runs the candidate's own image with no Secret: what it asks for needs no key.
    """
    arguments = [
        "probe",
        *_targets("--target", addresses),
        *("--required", ",".join(component.value for component in gate.required)),
        *("--retries", str(gate.retries)),
        *("--interval-seconds", str(gate.interval_seconds)),
        *("--timeout-seconds", str(HEALTH_TIMEOUT_SECONDS)),
        *("--termination-log", job.TERMINATION_LOG),
    ]
    return job.build(
        team,
        document,
        names.CHECK_HEALTH,
        _own_container(document, arguments),
        deadline_seconds=health_deadline_seconds(gate),
        attempt=attempt,
    )


def health_deadline_seconds(gate: HealthGate) -> int:
    """When the Job is given up: all tries at their longest, the pauses between them, and its start."""
    tries = (gate.retries + 1) * HEALTH_TIMEOUT_SECONDS
    return tries + gate.retries * gate.interval_seconds + START_ALLOWANCE_SECONDS


def conversations(
    team: TeamRef,
    document: RevisionDocument,
    wanted: Sequence[Conversation],
    *,
    timeout_seconds: int,
    addresses: Sequence[str],
    control: Sequence[str],
    attempt: int,
    check: str = names.CHECK_CONVERSATIONS,
) -> Manifest:
    """The Job that holds the golden conversations with the pods at `addresses`, and with `control`, the old ones.

    With `check` CHECK_ROUND it is the round of a watch of number `attempt`, with a few pods, others each time.
    """
    of_watch = check == names.CHECK_ROUND
    if of_watch:
        addresses, control = in_turn(addresses, attempt), in_turn(control, attempt)
    arguments = [
        "converse",
        *(["--round"] if of_watch else []),
        *_targets("--target", addresses),
        *_targets("--control", control),
        *("--deadline-seconds", str(timeout_seconds)),
        *("--termination-log", job.TERMINATION_LOG),
    ]
    variables = [
        {"name": f"{ENVIRONMENT_PREFIX}{index}", "value": conversation.to_json()}
        for index, conversation in enumerate(wanted)
    ]
    container = _own_container(document, arguments)
    return job.build(
        team,
        document,
        check,
        {**container, "env": [*container["env"], *variables]},
        deadline_seconds=conversations_deadline_seconds(timeout_seconds),
        attempt=attempt,
    )


def in_turn(addresses: Sequence[str], number: int) -> list[str]:
    """`MAX_TARGETS` of the addresses at most, from another one on each round: in the end each is asked as often."""
    if not addresses:
        return []
    step = MAX_TARGETS if len(addresses) > MAX_TARGETS else 1
    first = (number - 1) * step % len(addresses)
    return [*addresses[first:], *addresses[:first]][:MAX_TARGETS]


def conversations_deadline_seconds(timeout_seconds: int) -> int:
    """When the Job is given up, which otherwise keeps to the time itself."""
    return timeout_seconds + START_ALLOWANCE_SECONDS


def hook(
    team: TeamRef, document: RevisionDocument, wanted: Hook, *, cluster_domain: str, port: int, attempt: int
) -> Manifest:
    """The Job of a hook: the user's container, told where the team answers, which is at `port` of its Services."""
    settings = wanted.job
    own = {
        "ACTIVE_URL": names.service_url(names.active_service(team.name), team.namespace, cluster_domain, port),
        "NAMESPACE": team.namespace,
        "REVISION": document.metadata.revision,
        "TEAM": team.name,
    }
    if wanted.when is HookStage.BEFORE_SHIFT:
        preview = names.preview_service(team.name)
        own["PREVIEW_URL"] = names.service_url(preview, team.namespace, cluster_domain, port)
    container: dict[str, Any] = {
        "image": settings.image,
        "env": [
            *(variable.to_document() for variable in settings.env),
            *({"name": name, "value": value} for name, value in own.items()),
        ],
        "resources": settings.resources.to_document(),
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    container |= {"command": list(settings.command)} if settings.command else {}
    container |= {"args": list(settings.args)} if settings.args else {}
    return job.build(
        team,
        document,
        names.hook_check(wanted.name),
        container,
        deadline_seconds=hook_deadline_seconds(wanted),
        attempt=attempt,
    )


def hook_deadline_seconds(wanted: Hook) -> int:
    """When the Job is given up: what the user said, and its start."""
    return wanted.timeout_seconds + START_ALLOWANCE_SECONDS


def _own_container(document: RevisionDocument, arguments: Sequence[str]) -> dict[str, Any]:
    return {
        "image": document.image,
        "args": list(arguments),
        "env": [{"name": "AUTOGEN_REVISION", "value": document.metadata.revision}],
        # A limit for quotas that ask for one; at a start of some tenths of a second of work it is hardly felt.
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"cpu": "1", "memory": "256Mi"}},
        "securityContext": common.container_security_context(),
    }


def _targets(option: str, addresses: Sequence[str]) -> list[str]:
    return [argument for address in addresses for argument in (option, _url(address))]


def _url(address: str) -> str:
    host = f"[{address}]" if ":" in address else address
    return f"http://{host}:{names.HTTP_PORT}"
