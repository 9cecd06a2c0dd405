"""Specs that can't be read, as an older definition may have stored them: what they don't touch goes on as ever."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agentteam_operator.api.status import Outcome, Phase

from tests.simulation.meddling import load, remove_blue, tamper
from tests.simulation.scenario import End, Scenario, Step, after, all_do, apply, at_once, in_phase
from tests.simulation.specs import spec
from tests.simulation.stories import AUTOSCALED, BAD, CREATED, NEVER_READY, rolled_back, upgrade

IN_PLACE: Mapping[str, Any] = {"service": {"annotations": {"bad key": "v"}}}
OF_THE_REVISION: Mapping[str, Any] = {"pod": {"annotations": {"bad key": "v"}}}
SETTINGS: Mapping[str, Any] = {"rollout": {"watchSeconds": -1}}
REFUSED = End(Phase.FAILED, "1", "InvalidSpec", {"1": Outcome.SUCCESSFUL, "2": Outcome.CANCELLED}, {"1": 3})

UNREADABLE = (
    upgrade("unreadable-in-place", then=(Step(in_phase(Phase.SHIFTING), apply("2", **IN_PLACE)),)),
    upgrade(
        "unreadable-in-place-and-errors",
        rolled_back("WorseThanBlue"),
        two=BAD,
        then=(Step(in_phase(Phase.SHIFTING), all_do(apply("2", **IN_PLACE), tamper)),),
    ),
    upgrade(
        "unreadable-in-place-and-never-ready",
        rolled_back("ReadyTimeout"),
        two=NEVER_READY,
        then=(Step(in_phase(Phase.PREPARING), apply("2", **IN_PLACE)),),
    ),
    upgrade("unreadable-revision", REFUSED, then=(Step(in_phase(Phase.SHIFTING), apply("2", **OF_THE_REVISION)),)),
    upgrade(
        "unreadable-revision-and-errors",
        REFUSED,
        two=BAD,
        then=(Step(in_phase(Phase.SHIFTING), all_do(apply("2", **OF_THE_REVISION), tamper)),),
    ),
    upgrade(
        "unreadable-revision-mended",
        then=(
            Step(in_phase(Phase.SHIFTING), apply("2", **OF_THE_REVISION)),
            Step(after(5, in_phase(Phase.FAILED)), apply("2")),
        ),
    ),
    upgrade(
        "unreadable-settings-mended",
        then=(
            Step(in_phase(Phase.SHIFTING), apply("2", **SETTINGS)),
            Step(after(30, in_phase(Phase.SHIFTING)), apply("2")),
        ),
    ),
    upgrade(
        "unreadable-settings-and-errors",
        rolled_back("WorseThanBlue"),
        two=BAD,
        then=(Step(in_phase(Phase.SHIFTING), apply("2", **SETTINGS)),),
    ),
    Scenario(
        "unreadable-and-blue-removed", (Step(at_once, all_do(apply("1", **IN_PLACE), remove_blue, tamper)),), CREATED
    ),
    Scenario(
        "unreadable-autoscaling",
        (
            Step(at_once, load(8)),
            Step(after(60, in_phase(Phase.COMPLETED)), apply("1", replicas=None, autoscaling={"maxReplicas": "many"})),
        ),
        replace(CREATED, sizes={"1": 8}),
        first=spec("1", **AUTOSCALED),
    ),
)
