"""An API server that takes no write of one kind, for good: a policy, a quota, a missing right."""

from __future__ import annotations

from dataclasses import replace

from agentteam_operator.api.status import Phase

from tests.simulation.behaviour import Behaviour
from tests.simulation.meddling import allow, refuse
from tests.simulation.scenario import End, Scenario, Step, after, all_do, apply, at_once, in_phase
from tests.simulation.stories import BAD, UPGRADED, rolled_back, upgrade


def refused(kind: str, end: End = UPGRADED, *, two: Behaviour | None = None) -> Scenario:
    """No write of the kind is taken from the moment at which version 2 is applied."""
    story = upgrade(f"{kind}-refused{'-and-errors' if two else ''}", end, two=two)
    return replace(story, steps=(Step(at_once, all_do(refuse(kind), apply("2"))),))


REFUSALS = (
    refused("ConfigMap", rolled_back("ReadyTimeout")),
    refused("Deployment", rolled_back("ReadyTimeout")),
    refused("Job", rolled_back("HealthCheckTimeout")),
    refused("PodDisruptionBudget"),
    refused("PodDisruptionBudget", rolled_back("WorseThanBlue"), two=BAD),
    replace(
        upgrade("way-back-refused-for-long", rolled_back("WorseThanBlue"), two=BAD),
        steps=(
            Step(at_once, apply("2")),
            Step(after(3, in_phase(Phase.SHIFTING)), refuse("Service")),
            Step(after(10, in_phase(Phase.ROLLED_BACK)), allow("Service")),
        ),
    ),
)
