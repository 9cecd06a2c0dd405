"""A small client of the API server, on the standard library: enough to apply manifests and to read conditions."""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from .errors import ClusterError
from .profiles import Profile

_TIMEOUT_SECONDS = 5.0
_FIELD_MANAGER = "agentteam-local-cluster"


def tls_context(profile: Profile) -> ssl.SSLContext:
    """Trusts the cluster's authority and shows the administrator's certificate."""
    context = ssl.create_default_context(cafile=str(profile.pki_dir / "ca.crt"))
    context.load_cert_chain(profile.pki_dir / "admin.crt", profile.pki_dir / "admin.key")
    return context


def answers(url: str, context: ssl.SSLContext | None = None) -> bool:
    """Whether a GET of the URL is answered with 200."""
    opener = _opener(context)
    try:
        with opener.open(url, timeout=_TIMEOUT_SECONDS) as response:
            return bool(response.status == http.client.OK)
    except (OSError, http.client.HTTPException):
        return False


def _opener(context: ssl.SSLContext | None) -> urllib.request.OpenerDirector:
    # These are this machine's own addresses: a proxy named in the environment must not get them.
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))


class ApiClient:
    """Requests to one cluster's API server as its administrator."""

    def __init__(self, profile: Profile) -> None:
        self._base = f"https://{profile.api_address}:{profile.ports.apiserver}"
        self._opener = _opener(tls_context(profile))

    def get(self, path: str) -> dict[str, Any] | None:
        """The object or list at an API path; None where it doesn't exist or the server doesn't answer."""
        try:
            return self._request("GET", path)
        except (OSError, http.client.HTTPException):
            return None

    def apply(self, path: str, manifest: Mapping[str, Any]) -> None:
        """Server-side apply the manifest to the object at ``path``.

        Raises:
            ClusterError: with the API server's message when it refuses.
        """
        try:
            self._request("PATCH", f"{path}?fieldManager={_FIELD_MANAGER}&force=true", manifest)
        except urllib.error.HTTPError as error:
            raise ClusterError(f"the API server refused {path}: {error.read().decode(errors='replace')}") from error
        except (OSError, http.client.HTTPException) as error:
            raise ClusterError(f"the API server didn't take {path}: {error}; run `up` again") from error

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310
            self._base + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/apply-patch+yaml", "Accept": "application/json"},
        )
        with self._opener.open(request, timeout=_TIMEOUT_SECONDS) as response:
            document: dict[str, Any] = json.load(response)
        return document
