"""What every model of the API shares: naming, strictness, field types, and rules that span fields."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    AliasGenerator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from agentteam_operator.api.storable import Bounds, bounds, storable

MAX_DEPTH = 50
"""Levels of nesting in what people write; Kubernetes' own objects have no more than about twenty."""

_INITIALISMS = {"url": "URL", "cpu": "CPU"}


def kubernetes_name(name: str) -> str:
    """The Kubernetes spelling of a Python attribute: `base_url` -> `baseURL`, `max_turns` -> `maxTurns`."""
    first, *rest = name.split("_")
    return first + "".join(_INITIALISMS.get(word, word.capitalize()) for word in rest)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that spans fields, checked by the API server (`x-kubernetes-validations`).

    `expression` is CEL over `self`, the object that declares the rule. `message` is shown as it is when the rule fails;
    where the offending value is worth naming, `message_expression` (CEL giving a string) takes its place and `message`
    is what remains if it can't be evaluated. `field_path` is relative to the object (".selector").
    `agentteam_operator.api.validation` holds the same rules in Python; a test keeps the two together.
    """

    expression: str
    message: str
    message_expression: str = ""
    field_path: str = ""


class _CamelCaseModel(BaseModel):
    """camelCase outside, snake_case inside, immutable, described by the docstring below each field."""

    model_config = ConfigDict(
        alias_generator=AliasGenerator(alias=kubernetes_name),
        populate_by_name=True,
        frozen=True,
        use_attribute_docstrings=True,
    )

    rules: ClassVar[tuple[Rule, ...]] = ()

    def to_document(self) -> dict[str, Any]:
        """The plain JSON-like document with every default filled in and absent optional fields left out."""
        document: dict[str, Any] = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return document


class ApiModel(_CamelCaseModel):
    """What people write: an unknown field or a value of the wrong type is a mistake that they are told about."""

    model_config = ConfigDict(extra="forbid")

    @classmethod
    def parse(cls, document: object) -> Self:
        """The model of a plain JSON-like document, as strict about types as the API server is.

        Raises:
            pydantic.ValidationError: with every problem, each located by the field names of the manifest.
        """
        deep = _too_deep(document)
        if deep:
            raise ValidationError.from_exception_data(cls.__name__, [deep])
        return cls.model_validate_json(json.dumps(document, default=str), strict=True)


def _too_deep(document: object) -> InitErrorDetails | None:
    """What is wrong with a document that is nested deeper than any reader of JSON may follow; its path's beginning."""
    below: list[tuple[object, tuple[str | int, ...]]] = [(document, ())]
    while below:
        value, path = below.pop()
        entries: Iterable[tuple[str | int, object]] = ()
        if isinstance(value, dict):
            entries = value.items()
        elif isinstance(value, list):
            entries = enumerate(value)
        if entries and len(path) > MAX_DEPTH:
            kind = PydanticCustomError("too_deep", "is nested more than {most} levels deep", {"most": MAX_DEPTH})
            return InitErrorDetails(type=kind, loc=path[:2], input="")
        below += [(entry, (*path, step)) for step, entry in entries]
    return None


class LenientModel(_CamelCaseModel):
    """What the operator wrote itself, maybe by another version: fields that it doesn't know are passed over.

    What it quotes of others is made storable on the way in (`api/storable.py`), also by `model_copy`.
    """

    model_config = ConfigDict(extra="ignore")

    _bounds: ClassVar[Bounds] = {}

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:  # noqa: ANN401 - pydantic's own signature
        """Once for all, for a status has hundreds of values."""
        super().__pydantic_init_subclass__(**kwargs)
        cls._bounds = bounds(cls.model_fields)

    @model_validator(mode="before")
    @classmethod
    def _stored(cls, values: object) -> object:
        return storable(cls._bounds, values) if isinstance(values, Mapping) else values

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with other values, which are taken as they are but for what couldn't be stored."""
        return super().model_copy(update=storable(self._bounds, update or {}), deep=deep)

    @classmethod
    def parse(cls, document: object) -> Self:
        """The model of a plain JSON-like document.

        Raises:
            pydantic.ValidationError: if a known field holds what it can't.
        """
        return cls.model_validate(document)


def _rfc3339(moment: datetime) -> str:
    """RFC 3339 in UTC, to the microsecond where there is one: what is read back equals what was written."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


Time = Annotated[AwareDatetime, PlainSerializer(_rfc3339, return_type=str, when_used="json")]
"""A moment, aware of its zone; written as RFC 3339 in UTC."""


def list_map(*keys: str) -> dict[str, Any]:
    """Schema hints of a list whose entries are told apart by `keys`: unique, and merged entry by entry by `apply`."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}


ATOMIC: dict[str, Any] = {"x-kubernetes-list-type": "atomic"}
SET: dict[str, Any] = {"x-kubernetes-list-type": "set"}

DNS_LABEL_PATTERN = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"
DNS_SUBDOMAIN_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
QUALIFIED_NAME_PATTERN = (
    r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
    r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
)
LABEL_VALUE_PATTERN = r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"

DnsLabel = Annotated[str, Field(min_length=1, max_length=63, pattern=DNS_LABEL_PATTERN)]
ObjectName = Annotated[str, Field(min_length=1, max_length=253, pattern=DNS_SUBDOMAIN_PATTERN)]
OptionalObjectName = Annotated[
    str, Field(max_length=253, pattern=r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)?$")
]
DataKey = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]
QualifiedName = Annotated[str, Field(min_length=1, max_length=317, pattern=QUALIFIED_NAME_PATTERN)]
OptionalQualifiedName = Annotated[str, Field(max_length=317, pattern=f"^$|{QUALIFIED_NAME_PATTERN}")]
LabelValue = Annotated[str, Field(max_length=63, pattern=LABEL_VALUE_PATTERN)]


class KeyRef(ApiModel):
    """One key of a Secret or ConfigMap in the team's own namespace."""

    name: ObjectName
    """Name of the object, in the team's namespace."""
    key: DataKey
    """Key within the object's data."""


class LocalObjectRef(ApiModel):
    """An object in the team's own namespace, by name."""

    name: ObjectName
    """Name of the object, in the team's namespace."""
