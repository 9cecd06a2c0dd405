"""What the API server may answer instead of what was asked for, by what can be done about it."""

from __future__ import annotations

import http
from collections.abc import Mapping
from typing import Any


class KubeError(Exception):
    """A request that failed; the message names the object and gives the server's own words."""

    def __init__(self, message: str, *, status: int = 0) -> None:
        """Keep the message and the HTTP status."""
        super().__init__(message)
        self.status = status
        """HTTP status; 0 when there was no answer."""


class NotFound(KubeError):  # noqa: N818 - the reason's own name in Kubernetes' API
    """The object isn't there."""


class Conflict(KubeError):  # noqa: N818
    """A precondition failed: the object is another one, or has changed since it was read."""


class AlreadyExists(Conflict):
    """An object of this name is there already."""


class Retryable(KubeError):  # noqa: N818
    """Nothing is wrong with the request: it may succeed later (no answer, timeout, 429, 5xx)."""

    def __init__(self, message: str, *, status: int = 0, retry_after_seconds: float = 0.0) -> None:
        """Keep what the server said of when to come back."""
        super().__init__(message, status=status)
        self.retry_after_seconds = retry_after_seconds
        """The server's own wish, from Retry-After; 0 for none."""


class Silent(Retryable):
    """A stream brought nothing for so long that it may be dead: go on with a new one."""


class Gone(Retryable):
    """The version to go on from is no longer kept (410): list again."""


class Terminal(KubeError):  # noqa: N818
    """The request is wrong or forbidden: repeating it changes nothing until someone changes something else."""


class NamespaceEnding(Terminal):
    """The namespace is being deleted: nothing is made in it any more, and all that is in it goes."""


def error_of(status: int, what: str, body: object, retry_after: str = "") -> KubeError:
    """The typed error of an answer with a status of 400 or more.

    Args:
        status: the answer's HTTP status.
        what: the request in words, such as "create Deployment support/chat-0123456789".
        body: the decoded answer, a `Status` object if the API server itself gave it.
        retry_after: the header's value, in seconds.
    """
    fields = body if isinstance(body, dict) else {}
    words = str(fields.get("message") or body or http.HTTPStatus(status).phrase)
    message = f"{what}: {words} (HTTP {status})"
    if status == http.HTTPStatus.NOT_FOUND:
        return NotFound(message, status=status)
    if status == http.HTTPStatus.CONFLICT:
        kind = AlreadyExists if fields.get("reason") == "AlreadyExists" else Conflict
        return kind(message, status=status)
    if status == http.HTTPStatus.GONE:
        return Gone(message, status=status)
    if status in {http.HTTPStatus.TOO_MANY_REQUESTS, http.HTTPStatus.UNAUTHORIZED} or status >= http.HTTPStatus(500):
        # 401 is transient here: a bound token is re-read from its file once it has been renewed.
        return Retryable(message, status=status, retry_after_seconds=_seconds(retry_after))
    return (NamespaceEnding if _says_namespace_ends(fields) else Terminal)(message, status=status)


def _says_namespace_ends(body: Mapping[str, Any]) -> bool:
    """The cause that the API server's own admission gives for a 403, next to words that may change."""
    causes = (body.get("details") or {}).get("causes") or []
    return any(cause.get("reason") == "NamespaceTerminating" for cause in causes)


def _seconds(text: str) -> float:
    return float(text) if text.isdecimal() else 0.0
