"""One thing that is wrong with a manifest, and how pydantic's errors become such."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

MAX_VALUE_LENGTH = 80

Found = Iterator[tuple[str, object, str]]
"""Problems of one object: path relative to it (".selector", or ""), the offending value, and the message."""

_MENDS = {
    "missing": "is required: add it",
    "string_type": "must be text: write it in quotes",
    "int_type": "must be a whole number, without quotes",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number, without quotes",
    "bool_type": "must be true or false, without quotes",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping of names to values",
    "model_type": "must be an object with fields",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "string_pattern_mismatch": "must match {pattern}",
    "enum": "must be one of {expected}",
    "literal_error": "must be {expected}",
}
"""What is wrong, by the type of pydantic's error; with the error's own context filled in."""


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One thing that is wrong with a manifest."""

    path: str
    """Path of the field from the top of the manifest: spec.team.agents[0].model."""
    value: str
    """The offending value, shortened; empty if the field is missing."""
    message: str
    """What is wrong, and how to mend it."""

    def __str__(self) -> str:
        """One line for people."""
        shown = f" ({self.value})" if self.value else ""
        return f"{self.path}{shown}: {self.message}"


def shorten(value: object) -> str:
    """A value in one line of at most `MAX_VALUE_LENGTH` characters."""
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    text = " ".join(text.split())
    return text if len(text) <= MAX_VALUE_LENGTH else text[: MAX_VALUE_LENGTH - 1] + "…"


def path_of(*steps: str | int) -> str:
    """The path of a field as people write it: ("team", "agents", 0) -> team.agents[0]."""
    path = ""
    for step in steps:
        path += f"[{step}]" if isinstance(step, int) else f".{step}"
    return path.removeprefix(".")


def problems_of(error: ValidationError, model: type[BaseModel], *, path: str = "") -> list[FieldProblem]:
    """Each of pydantic's errors as a `FieldProblem`, in the order of the manifest.

    Args:
        error: what `model.parse` raised.
        model: the model that refused; names of fields that come close to an unknown one are looked up in it.
        path: path of the parsed value in its manifest, such as "spec".
    """
    return [
        _problem_of(details, model, path) for details in error.errors(include_url=False) if not _is_consequence(details)
    ]


def _is_consequence(details: ErrorDetails) -> bool:
    """Whether a list is only called too short because of entries that are reported by themselves."""
    given = details["input"]
    return details["type"] == "too_short" and isinstance(given, list) and len(given) >= details["ctx"]["min_length"]


def _problem_of(details: ErrorDetails, model: type[BaseModel], path: str) -> FieldProblem:
    steps = tuple(step for step in details["loc"] if step != "[key]")
    kind = details["type"]
    if kind == "extra_forbidden":
        value, message = "", _unknown_field(model, steps)
    else:
        value = "" if kind == "missing" else shorten(details["input"])
        mend = _MENDS.get(kind)
        context = {name: _plain(value) for name, value in details.get("ctx", {}).items()}
        message = mend.format(**context) if mend else details["msg"]
    return FieldProblem(path=path_of(*([path] if path else []), *steps) or "(manifest)", value=value, message=message)


def _plain(value: object) -> object:
    """A bound as people write it: 0 rather than 0.0."""
    return f"{value:g}" if isinstance(value, float) else value


def _unknown_field(model: type[BaseModel], steps: tuple[str | int, ...]) -> str:
    known = [field.alias or name for name, field in _model_at(model, steps[:-1]).model_fields.items()]
    close = difflib.get_close_matches(str(steps[-1]), known, n=1)
    return f"unknown field: did you mean {close[0]}?" if close else "unknown field: remove it"


def _model_at(model: type[BaseModel], steps: tuple[str | int, ...]) -> type[BaseModel]:
    """The model that a path leads to, through lists and optional fields."""
    for step in steps:
        if isinstance(step, str):
            field = next(field for name, field in model.model_fields.items() if step in (field.alias, name))
            model = _inner_model(field.annotation) or model
    return model


def _inner_model(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - annotations are of any kind
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return annotation if issubclass(annotation, BaseModel) else None
    return next((found for arg in get_args(annotation) if (found := _inner_model(arg)) is not None), None)
