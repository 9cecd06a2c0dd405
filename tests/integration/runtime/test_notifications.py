"""The operator as a process tells a real Alertmanager, a webhook and a chat of a real rollback."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from agentteam_operator.core import names
from agentteam_operator.kube.resources import EVENT
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.cluster import programs
from tests.integration.runtime.conftest import StartOperator
from tests.integration.runtime.stand_in_node import Pod, StandInNode, always_ready
from tests.integration.runtime.team import QUICK, Team, rolled_out
from tests.integration.runtime.until import until
from tests.support.alertmanager import alerts, free_port, running_alertmanager

KEY = bytes(range(24))
CANARY = "canary-7f3a"
"""Part of every secret that the operator is given: it may turn up nowhere."""


@dataclass
class Receiver:
    """Webhook and chat in one: remembers what it got, and answers late if the test wants it."""

    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    answers: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.Response:
        self.got.append((request.path, dict(request.headers), await request.read()))
        await self.answers.wait()
        return web.Response()

    def of(self, path: str) -> list[tuple[dict[str, str], bytes]]:
        """Requests of one path."""
        return [(headers, body) for found, headers, body in self.got if found.startswith(path)]


@asynccontextmanager
async def listening(receiver: Receiver) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/{path:.*}", receiver.take)
    async with TestServer(app, shutdown_timeout=0) as server:
        yield f"http://{server.host}:{server.port}"
        receiver.answers.set()


@pytest.fixture(scope="module", autouse=True)
def _alertmanager_is_built() -> None:
    programs.build(["fast"])


def notifiers_file(folder: Path, receiver_url: str, alertmanager_url: str = "") -> str:
    """What the operator's owner writes."""
    headers = {"Authorization": f"Bearer {CANARY}"}
    notifiers: list[dict[str, Any]] = [
        {
            "name": "hook",
            "kind": "Webhook",
            "url": f"{receiver_url}/hook/{CANARY}",
            "secret": "whsec_" + base64.b64encode(KEY).decode(),
            "headers": headers,
            "timeoutSeconds": 60,
        },
        {"name": "chat", "kind": "Slack", "url": f"{receiver_url}/chat/{CANARY}"},
        {"name": "dead", "kind": "Slack", "url": f"http://127.0.0.1:1/{CANARY}"},
    ]
    if alertmanager_url:
        notifiers.append({"name": "ops", "kind": "Alertmanager", "url": alertmanager_url, "headers": headers})
    path = folder / "notifiers.yaml"
    path.write_text(yaml.safe_dump({"notifiers": notifiers}))
    return str(path)


def no_image_but(blue: str) -> Callable[[Pod], str]:
    """The node's behaviour: pods of all other revisions find no image."""
    return lambda pod: "ready" if pod["metadata"]["labels"][names.LABEL_REVISION] == blue else "ImagePullBackOff"


async def roll_back(team: Team, node: StandInNode, notifiers: list[str]) -> None:
    await team.create(rollout={**QUICK, "notifications": notifiers})
    node.behaviour = no_image_but(await rolled_out(team))
    await team.change("two")
    await until(team.is_in("RolledBack"), what="the rollback")


def deliveries_are(team: Team, **wanted: str) -> Callable[[], Any]:
    """A condition: the status says so of the first notice."""

    async def condition() -> bool:
        notices = (await team.status()).get("notifications") or [{}]
        return {one["notifier"]: one["state"] for one in notices[0].get("deliveries", [])} == wanted

    return condition


def is_signed(headers: dict[str, str], body: bytes) -> bool:
    """As a receiver checks it."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    return hmac.compare_digest(headers["webhook-signature"], f"v1,{wanted}")


async def test_a_rollback_is_told_to_every_notifier_that_hears(
    team: Team, node: StandInNode, start_operator: StartOperator, tmp_path: Path
) -> None:
    receiver = Receiver()
    receiver.answers.set()
    async with (
        listening(receiver) as url,
        running_alertmanager(tmp_path / "am", free_port()) as alertmanager,
    ):
        operator = start_operator(NOTIFIERS_FILE=notifiers_file(tmp_path, url, alertmanager))
        await roll_back(team, node, ["hook", "chat", "ops", "dead"])
        told = deliveries_are(team, hook="Delivered", chat="Delivered", ops="Delivered", dead="Pending")
        await until(told, what="all but the dead one to be told")
        (alert,) = await alerts(alertmanager)
    status = await team.status()
    incident = status["lastIncident"]
    assert (incident["severity"], incident["reason"]) == ("Warning", "ImagePullFailed")
    assert "ImagePullBackOff" in incident["description"]
    assert alert["labels"] == {
        "alertname": "AgentTeamIncident",
        "namespace": team.namespace,
        "agentteam": team.name,
        "severity": "warning",
        "revision": incident["revision"],
        "reason": "ImagePullFailed",
    }
    ((headers, body),) = receiver.of("/hook/")
    assert is_signed(headers, body)
    assert headers["webhook-id"] == status["notifications"][0]["id"]
    assert json.loads(body)["data"]["incident"] == incident["id"]
    ((_, text),) = receiver.of("/chat/")
    assert json.loads(text)["text"].startswith(f"*Warning* {team.namespace}/{team.name}: revision")
    events = (await team.kube.list(EVENT, team.namespace))["items"]
    assert [event["type"] for event in events if event["reason"] == "IncidentOpened"] == ["Warning"]
    for place in (json.dumps(status), json.dumps(events), operator.log_text):
        assert CANARY not in place


async def test_an_incident_ends_with_the_version_that_mends_it(
    team: Team, node: StandInNode, start_operator: StartOperator, tmp_path: Path
) -> None:
    """It takes the minute of calm."""
    receiver = Receiver()
    receiver.answers.set()
    async with (
        listening(receiver) as url,
        running_alertmanager(tmp_path / "am", free_port()) as alertmanager,
    ):
        start_operator(NOTIFIERS_FILE=notifiers_file(tmp_path, url, alertmanager))
        await roll_back(team, node, ["hook", "ops"])
        incident = (await team.status())["lastIncident"]["id"]
        node.behaviour = always_ready
        await team.change("three")

        async def is_resolved() -> bool:
            last = (await team.status())["lastIncident"]
            return last["id"] == incident and "resolvedAt" in last

        await until(is_resolved, what="the incident to be resolved")

        async def no_alert_is_left() -> bool:
            return await alerts(alertmanager) == []

        await until(no_alert_is_left, what="the alert to end")
        told = [json.loads(body) for _, body in receiver.of("/hook/")]
    assert [(one["type"], one["data"]["incident"]) for one in told] == [
        ("IncidentOpened", incident),
        ("IncidentResolved", incident),
    ]


async def test_killed_while_it_tells_it_tells_the_same_again(
    team: Team, node: StandInNode, start_operator: StartOperator, tmp_path: Path
) -> None:
    receiver = Receiver()
    async with listening(receiver) as url:
        operator = start_operator(NOTIFIERS_FILE=notifiers_file(tmp_path, url))
        await roll_back(team, node, ["hook"])

        async def heard(times: int = 1) -> bool:
            return len(receiver.of("/hook/")) >= times

        await until(heard, what="the webhook to be called; its answer never comes")
        operator.kill()
        operator.restart()

        async def heard_again() -> bool:
            return await heard(2)

        await until(heard_again, what="the webhook to be called again")
        receiver.answers.set()
        await until(deliveries_are(team, hook="Delivered"), what="the delivery to be written down")
    (first, _), (second, _) = receiver.of("/hook/")
    assert first["webhook-id"] == second["webhook-id"]
    assert all(is_signed(headers, body) for headers, body in receiver.of("/hook/"))
    assert len((await team.status())["notifications"]) == 1


async def test_an_unknown_notifier_is_told_and_hinders_nothing(
    team: Team, start_operator: StartOperator, tmp_path: Path
) -> None:
    start_operator(NOTIFIERS_FILE=notifiers_file(tmp_path, "http://127.0.0.1:1"))
    await team.create(rollout={**QUICK, "notifications": ["chat", "pigeon"]})
    await rolled_out(team)
    (condition,) = [one for one in (await team.status())["conditions"] if one["type"] == "NotifiersKnown"]
    assert (condition["status"], condition["reason"]) == ("False", "UnknownNotifier")
    assert "names pigeon" in condition["message"]


async def test_a_file_that_cannot_be_used_ends_the_operator_at_once(
    start_operator: StartOperator, tmp_path: Path
) -> None:
    path = tmp_path / "notifiers.yaml"
    path.write_text(yaml.safe_dump({"notifiers": [{"name": "a", "kind": "Slack", "url": CANARY}]}))
    operator = start_operator(NOTIFIERS_FILE=str(path))
    assert await operator.exit_code() == 1
    assert "notifier 'a', url: must begin with http:// or https:// and name a host" in operator.log_text
    assert CANARY not in operator.log_text
