"""How each kind of notifier is told: one request, which comes back as done or as a reason in plain words.

Reasons name neither address nor key, since they end up in the team's status: of an error only its kind is told.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Protocol, assert_never

import aiohttp
from yarl import URL

from agentteam_operator.api.incident_status import NoticeKind, NoticeStatus, Severity
from agentteam_operator.core.observed import TeamRef
from agentteam_operator.providers import unreachable
from agentteam_operator.providers.notifications.config import (
    AlertmanagerConfig,
    NotifierConfig,
    SlackConfig,
    WebhookConfig,
)

FIRING = timedelta(minutes=15)
"""How long an alert stands without being renewed: for the operator's restarts, but not for ever once a team is gone."""

_REFUSED_FOR_GOOD = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY}
)
"""Answers to what was said. Others (401, 404) are mended at the receiver, or in the operator's configuration."""

_MAX_RETRY_AFTER_SECONDS = 300.0


class DeliveryError(Exception):
    """It wasn't delivered; the message says why, without any secret."""

    def __init__(self, message: str, *, final: bool = False, retry_after_seconds: float = 0.0) -> None:
        """`final`: another attempt would end the same."""
        super().__init__(message)
        self.final = final
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True, slots=True)
class Told:
    """Something that there is to tell of a team."""

    team: TeamRef
    notice: NoticeStatus
    ended_at: datetime | None = None
    """Of what goes on: when it came to an end."""


class Channel(Protocol):
    """One configured notifier."""

    name: str
    concurrency: int
    """Requests at once."""
    repeats: bool
    """It forgets: what goes on is told it again and again."""

    async def send(self, told: Told) -> None:
        """Tell it once.

        Raises:
            DeliveryError: not delivered, as far as one knows.
        """

    async def repeat(self, all_of_it: Sequence[Told]) -> None:
        """Tell it once more what goes on, and what has come to an end.

        Raises:
            DeliveryError: as above.
        """

    async def close(self) -> None:
        """Close the connections."""


def channel_of(config: NotifierConfig, clock: Callable[[], datetime]) -> Channel:
    """The channel of a configured notifier."""
    match config:
        case AlertmanagerConfig():
            return Alertmanager(config, clock)
        case WebhookConfig():
            return Webhook(config, clock)
        case SlackConfig():
            return Slack(config)
        case _:
            assert_never(config)


class _Http:
    """What all have in common: a POST of JSON."""

    concurrency = 4
    repeats = False

    def __init__(self, config: AlertmanagerConfig | WebhookConfig | SlackConfig) -> None:
        self.name = config.name
        self._session: aiohttp.ClientSession | None = None
        self._url = URL(config.url.get_secret_value())
        self._timeout = aiohttp.ClientTimeout(total=config.timeout_seconds)
        self._headers = {name: value.get_secret_value() for name, value in config.headers.items()}
        self._tls = config.tls

    async def repeat(self, all_of_it: Sequence[Told]) -> None:
        """See `Channel`. Whoever remembers isn't told twice."""

    async def close(self) -> None:
        """See `Channel`."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _post(self, url: URL, document: object, headers: Callable[[bytes], Mapping[str, str]]) -> None:
        body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
        whole = {"Content-Type": "application/json", **self._headers, **headers(body)}
        if self._session is None:
            self._session = aiohttp.ClientSession(trust_env=True)  # of its own, so that no notifier waits for another's
        try:
            # A redirect is a login page, or a place that the key isn't meant for.
            async with self._session.post(
                url, data=body, headers=whole, timeout=self._timeout, ssl=self._tls, allow_redirects=False
            ) as answer:
                status, wish = answer.status, answer.headers.get("Retry-After", "")
        except TimeoutError:
            raise DeliveryError(f"no answer within {self._timeout.total:g} s") from None
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError):
            raise DeliveryError("no trusted TLS connection can be made") from None
        except aiohttp.ClientConnectorError as error:
            raise DeliveryError(f"can't be reached: {unreachable.reason(error.os_error)}") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise DeliveryError(f"the request failed: {type(error).__name__}") from None
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            seconds = min(float(wish), _MAX_RETRY_AFTER_SECONDS) if wish.isdecimal() else 0.0
            raise DeliveryError(f"answered {status}", final=status in _REFUSED_FOR_GOOD, retry_after_seconds=seconds)


class Alertmanager(_Http):
    """Alerts, which Alertmanager tells apart by their labels: those of one incident are always the same."""

    concurrency = 1  # an older word that goes on mustn't overtake the one that it is over
    repeats = True

    def __init__(self, config: AlertmanagerConfig, clock: Callable[[], datetime]) -> None:
        """`clock` gives the present, aware of its zone."""
        super().__init__(config)
        self._clock = clock
        self._alerts = self._url / "api/v2/alerts"

    async def send(self, told: Told) -> None:
        """See `Channel`."""
        await self.repeat([told])

    async def repeat(self, all_of_it: Sequence[Told]) -> None:
        """See `Channel`."""
        now = self._clock()
        await self._post(self._alerts, [alert(told, now) for told in all_of_it], lambda _: {})


def alert(told: Told, now: datetime) -> dict[str, Any]:
    """An alert of Alertmanager's API v2: firing for as long as it is renewed, or over."""
    team, notice = told.team, told.notice
    ended_at = notice.at if notice.kind is NoticeKind.INCIDENT_RESOLVED else told.ended_at
    paused = notice.kind is NoticeKind.PROMOTION_AWAITED
    labels = {
        "alertname": "AgentTeamPromotionAwaited" if paused else "AgentTeamIncident",
        "namespace": team.namespace,
        "agentteam": team.name,
        "severity": notice.severity.lower() if notice.severity else "info",
        "revision": notice.revision,
        "reason": notice.reason,
    }
    return {
        "labels": {name: value for name, value in labels.items() if value},
        "annotations": {"summary": notice.title, "description": notice.message},
        "startsAt": notice.since.isoformat(),
        "endsAt": (ended_at or now + FIRING).isoformat(),
    }


class Webhook(_Http):
    """Signed JSON, as https://www.standardwebhooks.com has it."""

    def __init__(self, config: WebhookConfig, clock: Callable[[], datetime]) -> None:
        """`clock` gives the present, aware of its zone."""
        super().__init__(config)
        self._clock = clock
        self._key = config.key

    async def send(self, told: Told) -> None:
        """See `Channel`."""
        at = int(self._clock().timestamp())
        await self._post(self._url, payload(told), lambda body: signed(told.notice.id, at, body, self._key))


def payload(told: Told) -> dict[str, Any]:
    """What a webhook's receiver gets: type, timestamp and data, as the specification has it."""
    team, notice = told.team, told.notice
    fields = notice.to_document()
    names = ("incident", "severity", "since", "revision", "version", "reason", "title", "message")
    data = {name: fields[name] for name in names if fields.get(name)}
    return {
        "type": notice.kind.value,
        "timestamp": fields["at"],
        "data": {"namespace": team.namespace, "agentteam": team.name, "uid": team.uid, **data},
    }


def signed(delivery: str, at: int, body: bytes, key: bytes) -> dict[str, str]:
    """The headers by which a receiver knows sender, time and repetition: HMAC-SHA256 over id, time and body.

    Args:
        delivery: the notice's id, the same in every attempt.
        at: seconds since the epoch.
        body: exactly what is sent.
        key: what both sides know.
    """
    digest = hmac.new(key, f"{delivery}.{at}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": delivery,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


class Slack(_Http):
    """A message for people. It knows no ids: after a crash in between it may come twice."""

    async def send(self, told: Told) -> None:
        """See `Channel`."""
        await self._post(self._url, {"text": message(told.notice)}, lambda _: {})


def message(notice: NoticeStatus) -> str:
    """The text in Slack's own markup, with what is special in it escaped."""
    head = {
        NoticeKind.INCIDENT_OPENED: "Critical" if notice.severity is Severity.CRITICAL else "Warning",
        NoticeKind.INCIDENT_RESOLVED: "Resolved",
        NoticeKind.PROMOTION_AWAITED: "Your word is needed",
        NoticeKind.ROLLOUT_COMPLETED: "Done",
    }[notice.kind]
    title, lines = _escaped(notice.title), _escaped(notice.message).splitlines()
    return "\n".join((f"*{head}* {title}", *(f"> {line}" for line in lines)))


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
