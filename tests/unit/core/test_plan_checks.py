"""Which Jobs of checks are made, when, and what has to be read before."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from agentteam_operator.api.status import Phase
from agentteam_operator.core import names
from agentteam_operator.core.decision import CreateObject
from agentteam_operator.core.observed import JobObserved, RevisionObserved
from agentteam_operator.core.plan import checks
from agentteam_operator.core.view import View

from tests.unit.core.edges import seen
from tests.unit.core.situations import CALM, GREEN, revision_of

WHOLE = revision_of(GREEN, 3)
UNMADE = replace(WHOLE, config_uid="")
"""Of a candidate whose ConfigMap isn't there yet, the document is what the spec says."""
HOOK: dict[str, Any] = {"hooks": [{"name": "smoke", "job": {"image": "smoke:1"}}]}
AFTER: dict[str, Any] = {"hooks": [{"name": "billing", "when": "AfterSwitch", "job": {"image": "b:1"}}]}


def made(view: View) -> list[str]:
    """Checks whose Jobs are made."""
    jobs = [action.manifest for action in checks.creations(view) if isinstance(action, CreateObject)]
    return [job["metadata"]["annotations"][names.ANNOTATION_CHECK] for job in jobs]


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (seen(Phase.HEALTH_CHECKING, green=UNMADE), [names.CHECK_HEALTH]),
        (seen(Phase.HEALTH_CHECKING, green=UNMADE, probe=JobObserved(finished=False, succeeded=False)), []),
        (seen(Phase.HEALTH_CHECKING, green=replace(UNMADE, pods=revision_of(GREEN, 0, 3).pods)), []),
        (seen(Phase.HEALTH_CHECKING, green=WHOLE), []),
        (seen(Phase.SHIFTING, green=UNMADE), []),
        (seen(Phase.TESTING, green=UNMADE, rollout=HOOK), ["hook/smoke"]),
        (seen(Phase.TESTING, green=UNMADE, rollout=HOOK, previewed=False), []),
        (seen(Phase.SETTLING, green=UNMADE, rollout=AFTER, previewed=False), [names.CHECK_HEALTH, "hook/billing"]),
        (replace(CALM[None]).view(), []),
    ],
    ids=[
        "health",
        "made-already",
        "nobody-to-ask-yet",
        "its-document-is-to-be-read",
        "no-check-in-this-phase",
        "hook",
        "hook-with-nothing-behind-the-preview",
        "hook-after-the-switch-asks-the-active-Service",
        "no-rollout",
    ],
)
def test_which_jobs_are_made(view: View, expected: list[str]) -> None:
    assert made(view) == expected


@pytest.mark.parametrize(
    ("phase", "green", "parts", "lacks"),
    [
        (Phase.HEALTH_CHECKING, WHOLE, {}, True),
        (Phase.HEALTH_CHECKING, UNMADE, {}, False),
        (Phase.HEALTH_CHECKING, replace(WHOLE, document={"kind": "RevisionDocument"}), {}, False),
        (Phase.HEALTH_CHECKING, WHOLE, {"probe": JobObserved(finished=False, succeeded=False)}, False),
        (Phase.SHIFTING, WHOLE, {}, False),
        (Phase.TESTING, None, {"rollout": HOOK}, False),
    ],
    ids=["unread", "not-there", "read", "no-Job-to-make", "no-check-in-this-phase", "never-made"],
)
def test_when_the_candidates_document_is_to_be_read(
    phase: Phase, green: RevisionObserved | None, parts: dict[str, Any], *, lacks: bool
) -> None:
    assert checks.lacks_document(seen(phase, green=green, **parts)) is lacks
