"""What others wrote, made such that the API server stores it: one refused text would keep a whole status from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic.fields import FieldInfo

MAX_TALLY = 2**53
"""Up to here every reader of JSON has whole numbers exactly."""

_CUT = "cut to its bounds"

Words = Annotated[str, _CUT]
"""A text that may quote others, for people to read: one that is too long is cut to its field's `max_length`."""

Tally = Annotated[int, _CUT]
"""How many there were, as others say: cut to 0 and `MAX_TALLY`."""


def whole(text: str) -> str:
    """`text` with a question mark for each half of a surrogate pair, which JSON may hold and UTF-8 can't."""
    return text if text.isascii() else text.encode(errors="replace").decode()


Bounds = Mapping[str, int]
"""The bound of each field of a model that is cut to one, by its name and by its alias: characters, or the count."""


def bounds(fields: Mapping[str, FieldInfo]) -> Bounds:
    """The bounds of a model's `Words` and `Tally` fields."""
    cut = {name: _bound(field) for name, field in fields.items() if _CUT in field.metadata}
    return cut | {fields[name].alias or name: bound for name, bound in cut.items()}


def storable(bounds: Bounds, values: Mapping[str, Any]) -> dict[str, Any]:
    """A model's values as they can be stored; those that are neither text nor a `Tally` as they were."""
    return {name: _stored(value, bounds.get(name)) for name, value in values.items()}


def _stored(value: Any, bound: int | None) -> Any:  # noqa: ANN401 - whatever somebody gives for the field
    if isinstance(value, str):
        return whole(value) if bound is None else whole(value)[:bound]
    return min(max(value, 0), bound) if bound is not None and isinstance(value, int) else value


def _bound(field: FieldInfo) -> int:
    return next((bound.max_length for bound in field.metadata if hasattr(bound, "max_length")), MAX_TALLY)
