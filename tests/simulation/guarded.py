"""What serves falls ill between rollouts: the guard finds it, tells people, and if the spec says so goes back, once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from agentteam_operator.api.guard_status import GuardReason, GuardStatus
from agentteam_operator.api.order_status import Orderer
from agentteam_operator.api.status import Outcome, Phase

from tests.simulation.scenario import (
    Condition,
    Deed,
    End,
    Scenario,
    Step,
    after,
    all_do,
    annotate,
    apply,
    at_once,
    in_phase,
)
from tests.simulation.specs import revision, spec
from tests.simulation.stories import BAD, CREATED, NEVER_READY, UPGRADED, rolled_back, upgrade
from tests.simulation.table import fails
from tests.simulation.world import World

GO_BACK: dict[str, Any] = {"guard": {"onDegraded": "Rollback"}}
SWITCHED_OFF: dict[str, Any] = {"guard": {"enabled": False}}
LONG_SECONDS = 4000.0
"""A look takes a minute, and a finding ten."""

FOUND_BY_SECONDS = 900


def found(version: str) -> Condition:
    """The status says that a version does worse than before."""
    return lambda world: _of(world, lambda held: held is not None and held.revision == revision(version))


def nothing_found(world: World) -> bool:
    """The status has nothing against what serves."""
    return _of(world, lambda held: held is None)


def _of(world: World, is_so: Callable[[GuardStatus | None], bool]) -> bool:
    return is_so(world.status.guard)


def told(version: str, phase: Phase) -> Condition:
    """The guard has found something of a version, which serves for good."""
    here, known = in_phase(phase), found(version)
    return lambda world: here(world) and known(world)


def incident_is(*, is_open: bool, about: str = "") -> Condition:
    """There is an open incident of the guard's, or the last one is over."""

    def condition(world: World) -> bool:
        held = world.status.last_incident
        if held is None or held.reason not in set(GuardReason) or (about and held.revision != revision(about)):
            return False
        return (held.resolved_at is None) is is_open

    return condition


def ordered(world: World) -> bool:
    """The guard has ordered to go back, and nothing has come of it yet."""
    back = world.status.rollback_to
    return back is not None and back.by is Orderer.GUARD and world.phase is Phase.COMPLETED


def starts_no_longer(version: str) -> Deed:
    """New pods of a version that was well never get ready: its image is gone, say."""

    def deed(world: World) -> None:
        world.note(f"version {version} doesn't start any more")
        world.controllers.behaviours = {**world.controllers.behaviours, version: NEVER_READY}

    return deed


def kill_operator(world: World) -> None:
    """The operator's process dies, and is started again."""
    world.note("operator-1 is killed")
    world.operators[0].die()


def prometheus(*, reachable: bool) -> Deed:
    """Prometheus comes and goes."""

    def deed(world: World) -> None:
        world.note(f"Prometheus is {'back' if reachable else 'gone'}")
        world.load.unavailable = not reachable

    return deed


def _long(scenario: Scenario) -> Scenario:
    return replace(scenario, seconds=LONG_SECONDS)


def of_first(name: str, *steps: Step, rollout: object = None) -> Scenario:
    """A team of version 1, which serves all the time."""
    return _long(Scenario(f"guarded-{name}", steps, CREATED, first=spec("1", rollout=rollout)))


ILL = fails("1", 0.3)
WELL = fails("1", 0.0)

ALERTS = (
    of_first(
        "and-well-again",
        Step(at_once, ILL),
        Step(incident_is(is_open=True), WELL),
        Step(incident_is(is_open=False), lambda _: None),
    ),
    of_first("and-left-so", Step(at_once, ILL), Step(incident_is(is_open=True), lambda _: None)),
    of_first(
        "operator-killed",
        Step(at_once, ILL),
        Step(incident_is(is_open=True), kill_operator),
        Step(after(FOUND_BY_SECONDS, at_once), WELL),
        Step(incident_is(is_open=False), lambda _: None),
    ),
    of_first(
        "prometheus-lost-while-found",
        Step(at_once, ILL),
        Step(incident_is(is_open=True), all_do(prometheus(reachable=False), WELL)),
        Step(after(2 * FOUND_BY_SECONDS, incident_is(is_open=True)), prometheus(reachable=True)),
        Step(incident_is(is_open=False), lambda _: None),
    ),
    of_first(
        "prometheus-lost-before",
        Step(at_once, all_do(prometheus(reachable=False), ILL)),
        Step(after(FOUND_BY_SECONDS, nothing_found), all_do(WELL, prometheus(reachable=True))),
        Step(after(2 * FOUND_BY_SECONDS, nothing_found), lambda _: None),
    ),
    of_first(
        "switched-off",
        Step(at_once, ILL),
        Step(incident_is(is_open=True), apply("1", rollout=SWITCHED_OFF)),
        Step(incident_is(is_open=False), lambda _: None),
    ),
    of_first("nowhere-to-go", Step(at_once, ILL), Step(incident_is(is_open=True), lambda _: None), rollout=GO_BACK),
    _long(upgrade("guarded-and-alerted", then=(
        Step(in_phase(Phase.COMPLETED, "2"), fails("2", 0.3)),
        Step(incident_is(is_open=True, about="2"), lambda _: None),
    ))),
    _long(replace(
        upgrade("guarded-and-mended", rolled_back(""), then=()),
        steps=(
            Step(at_once, ILL),
            Step(incident_is(is_open=True, about="1"), apply("2")),
            Step(incident_is(is_open=False, about="1"), lambda _: None),
        ),
        end=UPGRADED,
    )),
    *(
        _long(upgrade(f"guarded-rolled-back-and-{name}", rolled_back("WorseThanBlue"), two=BAD, then=(
            Step(in_phase(Phase.ROLLED_BACK), fails("1", share)),
            Step(told("1", Phase.ROLLED_BACK), WELL),
            Step(nothing_found, lambda _: None),
        )))
        for name, share in (("worse", 0.3), ("much-worse", 0.8))
    ),
)  # fmt: skip

_BACK = replace(UPGRADED, active="1", sizes={"1": 3})
_THIRD = End(
    Phase.COMPLETED,
    active="3",
    outcomes=dict.fromkeys(("1", "2", "3"), Outcome.SUCCESSFUL),
    sizes={"3": 3},
)

WAYS_BACK = (
    _long(upgrade("guarded-and-gone-back", _BACK, rollout=GO_BACK, then=(
        Step(in_phase(Phase.COMPLETED, "2"), fails("2", 0.5)),
        Step(in_phase(Phase.COMPLETED, "1"), lambda _: None),
    ))),
    _long(upgrade("guarded-and-gone-back-once", _BACK, rollout=GO_BACK, then=(
        Step(in_phase(Phase.COMPLETED, "2"), fails("2", 0.3)),
        Step(in_phase(Phase.COMPLETED, "1"), ILL),
        Step(incident_is(is_open=True, about="1"), lambda _: None),
    ))),
    _long(upgrade("guarded-gone-back-and-retried", rollout=GO_BACK, then=(
        Step(in_phase(Phase.COMPLETED, "2"), fails("2", 0.5)),
        Step(in_phase(Phase.COMPLETED, "1"), annotate("retry", "2")),
        Step(told("2", Phase.COMPLETED), lambda _: None),
    ))),
    _long(upgrade("guarded-gone-back-and-replaced", _THIRD, rollout=GO_BACK, then=(
        Step(in_phase(Phase.COMPLETED, "2"), fails("2", 0.5)),
        Step(in_phase(Phase.COMPLETED, "1"), apply("3", rollout=GO_BACK)),
        Step(incident_is(is_open=False, about="2"), lambda _: None),
    ))),
    _long(upgrade("guarded-and-replaced-as-it-turns", _THIRD, rollout=GO_BACK, then=(
        Step(in_phase(Phase.COMPLETED, "2"), fails("2", 0.5)),
        Step(ordered, apply("3", rollout=GO_BACK)),
    ))),
    _long(upgrade("guarded-gone-back-in-vain", replace(UPGRADED, phase=Phase.ROLLED_BACK, reason="ReadyTimeout"),
        rollout=GO_BACK,
        then=(
            Step(in_phase(Phase.COMPLETED, "2"), all_do(starts_no_longer("1"), fails("2", 0.5))),
            Step(told("2", Phase.ROLLED_BACK), lambda _: None),
        ),
    )),
    _long(upgrade("guarded-gone-back-by-a-new-process", _BACK, rollout=GO_BACK, then=(
        Step(in_phase(Phase.COMPLETED, "2"), fails("2", 0.5)),
        Step(ordered, kill_operator),
        Step(in_phase(Phase.COMPLETED, "1"), lambda _: None),
    ))),
)  # fmt: skip

GUARDED = (*ALERTS, *WAYS_BACK)
