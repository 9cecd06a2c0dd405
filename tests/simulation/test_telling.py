"""Who is told of what, whatever goes wrong; and that nobody's silence changes a rollout."""

from __future__ import annotations

from datetime import timedelta

import pytest
from agentteam_operator.api.incident_status import NoticeKind

from tests.simulation.explorer import baseline, disturb, end_state, play, singles
from tests.simulation.faults import OF_TELLING, Fault, Plan
from tests.simulation.run import Run
from tests.simulation.scenarios import ALL, ROLLBACK
from tests.simulation.telling import CHAT, PAGER
from tests.simulation.timeline import START
from tests.simulation.told import DEAF, MENDED, ONE_DEAF, OUTAGE

OPENED, RESOLVED = NoticeKind.INCIDENT_OPENED, NoticeKind.INCIDENT_RESOLVED


async def played(name: str) -> Run:
    run = Run(ALL[name], Plan(name))
    await run.play()
    assert not run.problem
    return run


async def told(name: str) -> list[tuple[str, NoticeKind]]:
    """Who is told of what, in that order, when nothing goes wrong."""
    run = await played(name)
    kinds = {notice.id: notice.kind for notice in run.world.status.notifications}
    return [(notifier, kinds[identity]) for notifier, identity in run.world.heard]


LIVES = {
    ROLLBACK.name: [OPENED],
    MENDED.name: [OPENED, RESOLVED],
    OUTAGE.name: [OPENED, RESOLVED],
    "create-crash-loop": [OPENED],
    "create-ready-too-late": [OPENED, RESOLVED],
    "upgrade-quiet-promoted": [NoticeKind.PROMOTION_AWAITED],
    "upgrade-quiet-nobody-promotes": [NoticeKind.PROMOTION_AWAITED, OPENED],
    "upgrade-aborted-in-Watching": [],
    "upgrade-superseded-in-Watching": [],
    "upgrade-by-steps": [],
}


@pytest.mark.parametrize(("name", "kinds"), LIVES.items(), ids=LIVES)
async def test_everybody_is_told_once_and_in_order(name: str, kinds: list[NoticeKind]) -> None:
    found = await told(name)
    for notifier in (PAGER, CHAT):
        assert [kind for who, kind in found if who == notifier] == kinds


async def test_who_hears_is_told_though_another_does_not() -> None:
    assert await told(ONE_DEAF.name) == [(CHAT, OPENED)]


@pytest.mark.parametrize("scenario", [DEAF, ONE_DEAF], ids=lambda scenario: scenario.name)
async def test_a_deaf_notifier_changes_nothing_in_the_rollout(scenario: object) -> None:
    assert scenario in (DEAF, ONE_DEAF)
    deaf, heard = await played(DEAF.name), await played(ROLLBACK.name)
    assert end_state(deaf.world) == end_state(heard.world)
    times = [
        [(entry.phase, entry.at - START) for entry in run.world.status.rollout.transitions]
        for run in (deaf, heard)
        if run.world.status.rollout
    ]
    assert times[0] == times[1], "not by a moment"


async def test_an_outage_is_told_after_its_grace_and_over_after_a_minute_of_calm() -> None:
    run = await played(OUTAGE.name)
    opened, resolved = run.world.status.notifications
    incident = run.world.status.last_incident
    assert incident is not None
    assert (incident.severity, incident.reason) == ("Critical", "NoReadyPods")
    lost, recovered = 65.23, 105.23
    assert opened.at - START - timedelta(seconds=lost) < timedelta(seconds=16)
    assert timedelta(seconds=60) <= resolved.at - START - timedelta(seconds=recovered) < timedelta(seconds=61)


@pytest.mark.parametrize("scenario", [MENDED, OUTAGE], ids=lambda scenario: scenario.name)
async def test_no_fault_of_a_notifier_or_while_telling_changes_the_end(scenario: object) -> None:
    name = getattr(scenario, "name", "")
    undisturbed = await baseline(name)
    assert not undisturbed.played.problem
    faults = {*OF_TELLING, Fault.CRASH_AFTER}
    plans = [plan for plan in singles(undisturbed.played) if plan.strikes[0].fault in faults]
    assert {plan.strikes[0].fault for plan in plans} == faults
    problems = [f"{plan}: {one.problem}" for plan in plans if (one := await disturb(undisturbed, plan)).problem]
    assert not problems, "\n".join(problems)


async def test_a_receipt_that_got_lost_is_the_same_notice_again() -> None:
    run = Run(ROLLBACK, Plan.parse(f"{ROLLBACK.name}/t0:receipt-lost"))
    await run.play()
    assert not run.problem
    first = [identity for notifier, identity in run.world.heard if notifier == CHAT]
    assert len(first) == 2
    assert len(set(first)) == 1
    assert (await play(Plan(ROLLBACK.name))).problem == ""
