"""The dispatcher against a real Alertmanager: an alert is one alert however often it is told, and it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from agentteam_operator.api.incident_status import DeliveryState, DeliveryStatus, NoticeKind, NoticeStatus, Severity
from agentteam_operator.core.observed import TeamRef
from agentteam_operator.core.telling import Notify
from agentteam_operator.metrics import Metrics
from agentteam_operator.providers.notifications import Dispatcher, NotifierConfig, channel_of
from agentteam_operator.providers.notifications import dispatcher as module
from pydantic import TypeAdapter

from tests.cluster import programs
from tests.support.alertmanager import alerts, free_port, running_alertmanager

TEAM = TeamRef("shop", "support", "uid-team", 1, "7")
TIMEOUT_SECONDS = 30.0


@pytest.fixture(scope="module", autouse=True)
def _alertmanager_is_built() -> None:
    programs.build(["fast"])


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
async def dispatcher(port: int, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Dispatcher]:
    monkeypatch.setattr(module, "REPEAT_SECONDS", 0.2)
    document = {"name": "ops", "kind": "Alertmanager", "url": f"http://127.0.0.1:{port}"}
    config: NotifierConfig = TypeAdapter(NotifierConfig).validate_python(document)
    dispatcher = Dispatcher(
        [channel_of(config, lambda: datetime.now(UTC))],
        clock=lambda: datetime.now(UTC),
        wake=lambda _: None,
        metrics=Metrics(),
        scatter=lambda: 0.1,
    )
    repeating = asyncio.create_task(dispatcher.run())
    yield dispatcher
    repeating.cancel()
    await dispatcher.close()


def notice(kind: NoticeKind, seconds_ago: float, **fields: object) -> NoticeStatus:
    at = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    incident = kind is not NoticeKind.PROMOTION_AWAITED
    usual: dict[str, object] = {
        "id": kind.value,
        "kind": kind,
        "at": at,
        "since": at,
        "incident": "incident-1" if incident else "",
        "severity": Severity.CRITICAL if incident else None,
        "revision": "aaaaaaaaaa",
        "reason": "CrashLoop",
        "title": "shop/support: rolled back",
        "message": "why",
        "deliveries": [DeliveryStatus(notifier="ops")],
    }
    return NoticeStatus.model_validate(usual | fields)


async def until(condition: Callable[[], Awaitable[object]], what: str) -> None:
    deadline = asyncio.get_running_loop().time() + TIMEOUT_SECONDS
    while not await condition():
        assert asyncio.get_running_loop().time() < deadline, f"waited in vain for {what}"
        await asyncio.sleep(0.05)


async def firing(url: str) -> list[tuple[str, str]]:
    return [(alert["labels"]["alertname"], alert["labels"]["severity"]) for alert in await alerts(url)]


async def test_an_incident_from_its_opening_to_its_end(dispatcher: Dispatcher, port: int, tmp_path: Path) -> None:
    opened = notice(NoticeKind.INCIDENT_OPENED, 10)
    resolved = notice(NoticeKind.INCIDENT_RESOLVED, 0, since=opened.since)
    dispatcher.offer(TEAM, Notify((opened,), (opened,)))
    async with running_alertmanager(tmp_path / "am", port) as url:

        async def delivered() -> bool:
            return bool(dispatcher.outcomes(("shop", "support")))

        await until(delivered, "the alert, tried before Alertmanager was there")
        (alert,) = await alerts(url)
        assert alert["labels"] == {
            "alertname": "AgentTeamIncident",
            "namespace": "shop",
            "agentteam": "support",
            "severity": "critical",
            "revision": "aaaaaaaaaa",
            "reason": "CrashLoop",
        }
        assert alert["annotations"] == {"summary": "shop/support: rolled back", "description": "why"}
        assert datetime.fromisoformat(alert["startsAt"]) - opened.at < timedelta(milliseconds=1)
        first_end = datetime.fromisoformat(alert["endsAt"])

        async def is_renewed() -> bool:
            (again,) = await alerts(url)
            return bool(datetime.fromisoformat(again["endsAt"]) > first_end)

        await until(is_renewed, "the alert to be renewed, and to be one still")
        dispatcher.offer(TEAM, Notify((opened, resolved)))

        async def is_over() -> bool:
            return await alerts(url) == []

        await until(is_over, "the alert to end")
    assert [outcome.state for outcome in dispatcher.outcomes(("shop", "support"))] == [DeliveryState.DELIVERED] * 2


async def test_an_alertmanager_that_was_restarted_hears_of_it_again(
    dispatcher: Dispatcher, port: int, tmp_path: Path
) -> None:
    opened = notice(NoticeKind.INCIDENT_OPENED, 10)
    dispatcher.offer(TEAM, Notify((), (opened,)))
    for life in ("first", "second"):
        async with running_alertmanager(tmp_path / life, port) as url:

            async def fires(url: str = url) -> bool:
                return await firing(url) == [("AgentTeamIncident", "critical")]

            await until(fires, f"the alert in Alertmanager's {life} life")


ENDS = {
    "the pause is over": lambda dispatcher: dispatcher.offer(TEAM, Notify(())),
    "the team is deleted": lambda dispatcher: dispatcher.forget(("shop", "support")),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
async def test_a_pause_that_waits_for_a_person_ends(
    dispatcher: Dispatcher, port: int, tmp_path: Path, end: Callable[[Dispatcher], None]
) -> None:
    paused = notice(NoticeKind.PROMOTION_AWAITED, 10)
    async with running_alertmanager(tmp_path / "am", port) as url:
        dispatcher.offer(TEAM, Notify((paused,), (paused,)))

        async def asks() -> bool:
            return await firing(url) == [("AgentTeamPromotionAwaited", "info")]

        await until(asks, "the person to be asked")
        end(dispatcher)

        async def is_over() -> bool:
            return await alerts(url) == []

        await until(is_over, "the alert to end")
