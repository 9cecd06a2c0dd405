"""What the API server takes as a status, checked where there is none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from agentteam_operator.api.schema import structural_schema
from agentteam_operator.api.status import AgentTeamStatus
from jsonschema import Draft202012Validator

MAX_INT64 = 2**63 - 1


@cache
def _stored() -> Draft202012Validator:
    return Draft202012Validator(structural_schema(AgentTeamStatus))


def can_be_stored(status: AgentTeamStatus) -> None:
    """Assert that it has UTF-8, keeps to the CRD's bounds, and is read back as it was written."""
    document = status.to_document()
    json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
    problems = [f"{error.json_path}: {error.message[:200]}" for error in _stored().iter_errors(document)]
    assert not problems, problems
    assert all(abs(number) <= MAX_INT64 for number in _whole_numbers(document)), "a number that is no int64"
    assert AgentTeamStatus.parse(document) == status


def _whole_numbers(value: Any) -> Iterator[int]:  # noqa: ANN401 - plain JSON
    if isinstance(value, int):
        yield value
    elif isinstance(value, dict | list):
        for entry in value.values() if isinstance(value, dict) else value:
            yield from _whole_numbers(entry)
