"""The notifiers that the operator's owner configures: a YAML file, mounted from a Secret, read once at start.

Addresses and keys live here alone. They are `SecretStr`, so that no log line or traceback shows them, and what is
wrong with the file is told without any value of it.
"""

from __future__ import annotations

import base64
import binascii
import json
import ssl
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from yarl import URL

from agentteam_operator.api.base import ApiModel, DnsLabel
from agentteam_operator.api.incident_status import MAX_NOTIFIERS, NoticeKind
from agentteam_operator.core.telling import NotifierFacts

DEFAULT_EVENTS = frozenset({NoticeKind.INCIDENT_OPENED, NoticeKind.INCIDENT_RESOLVED, NoticeKind.PROMOTION_AWAITED})

_KEY_PREFIX = "whsec_"
_MIN_KEY_BYTES = 16


class InvalidNotifiersError(Exception):
    """The file of notifiers can't be used; one line for each thing that is wrong, without its value."""


class _Notifier(ApiModel):
    """What every notifier has."""

    model_config = ConfigDict(hide_input_in_errors=True)

    name: DnsLabel
    """By which teams name it in spec.rollout.notifications."""
    url: SecretStr
    """Where it is; for Slack the address is itself a key."""
    default: bool = False
    """It is told of teams that name no notifier."""
    events: frozenset[NoticeKind] = DEFAULT_EVENTS
    """What it is told of. (Not `on`, which YAML 1.1 reads as true.)"""
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    """Headers of each request, such as Authorization."""
    ca: str = ""
    """Certificates (PEM) to trust instead of the system's."""
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 10.0
    """Longest time for one attempt."""

    @field_validator("url")
    @classmethod
    def _is_http(cls, value: SecretStr) -> SecretStr:
        try:
            url = URL(value.get_secret_value())
        except ValueError:
            raise ValueError("is no URL") from None
        if url.scheme not in {"http", "https"} or not url.host:
            raise ValueError("must begin with http:// or https:// and name a host")
        return value

    @field_validator("ca")
    @classmethod
    def _is_pem(cls, value: str) -> str:
        try:
            ssl.create_default_context(cadata=value or None)
        except (ssl.SSLError, ValueError):
            raise ValueError("holds no certificate in PEM") from None
        return value

    @property
    def tls(self) -> ssl.SSLContext | bool:
        """What to trust; True for the system's authorities."""
        return ssl.create_default_context(cadata=self.ca) if self.ca else True


class AlertmanagerConfig(_Notifier):
    """An Alertmanager, by its API v2."""

    kind: Literal["Alertmanager"]

    @model_validator(mode="after")
    def _only_what_lasts(self) -> Self:
        if NoticeKind.ROLLOUT_COMPLETED in self.events:
            raise ValueError("events: RolloutCompleted is no alert, and nothing for an Alertmanager: take it out")
        return self


class WebhookConfig(_Notifier):
    """A receiver of signed JSON, as the Standard Webhooks specification has it."""

    kind: Literal["Webhook"]
    secret: SecretStr
    """The key of the signature: whsec_ and base64."""

    @field_validator("secret")
    @classmethod
    def _is_key(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        try:
            key = base64.b64decode(text.removeprefix(_KEY_PREFIX), validate=True)
        except binascii.Error:
            key = b""
        if not text.startswith(_KEY_PREFIX) or len(key) < _MIN_KEY_BYTES:
            raise ValueError(f"must be {_KEY_PREFIX} and at least {_MIN_KEY_BYTES} random bytes in base64")
        return value

    @property
    def key(self) -> bytes:
        """The key itself."""
        return base64.b64decode(self.secret.get_secret_value().removeprefix(_KEY_PREFIX))


class SlackConfig(_Notifier):
    """An incoming webhook as Slack, Mattermost and Rocket.Chat have it."""

    kind: Literal["Slack"]


NotifierConfig = Annotated[AlertmanagerConfig | WebhookConfig | SlackConfig, Field(discriminator="kind")]


class _File(ApiModel):
    """The whole file."""

    model_config = ConfigDict(hide_input_in_errors=True)

    notifiers: Annotated[tuple[NotifierConfig, ...], Field(max_length=50)] = ()

    @field_validator("notifiers")
    @classmethod
    def _fit_together(cls, value: tuple[NotifierConfig, ...]) -> tuple[NotifierConfig, ...]:
        names = [notifier.name for notifier in value]
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            raise ValueError(f"several are named {', '.join(doubled)}: names must be unique")
        default = sum(notifier.default for notifier in value)
        if default > MAX_NOTIFIERS:
            raise ValueError(
                f"{default} are default, and a team has at most {MAX_NOTIFIERS}: make fewer of them default"
            )
        return value


def load_notifiers(path: Path | None) -> tuple[NotifierConfig, ...]:
    """The notifiers of a file; none without one.

    Raises:
        InvalidNotifiersError: when the file can't be read or used.
    """
    if path is None:
        return ()
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidNotifiersError(f"NOTIFIERS_FILE {path} can't be read: {type(error).__name__}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        raise InvalidNotifiersError(f"NOTIFIERS_FILE {path} is no YAML{where}") from None
    try:
        return _File.model_validate_json(json.dumps(document or {}, default=str), strict=True).notifiers
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False, include_context=False)
        raise InvalidNotifiersError("\n".join(_line(path, document, one["loc"], one["msg"]) for one in found)) from None


def _line(path: Path, document: object, location: Sequence[int | str], message: str) -> str:
    """One mistake, with the notifier's name where it has one."""
    named, *rest = ".".join(map(str, location[:2])), *location[2:]
    field = ".".join(str(part) for part in rest if part not in {"Alertmanager", "Webhook", "Slack"})
    entries = document.get("notifiers") if isinstance(document, dict) else None
    index = location[1] if len(location) > 1 else None
    if isinstance(entries, list) and isinstance(index, int) and isinstance(entries[index], dict):
        named = f"notifier {entries[index].get('name', index)!r}"
    said = message.removeprefix("Value error, ")
    return f"NOTIFIERS_FILE {path}: {named}{f', {field}' if field else ''}: {said}"


def facts_of(notifiers: Iterable[NotifierConfig]) -> tuple[NotifierFacts, ...]:
    """What decisions may know of them."""
    return tuple(NotifierFacts(notifier.name, notifier.events, notifier.default) for notifier in notifiers)
