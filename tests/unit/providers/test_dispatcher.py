"""The dispatcher: in order, with patience, at least once, and so that no notifier waits for another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from agentteam_operator.api.incident_status import DeliveryState, DeliveryStatus, NoticeKind, NoticeStatus
from agentteam_operator.core.observed import TeamRef
from agentteam_operator.core.telling import Notify
from agentteam_operator.metrics import Metrics
from agentteam_operator.providers.notifications import dispatcher as module
from agentteam_operator.providers.notifications.channels import DeliveryError, Told
from agentteam_operator.providers.notifications.dispatcher import Dispatcher
from structlog.testing import capture_logs

from tests.support.waiting import settle

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
TEAM = TeamRef("shop", "support", "uid-team", 1, "7")
OTHER = TeamRef("shop", "billing", "uid-other", 1, "7")
KEY = ("shop", "support")


@dataclass
class Receiver:
    """A notifier that fails as often as the test says, and hangs as long as it says."""

    name: str
    failures: list[Exception] = field(default_factory=list)
    hangs: asyncio.Event | None = None
    heard: list[str] = field(default_factory=list)
    repeated: list[list[tuple[str, datetime | None]]] = field(default_factory=list)
    concurrency: int = 4
    repeats: bool = False
    closed: bool = False

    async def send(self, told: Told) -> None:
        if self.hangs:
            await self.hangs.wait()
        if self.failures:
            raise self.failures.pop(0)
        self.heard.append(told.notice.id)

    async def repeat(self, all_of_it: Sequence[Told]) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.repeated.append([(told.notice.id, told.ended_at) for told in all_of_it])

    async def close(self) -> None:
        self.closed = True


@dataclass
class Bench:
    pager: Receiver
    chat: Receiver
    dispatcher: Dispatcher
    metrics: Metrics
    wakes: list[str]
    times: list[datetime]

    def outcomes(self) -> list[tuple[str, str, DeliveryState, int]]:
        found = self.dispatcher.outcomes(KEY)
        return [(one.notice, one.notifier, one.state, one.attempts) for one in found]

    def count(self, notifier: str, result: str) -> float:
        labels = {"notifier": notifier, "result": result}
        return self.metrics.registry.get_sample_value("agentteam_operator_notifications_total", labels) or 0.0


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    pager, chat = Receiver("pager", repeats=True), Receiver("chat")
    wakes: list[str] = []
    times = [NOW]
    metrics = Metrics()
    dispatcher = Dispatcher(
        [pager, chat],
        clock=lambda: times[-1],
        wake=lambda key: wakes.append(key[1]),
        metrics=metrics,
        scatter=lambda: 0.0,
    )
    yield Bench(pager, chat, dispatcher, metrics, wakes, times)
    await dispatcher.close()


def notice(identity: str, *notifiers: str, kind: NoticeKind = NoticeKind.INCIDENT_OPENED) -> NoticeStatus:
    deliveries = [DeliveryStatus(notifier=name) for name in notifiers or ("pager", "chat")]
    return NoticeStatus(id=identity, kind=kind, at=NOW, since=NOW, deliveries=deliveries)


async def test_each_is_told_once_however_often_it_is_offered(bench: Bench) -> None:
    for _ in range(3):
        bench.dispatcher.offer(TEAM, Notify((notice("a"),)))
        await settle()
    assert (bench.pager.heard, bench.chat.heard) == (["a"], ["a"])
    assert bench.outcomes() == [
        ("a", "pager", DeliveryState.DELIVERED, 1),
        ("a", "chat", DeliveryState.DELIVERED, 1),
    ]


async def test_who_is_written_down_is_forgotten(bench: Bench) -> None:
    bench.dispatcher.offer(TEAM, Notify((notice("a"),)))
    await settle()
    bench.dispatcher.offer(TEAM, Notify(()))
    assert bench.outcomes() == []


async def test_a_dead_notifier_delays_no_other(bench: Bench) -> None:
    bench.pager.hangs = asyncio.Event()
    bench.dispatcher.offer(TEAM, Notify((notice("a"), notice("b"))))
    await settle()
    assert bench.chat.heard == ["a", "b"]
    assert bench.outcomes() == [], "not yet: one write tells of both"
    assert bench.wakes == []
    bench.times.append(NOW + timedelta(seconds=5))
    assert bench.outcomes() == [
        ("a", "chat", DeliveryState.DELIVERED, 1),
        ("b", "chat", DeliveryState.DELIVERED, 1),
    ], "but not for ever"


async def test_the_team_is_woken_for_those_who_are_done_with(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RECORD_AFTER", timedelta(0))
    bench.pager.hangs = asyncio.Event()
    bench.dispatcher.offer(TEAM, Notify((notice("a"),)))
    await settle()
    assert bench.wakes == ["support"]


async def test_a_slow_notifier_delays_no_other_team_beyond_its_slots(bench: Bench) -> None:
    bench.chat.failures = [DeliveryError("answered 503")]
    bench.dispatcher.offer(TEAM, Notify((notice("a", "chat"),)))
    bench.dispatcher.offer(OTHER, Notify((notice("b", "chat"),)))
    await settle()
    assert sorted(bench.chat.heard) == ["a", "b"]


async def test_one_teams_notices_come_in_their_order(bench: Bench) -> None:
    bench.pager.failures = [DeliveryError("answered 503") for _ in range(3)]
    opened, resolved = notice("opened", "pager"), notice("resolved", "pager", kind=NoticeKind.INCIDENT_RESOLVED)
    bench.dispatcher.offer(TEAM, Notify((opened,)))
    bench.dispatcher.offer(TEAM, Notify((opened, resolved)))
    await settle()
    assert bench.pager.heard == ["opened", "resolved"]
    assert bench.outcomes()[0] == ("opened", "pager", DeliveryState.DELIVERED, 4)
    assert (bench.count("pager", "failed"), bench.count("pager", "delivered")) == (3, 2)


FINAL = {
    "refused for good": (DeliveryError("answered 422", final=True), 0.0, "answered 422"),
    "too late": (DeliveryError("answered 503"), 3601.0, "answered 503"),
    "too late after the pause that it wishes": (
        DeliveryError("answered 429", retry_after_seconds=300),
        3400.0,
        "answered 429",
    ),
}


@pytest.mark.parametrize(("error", "seconds", "words"), FINAL.values(), ids=FINAL)
async def test_is_given_up(bench: Bench, error: DeliveryError, seconds: float, words: str) -> None:
    bench.pager.failures = [error]
    bench.times.append(NOW + timedelta(seconds=seconds))
    bench.dispatcher.offer(TEAM, Notify((notice("a", "pager"),)))
    await settle()
    (outcome,) = bench.dispatcher.outcomes(KEY)
    assert (outcome.state, outcome.attempts, outcome.message) == (DeliveryState.GIVEN_UP, 1, words)
    assert bench.count("pager", "given_up") == 1
    assert bench.wakes == ["support"]


async def test_one_attempt_is_made_however_late(bench: Bench) -> None:
    bench.times.append(NOW + timedelta(days=1))
    bench.dispatcher.offer(TEAM, Notify((notice("a", "pager"),)))
    await settle()
    assert bench.outcomes() == [("a", "pager", DeliveryState.DELIVERED, 1)]


async def test_a_fault_of_ours_is_one_failed_attempt(bench: Bench) -> None:
    bench.pager.failures = [KeyError("bug")]
    with capture_logs() as logs:
        bench.dispatcher.offer(TEAM, Notify((notice("a", "pager"),)))
        await settle()
    assert bench.pager.heard == ["a"]
    assert "notification_crashed" in {line["event"] for line in logs}


async def test_what_is_pending_is_left_to_the_replica_that_acts_now(bench: Bench) -> None:
    bench.pager.hangs = asyncio.Event()
    bench.dispatcher.offer(TEAM, Notify((notice("a", "pager"),)))
    await settle()
    bench.dispatcher.drop()
    bench.pager.hangs.set()
    await settle()
    assert bench.pager.heard == []
    bench.dispatcher.offer(TEAM, Notify((notice("a", "pager"),)))
    await settle()
    assert bench.pager.heard == ["a"], "and taken up again when it is this one once more"


async def test_a_team_that_went_is_told_of_no_more(bench: Bench) -> None:
    bench.pager.hangs = asyncio.Event()
    bench.dispatcher.offer(TEAM, Notify((notice("a", "pager"), notice("b", "pager"))))
    await settle()
    bench.dispatcher.forget(KEY)
    bench.pager.hangs.set()
    await settle()
    assert bench.pager.heard == ["a"], "what was on its way"
    assert bench.outcomes() == []


async def test_what_fails_is_not_tried_for_a_team_that_went(bench: Bench) -> None:
    bench.pager.hangs = asyncio.Event()
    bench.pager.failures = [DeliveryError("answered 500")] * 5
    bench.dispatcher.offer(TEAM, Notify((notice("a", "pager"),)))
    await settle()
    bench.dispatcher.forget(KEY)
    bench.pager.hangs.set()
    await settle()
    assert (bench.count("pager", "failed"), len(bench.pager.failures)) == (1, 4)


@pytest.fixture
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REPEAT_SECONDS", 0.0)


async def one_round(bench: Bench) -> list[tuple[str, datetime | None]]:
    """What the next repetition says."""
    before = len(bench.pager.repeated)
    running = asyncio.create_task(bench.dispatcher.run())
    await settle()
    running.cancel()
    return bench.pager.repeated[-1] if len(bench.pager.repeated) > before else []


@pytest.mark.usefixtures("_often")
async def test_what_goes_on_is_repeated_to_those_who_forget(bench: Bench) -> None:
    opened = notice("a")
    bench.dispatcher.offer(TEAM, Notify((), (opened, notice("for-chat", "chat"))))
    assert await one_round(bench) == [("a", None)]
    assert bench.chat.repeated == [], "it remembers"


@pytest.mark.usefixtures("_often")
async def test_a_repetition_that_fails_is_counted_and_tried_again(bench: Bench) -> None:
    bench.dispatcher.offer(TEAM, Notify((), (notice("a"),)))
    bench.pager.failures = [DeliveryError("answered 401")]
    assert await one_round(bench) == [("a", None)]
    assert bench.count("pager", "failed") == 1


@pytest.mark.usefixtures("_often")
async def test_a_pause_that_is_over_is_told_to_be(bench: Bench) -> None:
    pause = notice("a", kind=NoticeKind.PROMOTION_AWAITED)
    bench.dispatcher.offer(TEAM, Notify((), (pause,)))
    bench.dispatcher.offer(TEAM, Notify(()))
    assert await one_round(bench) == [("a", NOW)]
    bench.times.append(NOW + timedelta(hours=1))
    await one_round(bench)
    assert await one_round(bench) == [], "until Alertmanager has surely heard it"


@pytest.mark.usefixtures("_often")
async def test_an_incident_is_over_by_its_own_notice_or_with_its_team(bench: Bench) -> None:
    bench.dispatcher.offer(TEAM, Notify((), (notice("a"),)))
    bench.dispatcher.offer(TEAM, Notify(()))
    assert await one_round(bench) == []
    bench.dispatcher.offer(TEAM, Notify((), (notice("b"),)))
    bench.dispatcher.forget(KEY)
    assert await one_round(bench) == [("b", NOW)]


async def test_connections_are_closed(bench: Bench) -> None:
    await bench.dispatcher.close()
    assert (bench.pager.closed, bench.chat.closed) == (True, True)


def test_counts_begin_at_zero() -> None:
    metrics = Metrics()
    metrics.know_notifier("pager")
    for result in ("delivered", "failed", "given_up"):
        labels = {"notifier": "pager", "result": result}
        assert metrics.registry.get_sample_value("agentteam_operator_notifications_total", labels) == 0
