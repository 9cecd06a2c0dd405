from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agentteam_operator.api.incident_status import DeliveryStatus, NoticeKind, NoticeStatus
from agentteam_operator.app import App
from agentteam_operator.core.observed import TeamRef
from agentteam_operator.core.telling import Notify
from agentteam_operator.kube import resources
from agentteam_operator.kube.client import KubeClient
from agentteam_operator.metrics import TeamAgents
from agentteam_operator.observe.sampler import Sampling
from agentteam_operator.providers.notifications import NotifierConfig, load_notifiers
from agentteam_operator.settings import Settings

from tests.support.waiting import settle
from tests.unit.runtime import objects


class SilentApiServer(KubeClient):
    """Answers nothing, ever."""

    def __init__(self) -> None:
        pass

    async def list(self, *_: Any, **__: Any) -> dict[str, Any]:  # noqa: ANN401
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")


def watched(app: App) -> set[str]:
    return {task.get_name() for task in app._tasks if task.get_name().startswith("watch-")}


async def test_pod_monitors_are_watched_as_long_as_their_crd_is_there() -> None:
    app = App(Settings(leader_election=False), SilentApiServer(), None)
    failures: list[str] = []
    app.on_failure(lambda: failures.append("a part ended"))
    app._watch(resources.POD)
    for there in (True, False, True, False):
        app.prerequisites.pod_monitors = there
        app._update()
        assert ("watch-podmonitors" in app.pulse._beats) is there, "no one waits for signs of life of what ended"
        await settle()
        assert watched(app) == {"watch-pods"} | ({"watch-podmonitors"} if there else set())
        assert ("watch-podmonitors" in app.pulse._beats) is there
    assert failures == [], "it ended as it should"
    await app.stop()


async def test_only_the_replica_that_acts_counts_agents() -> None:
    app = App(Settings(leader_election=False), SilentApiServer(), None)
    app.store.put(resources.AGENT_TEAM, objects.team(status={"replicas": 3, "readyReplicas": 2}))
    assert list(app._agents()) == []
    app.prerequisites.crd_matches.set()
    counted = TeamAgents(objects.NAMESPACE, objects.TEAM, agents=1, wanted_pods=3, ready_pods=2)
    assert list(app._agents()) == [counted]


async def test_a_replica_that_lost_the_lease_asks_prometheus_for_nothing() -> None:
    app = App(Settings(leader_election=False), SilentApiServer(), None)
    app.prerequisites.crd_matches.set()
    app._update()
    app._sampler.want((objects.NAMESPACE, objects.TEAM), Sampling(5, frozenset({objects.REVISION})))
    app._update()
    assert app._sampler._wanted, "it acts, and goes on"
    app.prerequisites.crd_matches.clear()
    app._update()
    assert not app._sampler._wanted
    assert not app._sampler._due


def notifiers(folder: Path) -> tuple[NotifierConfig, ...]:
    file = folder / "notifiers.yaml"
    file.write_text("notifiers: [{name: chat, kind: Slack, url: 'http://127.0.0.1:1/key', default: true}]")
    return load_notifiers(file)


async def test_decisions_know_the_notifiers_but_not_where_they_are(tmp_path: Path) -> None:
    app = App(Settings(), SilentApiServer(), None, notifiers(tmp_path))
    (facts,) = app.environment().notifiers
    assert (facts.name, facts.default) == ("chat", True)
    assert "127.0.0.1" not in repr(app.environment())


async def test_a_replica_that_lost_the_lease_tells_nobody(tmp_path: Path) -> None:
    app = App(Settings(leader_election=False), SilentApiServer(), None, notifiers(tmp_path))
    app.prerequisites.crd_matches.set()
    app._update()
    now = datetime.now(UTC)
    due = NoticeStatus(
        id="notice-1",
        kind=NoticeKind.INCIDENT_OPENED,
        at=now,
        since=now,
        deliveries=[DeliveryStatus(notifier="chat")],
    )
    app._dispatcher.offer(TeamRef(objects.NAMESPACE, objects.TEAM, "uid", 1, "7"), Notify((due,)))
    app._update()
    assert app._dispatcher._tasks, "it acts, and goes on"
    app.prerequisites.crd_matches.clear()
    app._update()
    assert not app._dispatcher._tasks
    await app.stop()
