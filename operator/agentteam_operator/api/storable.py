"""What others wrote, made such that the API server stores it: one refused text would keep a whole status from it."""

from __future__ import annotations

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


def storable(field: FieldInfo, value: Any) -> Any:  # noqa: ANN401 - whatever somebody gives for the field
    """The value as it can be stored in this field of a status; of what is neither text nor a `Tally`, the same."""
    cut = _CUT in field.metadata
    if isinstance(value, str):
        return whole(value)[: _longest(field)] if cut else whole(value)
    return min(max(value, 0), MAX_TALLY) if cut and isinstance(value, int) else value


def _longest(field: FieldInfo) -> int | None:
    return next((bound.max_length for bound in field.metadata if hasattr(bound, "max_length")), None)
