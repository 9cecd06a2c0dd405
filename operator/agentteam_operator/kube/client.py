"""One HTTP session with the API server.

`kubernetes.aio` brings the address, the certificates, the credentials (service account or kubeconfig, exec plugins
included), the proxy and the connections; the objects stay plain JSON, without its models. Why: docs/adr/0005.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio import config as kubernetes_config
from kubernetes.aio.client import ApiClient, Configuration

from agentteam_operator.kube.errors import KubeError, NotFound, Retryable, Silent, error_of
from agentteam_operator.kube.resources import Resource

JsonObject = dict[str, Any]

REQUEST_TIMEOUT_SECONDS = 15.0
CONNECT_TIMEOUT_SECONDS = 5.0
USER_AGENT = "agentteam-operator"

JSON = "application/json"
APPLY = "application/apply-patch+yaml"
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


class NoClusterError(Exception):
    """It can't be known where the API server is."""


async def load_configuration() -> Configuration:
    """Where the API server is and how to speak to it: $KUBECONFIG, else the pod's own service account, else ~/.kube.

    Raises:
        NoClusterError: if there is none of them, or it can't be used.
    """
    try:
        return await _load()
    except kubernetes_config.ConfigException as error:
        raise NoClusterError(f"{error}: set KUBECONFIG to a kubeconfig file, or run in a pod with its token") from error


async def _load() -> Configuration:
    configuration = Configuration()
    kubeconfig = os.environ.get("KUBECONFIG") or None
    if not kubeconfig and os.environ.get("KUBERNETES_SERVICE_HOST"):
        kubernetes_config.load_incluster_config(  # type: ignore[no-untyped-call]
            client_configuration=configuration
        )
    else:
        await kubernetes_config.load_kube_config(  # type: ignore[no-untyped-call]
            config_file=kubeconfig, client_configuration=configuration
        )
    return configuration


@dataclass(frozen=True, slots=True)
class _Exchange:
    """One request; `what` opens the message of whatever goes wrong."""

    method: str
    path: str
    what: str
    query: Mapping[str, str]
    timeout: aiohttp.ClientTimeout
    body: object = None
    content_type: str = JSON
    accept: str = JSON


class KubeClient:
    """Requests to the API server, each with a timeout, each failure as a typed error. Use it as a context manager."""

    def __init__(self, configuration: Configuration) -> None:
        """Take the configuration; connections are made as they are needed."""
        self._configuration = configuration
        self._base = str(configuration.host).rstrip("/")
        self._api: Any = ApiClient(configuration)

    async def __aenter__(self) -> Self:
        """Nothing to open: the session begins with its first request."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close all connections."""
        await self._api.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        what: str,
        query: Mapping[str, str] | None = None,
        body: object = None,
        content_type: str = JSON,
        accept: str = JSON,
        timeout_seconds: float = REQUEST_TIMEOUT_SECONDS,
    ) -> JsonObject:
        """The decoded answer.

        Args:
            method: HTTP method.
            path: absolute URL path, as `Resource.path` gives it.
            what: the request in words; opens the message of whatever goes wrong.
            query: URL parameters.
            body: JSON value to send; None for no body.
            content_type: of the body.
            accept: wanted form of the answer.
            timeout_seconds: for the whole exchange.

        Raises:
            KubeError: one of its kinds in `kube.errors`.
        """
        timeout = aiohttp.ClientTimeout(total=timeout_seconds, sock_connect=CONNECT_TIMEOUT_SECONDS)
        exchange = _Exchange(method, path, what, query or {}, timeout, body, content_type, accept)
        async with self._exchange(exchange) as response:
            try:
                answer: JsonObject = json.loads(await response.read())
            except ValueError as error:
                raise Retryable(f"{what}: the API server's answer is no JSON: {error}") from error
            return answer

    async def get(self, resource: Resource, namespace: str, name: str, *, metadata_only: bool = False) -> JsonObject:
        """One object, or NotFound."""
        return await self.request(
            "GET",
            resource.path(namespace, name),
            what=f"get {resource.kind} {namespace}/{name}",
            accept=METADATA_ONLY if metadata_only else JSON,
        )

    async def find(self, resource: Resource, namespace: str, name: str) -> JsonObject | None:
        """One object, or None."""
        try:
            return await self.get(resource, namespace, name)
        except NotFound:
            return None

    async def list(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
        metadata_only: bool = False,
        extra: Mapping[str, str] | None = None,
    ) -> JsonObject:
        """The whole list object (`metadata.resourceVersion`, `items`); the items bear no kind of their own."""
        query = {"labelSelector": labels, "fieldSelector": fields, **(extra or {})}
        return await self.request(
            "GET",
            resource.path(namespace),
            what=f"list {resource.plural} {namespace or 'in all namespaces'}",
            query={key: value for key, value in query.items() if value},
            accept=METADATA_LIST_ONLY if metadata_only else JSON,
            timeout_seconds=4 * REQUEST_TIMEOUT_SECONDS,
        )

    async def watch(
        self, resource: Resource, namespace: str, *, query: Mapping[str, str], metadata_only: bool, idle_seconds: float
    ) -> AsyncIterator[bytes]:
        """A watch's lines as they come; Silent when none came for `idle_seconds`, Retryable when the stream broke."""
        timeout = aiohttp.ClientTimeout(sock_connect=CONNECT_TIMEOUT_SECONDS, sock_read=idle_seconds)
        path, what = resource.path(namespace), f"watch {resource.plural}"
        accept = METADATA_ONLY if metadata_only else JSON
        query = {**query, "watch": "true"}
        async with self._exchange(_Exchange("GET", path, what, query, timeout, accept=accept)) as response:
            while line := await response.content.readline():
                yield line

    @asynccontextmanager
    async def _exchange(self, exchange: _Exchange) -> AsyncIterator[aiohttp.ClientResponse]:
        headers = {
            "Accept": exchange.accept,
            "Content-Type": exchange.content_type,
            "User-Agent": USER_AGENT,
            **await self._authorization(),
        }
        url = self._base + exchange.path + (f"?{urlencode(exchange.query)}" if exchange.query else "")
        try:
            answer = await self._api.rest_client.request(
                exchange.method, url, headers=headers, body=exchange.body, _request_timeout=exchange.timeout
            )
            async with answer.response as response:
                if response.status >= 400:  # noqa: PLR2004 - HTTP's own boundary
                    raise await _refusal(response, exchange.what)
                yield response
        except aiohttp.SocketTimeoutError as error:
            raise Silent(f"{exchange.what}: nothing came any more") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Retryable(f"{exchange.what}: {type(error).__name__}: {error}") from error

    async def _authorization(self) -> dict[str, str]:
        """The bearer token, if that is how we speak; read anew from its file as it is renewed."""
        settings: Mapping[str, Any] = await self._configuration.auth_settings()
        return {
            entry["key"]: entry["value"]
            for entry in settings.values()
            if entry.get("in") == "header" and entry.get("value")
        }


async def _refusal(response: aiohttp.ClientResponse, what: str) -> KubeError:
    text = (await response.read()).decode(errors="replace")
    try:
        body = json.loads(text)
    except ValueError:
        body = text[:512]
    return error_of(response.status, what, body, response.headers.get("Retry-After", ""))


def service_account_namespace() -> str:
    """The pod's own namespace; empty outside a cluster."""
    path = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
    return path.read_text(encoding="utf-8").strip() if path.exists() else ""
