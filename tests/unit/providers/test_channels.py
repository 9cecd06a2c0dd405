"""What each kind of notifier is sent, and what is made of its answers."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from agentteam_operator.api.incident_status import DeliveryStatus, NoticeKind, NoticeStatus, Severity
from agentteam_operator.core.observed import TeamRef
from agentteam_operator.providers.notifications.channels import Channel, DeliveryError, Told, channel_of
from agentteam_operator.providers.notifications.config import NotifierConfig
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import TypeAdapter

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
KEY = bytes(range(24))
TEAM = TeamRef("shop", "support", "uid-team", 1, "7")
OPENED = NoticeStatus(
    id="notice-1",
    kind=NoticeKind.INCIDENT_OPENED,
    at=NOW - timedelta(minutes=5),
    since=NOW - timedelta(minutes=5),
    incident="incident-1",
    severity=Severity.CRITICAL,
    revision="aaaaaaaaaa",
    version="1.2",
    reason="CrashLoop",
    title="shop/support: version 1.2 <aaaaaaaaaa> is rolled back: CrashLoop",
    message="pod x: KeyError & more\ngate errorRate: 94 %",
    deliveries=[DeliveryStatus(notifier="one")],
)
RESOLVED = OPENED.model_copy(update={"id": "notice-2", "kind": NoticeKind.INCIDENT_RESOLVED, "at": NOW})
PAUSED = NoticeStatus(
    id="notice-3", kind=NoticeKind.PROMOTION_AWAITED, at=NOW, since=NOW, revision="aaaaaaaaaa", reason="Inconclusive"
)


@dataclass
class Receiver:
    """Answers as told, and remembers what it got."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.got.append((request.path, dict(request.headers), await request.read()))
        return web.Response(status=self.status, headers=self.headers)

    @property
    def document(self) -> Any:  # noqa: ANN401 - JSON
        return json.loads(self.got[-1][2])


@dataclass
class Bench:
    receiver: Receiver
    url: str
    channels: list[Channel] = field(default_factory=list)

    def channel(self, kind: str, **fields: object) -> Channel:
        made = TypeAdapter(NotifierConfig).validate_python({"name": "one", "kind": kind, "url": self.url, **fields})
        channel = channel_of(made, lambda: NOW)
        self.channels.append(channel)
        return channel

    def webhook(self, **fields: object) -> Channel:
        return self.channel("Webhook", secret="whsec_" + base64.b64encode(KEY).decode(), **fields)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/{path:.*}", receiver.take)
    async with TestServer(app) as server:
        bench = Bench(receiver, f"http://{server.host}:{server.port}/in")
        yield bench
        for channel in bench.channels:
            await channel.close()


LABELS = {
    "alertname": "AgentTeamIncident",
    "namespace": "shop",
    "agentteam": "support",
    "severity": "critical",
    "revision": "aaaaaaaaaa",
    "reason": "CrashLoop",
}


async def test_an_alert_fires_until_it_is_resolved(bench: Bench) -> None:
    channel = bench.channel("Alertmanager")
    await channel.send(Told(TEAM, OPENED))
    (fires,) = bench.receiver.document
    await channel.send(Told(TEAM, RESOLVED))
    (over,) = bench.receiver.document
    assert bench.receiver.got[0][0] == "/in/api/v2/alerts"
    assert fires["labels"] == over["labels"] == LABELS
    assert fires["startsAt"] == over["startsAt"] == "2026-01-05T11:55:00+00:00"
    assert fires["endsAt"] == "2026-01-05T12:15:00+00:00", "unless it is renewed"
    assert over["endsAt"] == "2026-01-05T12:00:00+00:00"
    assert fires["annotations"] == {"summary": OPENED.title, "description": OPENED.message}


async def test_what_goes_on_and_what_is_over_is_repeated_together(bench: Bench) -> None:
    await bench.channel("Alertmanager").repeat([Told(TEAM, PAUSED, NOW), Told(TEAM, OPENED)])
    paused, fires = bench.receiver.document
    assert paused["labels"] == {
        "alertname": "AgentTeamPromotionAwaited",
        "namespace": "shop",
        "agentteam": "support",
        "severity": "info",
        "revision": "aaaaaaaaaa",
        "reason": "Inconclusive",
    }
    assert paused["endsAt"] == "2026-01-05T12:00:00+00:00"
    assert fires["endsAt"] == "2026-01-05T12:15:00+00:00"


async def test_a_webhook_is_signed_over_id_time_and_body(bench: Bench) -> None:
    await bench.webhook(headers={"Authorization": "Bearer mine"}).send(Told(TEAM, OPENED))
    path, headers, body = bench.receiver.got[0]
    wanted = hmac.new(KEY, b"notice-1.1767614400." + body, hashlib.sha256).digest()
    assert (path, headers["webhook-id"], headers["webhook-timestamp"]) == ("/in", "notice-1", "1767614400")
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(wanted).decode()}"
    assert headers["Authorization"] == "Bearer mine"
    assert json.loads(body) == {
        "type": "IncidentOpened",
        "timestamp": "2026-01-05T11:55:00Z",
        "data": {
            "namespace": "shop",
            "agentteam": "support",
            "uid": "uid-team",
            "incident": "incident-1",
            "severity": "Critical",
            "since": "2026-01-05T11:55:00Z",
            "revision": "aaaaaaaaaa",
            "version": "1.2",
            "reason": "CrashLoop",
            "title": OPENED.title,
            "message": OPENED.message,
        },
    }


async def test_slack_gets_text_for_people(bench: Bench) -> None:
    await bench.channel("Slack").send(Told(TEAM, OPENED))
    assert bench.receiver.document["text"].splitlines() == [
        "*Critical* shop/support: version 1.2 &lt;aaaaaaaaaa&gt; is rolled back: CrashLoop",
        "> pod x: KeyError &amp; more",
        "> gate errorRate: 94 %",
    ]


@pytest.mark.parametrize("kind", list(NoticeKind))
async def test_slack_knows_every_kind(bench: Bench, kind: NoticeKind) -> None:
    await bench.channel("Slack").send(Told(TEAM, OPENED.model_copy(update={"kind": kind})))
    assert bench.receiver.document["text"].startswith("*")


@pytest.mark.parametrize("kind", ["Slack", "Webhook"])
async def test_who_remembers_is_told_nothing_twice(bench: Bench, kind: str) -> None:
    channel = bench.webhook() if kind == "Webhook" else bench.channel(kind)
    await channel.repeat([Told(TEAM, OPENED)])
    assert (bench.receiver.got, channel.repeats) == ([], False)


ANSWERS = {
    "accepted": (202, {}, None),
    "redirect": (302, {"Location": "http://elsewhere/"}, ("answered 302", False, 0.0)),
    "not allowed": (401, {}, ("answered 401", False, 0.0)),
    "malformed": (400, {}, ("answered 400", True, 0.0)),
    "too much": (413, {}, ("answered 413", True, 0.0)),
    "too often": (429, {"Retry-After": "7"}, ("answered 429", False, 7.0)),
    "much too often": (429, {"Retry-After": "86400"}, ("answered 429", False, 300.0)),
    "at a date": (503, {"Retry-After": "Mon, 05 Jan 2026 12:00:00 GMT"}, ("answered 503", False, 0.0)),
}


@pytest.mark.parametrize(("status", "headers", "wanted"), ANSWERS.values(), ids=ANSWERS)
async def test_answers(
    bench: Bench, status: int, headers: dict[str, str], wanted: tuple[str, bool, float] | None
) -> None:
    bench.receiver.status, bench.receiver.headers = status, headers
    found = None
    try:
        await bench.channel("Slack").send(Told(TEAM, OPENED))
    except DeliveryError as error:
        found = (str(error), error.final, error.retry_after_seconds)
    assert found == wanted
    assert len(bench.receiver.got) == 1, "a redirect isn't followed with the key"


UNREACHABLE = {
    "nobody listens": ("http://127.0.0.1:1/topsecret", "can't be reached: Connection refused"),
    "no TLS there": ("https", "no trusted TLS connection"),
    "no such host": ("http://topsecret.invalid/", "can't be reached: "),
}


@pytest.mark.parametrize(("url", "words"), UNREACHABLE.values(), ids=UNREACHABLE)
async def test_why_it_failed_is_told_without_its_address(bench: Bench, url: str, words: str) -> None:
    if url == "https":
        url = bench.url.replace("http://", "https://") + "/topsecret"
    with pytest.raises(DeliveryError) as caught:
        await bench.channel("Slack", url=url).send(Told(TEAM, OPENED))
    assert str(caught.value).startswith(words)
    assert not re.search(r"topsecret|127\.0\.0\.1", str(caught.value))
    assert caught.value.__cause__ is None


async def test_a_slow_one_is_given_its_time(bench: Bench) -> None:
    async def hang(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    app = web.Application()
    app.router.add_post("/in", hang)
    async with TestServer(app, shutdown_timeout=0) as server:
        url = f"http://{server.host}:{server.port}/in"
        with pytest.raises(DeliveryError, match=r"no answer within 0\.1 s"):
            await bench.channel("Slack", url=url, timeout_seconds=0.1).send(Told(TEAM, OPENED))
