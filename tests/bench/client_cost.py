"""What a request to the API server costs: our client, and kubernetes.aio with its models.

KUBECONFIG=... python -m tests.bench.client_cost
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import time
from collections.abc import Awaitable, Callable
from typing import Any

from agentteam_operator.kube.client import KubeClient, load_configuration
from agentteam_operator.kube.errors import AlreadyExists
from agentteam_operator.kube.resources import DEPLOYMENT, SERVICE
from kubernetes.aio.client import ApiClient, AppsV1Api, CoreV1Api

from tests.bench.watch_cost import NAMESPACES, manifest_of

NAMESPACE = "bench-client-cost"
LISTED = 500


def processor_seconds() -> float:
    """Processor time of this process so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def measure(what: str, request: Callable[[], Awaitable[object]], times: int) -> None:
    """Print what one request costs, after some that warm up."""
    for _ in range(max(1, times // 20)):
        await request()
    cpu, wall = processor_seconds(), time.perf_counter()
    for _ in range(times):
        await request()
    cpu, wall = processor_seconds() - cpu, time.perf_counter() - wall
    print(f"{what:45s} {cpu / times * 1e3:8.2f} ms processor {wall / times * 1e3:8.2f} ms in all")


async def main() -> None:
    """Prepare, measure, tidy up."""
    configuration = await load_configuration()
    async with KubeClient(configuration) as ours, ApiClient(configuration) as theirs:
        core: Any = CoreV1Api(theirs)
        apps: Any = AppsV1Api(theirs)
        with contextlib.suppress(AlreadyExists):
            await ours.request("POST", NAMESPACES, what="namespace", body={"metadata": {"name": NAMESPACE}})
        try:
            for number in range(LISTED):
                body = manifest_of(number)
                body["metadata"]["namespace"] = NAMESPACE
                await ours.request("POST", DEPLOYMENT.path(NAMESPACE), what="make one", body=body)

            async def raw() -> object:
                answer = await apps.list_namespaced_deployment_without_preload_content(NAMESPACE)
                return json.loads(await answer.read())

            await measure("get a Service, ours", lambda: ours.get(SERVICE, "default", "kubernetes"), 1000)
            await measure("get a Service, models", lambda: core.read_namespaced_service("kubernetes", "default"), 1000)
            await measure(f"list {LISTED} Deployments, ours", lambda: ours.list(DEPLOYMENT, NAMESPACE), 10)
            await measure(f"list {LISTED} Deployments, generated, raw", raw, 10)
            await measure(f"list {LISTED} Deployments, models", lambda: apps.list_namespaced_deployment(NAMESPACE), 10)
        finally:
            await ours.request("DELETE", f"{NAMESPACES}/{NAMESPACE}", what="tidy up")


if __name__ == "__main__":
    asyncio.run(main())
