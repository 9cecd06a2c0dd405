"""What it costs to keep an eye on many children: kopf's own stream against ours.

Makes Deployments as the operator builds them (scaled to 0) in a namespace of its own, lets each kind of watch take them
in within a fresh process, and prints the memory that each object costs and the time until all are in.

    KUBECONFIG=... python -m tests.bench.watch_cost [number of objects]
"""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
import time
from typing import Any, cast

from agentteam_operator.api.revision import revision_document
from agentteam_operator.api.spec import AgentTeamSpec
from agentteam_operator.core import names
from agentteam_operator.core.build import deployment
from agentteam_operator.core.observed import TeamRef
from agentteam_operator.kube.client import KubeClient, load_configuration
from agentteam_operator.kube.resources import DEPLOYMENT
from agentteam_operator.observe.store import Store
from agentteam_operator.observe.watch import Watch

NAMESPACE = "bench-watch-cost"
NAMESPACES = "/api/v1/namespaces"
SPEC = {
    "models": [{"name": "main", "provider": "OpenAI", "model": "gpt-4o", "baseURL": "http://llm.example/v1"}],
    "team": {"type": "RoundRobin", "maxTurns": 1, "agents": [{"name": "greeter", "model": "main"}]},
}


def resident_bytes() -> int:
    """What the process holds in memory now, or at most so far where the system doesn't say."""
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123
            return int(statm.read().split()[1]) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def manifest_of(number: int) -> dict[str, Any]:
    """A revision's Deployment of one of many teams."""
    name = f"team-{number}"
    document = revision_document(
        AgentTeamSpec.parse(SPEC), name=name, namespace=NAMESPACE, default_image="agent:1", builder_version="bench"
    )
    built = dict(deployment.build(TeamRef(NAMESPACE, name, "uid", 1, "1"), document, replicas=0))
    built["metadata"] = {key: value for key, value in built["metadata"].items() if key != "ownerReferences"}
    return built


async def prepare(client: KubeClient, count: int) -> None:
    """Make the objects, some at a time."""
    await client.request("POST", NAMESPACES, what="namespace", body={"metadata": {"name": NAMESPACE}})
    slots = asyncio.Semaphore(16)

    async def make(number: int) -> None:
        async with slots:
            await client.request("POST", DEPLOYMENT.path(NAMESPACE), what="make one", body=manifest_of(number))

    await asyncio.gather(*(make(number) for number in range(count)))


async def measure_ours(count: int) -> None:
    """Our watch, into the store."""
    async with KubeClient(await load_configuration()) as client:
        store = Store(lambda _: None)
        watch = Watch(client, store, DEPLOYMENT, NAMESPACE, lambda: None)
        await client.get(DEPLOYMENT, NAMESPACE, names.revision_object("team-0", await _revision(client)))
        before, started = resident_bytes(), time.perf_counter()
        task = asyncio.create_task(watch.run())
        await watch.synced.wait()
        _report("ours", count, before, started)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _revision(client: KubeClient) -> str:
    listed = await client.list(DEPLOYMENT, NAMESPACE, extra={"limit": "1"})
    return str(listed["items"][0]["metadata"]["labels"][names.LABEL_REVISION])


async def measure_kopf(count: int) -> None:
    """kopf's stream with the same selector and a handler that keeps nothing."""
    import kopf  # noqa: PLC0415 - only in the process that measures it

    registry = kopf.OperatorRegistry()
    seen: set[str] = set()
    stop = asyncio.Event()

    @kopf.on.login(registry=registry)
    def login(**kwargs: Any) -> kopf.ConnectionInfo | None:  # noqa: ANN401 - kopf's own convention
        return kopf.login_via_client(**kwargs)

    @kopf.on.event("apps", "v1", "deployments", registry=registry)
    async def event(name: str, **_: object) -> None:
        seen.add(name)
        if len(seen) == count:
            stop.set()

    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.watching.label_selectors["apps", "v1", "deployments"] = f"{names.LABEL_MANAGED_BY}={names.MANAGED_BY}"
    before, started = resident_bytes(), time.perf_counter()
    task = asyncio.create_task(
        kopf.operator(
            registry=registry,
            settings=settings,
            standalone=True,
            namespaces=[NAMESPACE],
            stop_flag=stop,
            identity=cast("Any", "bench"),
        )
    )
    await stop.wait()
    _report("kopf", count, before, started)
    await task


def _report(what: str, count: int, before: int, started: float) -> None:
    kib = (resident_bytes() - before) / count / 1024
    print(f"{what:5s} {count} Deployments: {kib:5.1f} KiB each, all in after {time.perf_counter() - started:.1f} s")


async def main(count: int) -> None:
    """Prepare, measure each kind of watch in a process of its own, and tidy up."""
    async with KubeClient(await load_configuration()) as client:
        try:
            await prepare(client, count)
            for what in ("ours", "kopf"):
                command = [sys.executable, "-m", "tests.bench.watch_cost", str(count), what]
                await asyncio.to_thread(subprocess.run, command, check=True, env=dict(os.environ))
        finally:
            await client.request("DELETE", f"{NAMESPACES}/{NAMESPACE}", what="tidy up")


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    match sys.argv[2:]:
        case ["ours"]:
            asyncio.run(measure_ours(wanted))
        case ["kopf"]:
            asyncio.run(measure_kopf(wanted))
        case _:
            asyncio.run(main(wanted))
