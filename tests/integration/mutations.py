"""Teams that are almost right, made from the CRD's own schema: each kind of field, with odd values of its kind.

A value is odd by its length, its characters, its size, its type or its spelling. Texts keep the rest of a right value,
so that a mutation gets past the other bounds; what is then admitted tells how far admission and the models agree.
"""

from __future__ import annotations

import copy
import itertools
import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agentteam_operator.api.field_problems import path_of

from tests.unit.api.malformed import Path, fields_given
from tests.unit.api.manifests import Document

SEED = 20260105
_ODD_CHARACTERS = (
    *" \t\n\r\v\f\0\x1c\x7f\x85\xa0",
    *"\u0130\u017f\u2003\u2028\u200b\u3000\ud800\ufeff\ufffd",
    *"\U0001d4b3-./_:@%{}\\'\"é",
)
_ODD_KEYS = (
    "",
    "bad key",
    "-a",
    "a-",
    "/a",
    "a/",
    "a/b/c",
    "A.example/a",
    "a..b/c",
    "a/" + "n" * 63,
    "a/" + "n" * 64,
    "n" * 64,
    "p" * 253 + "/" + "n" * 63,
    "p" * 254 + "/" + "n" * 63,
    "n" * 10_000,
    *(f"a{odd}b" for odd in _ODD_CHARACTERS),
    *(f"b{odd}" for odd in " \n\0é"),
)
_ODD_LABELS: tuple[object, ...] = (None, 1, [], {}, "v\n", "v\0")
_ODD_QUANTITIES = (0, -1, 10**15 - 1, 10**15, 10**18, 1.0, 1.5, True, "", "0", "-1", "+1", "1.", ".5", "1e3", "01")
_ODD_QUANTITY_TEXTS = (
    " 1",
    "1 ",
    "9" * 15,
    "9" * 16,
    "1Zi",
    "1ki",
    "1.0000000001",
    "0.000000001m",
    "9E",
    "1\n",
    "\u0661",
)
_ODD_NUMBERS = (0, -1, 1, 1.0, -0.0, 1.5, 1e2, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 1e19, 1e308, 5e-324, "1", True, None)


@dataclass(frozen=True)
class Mutation:
    """A manifest with one field odd."""

    id: str
    manifest: Document


def mutations(most: int) -> list[Mutation]:
    """At most so many, of every kind of field as many as of any other: always the same ones for the same schema."""
    chance = random.Random(SEED)  # noqa: S311 - not for secrecy
    kinds = [chance.sample(kind, len(kind)) for kind in _by_kind().values()]
    rounds = itertools.chain.from_iterable(itertools.zip_longest(*kinds))
    return list(itertools.islice((found for found in rounds if found is not None), most))


def _by_kind() -> dict[str, list[Mutation]]:
    """All mutations by the schema of the field: where bounds and pattern are the same, one field speaks for all."""
    kinds: dict[str, list[Mutation]] = {}
    for document, path, schema, given in fields_given().values():
        bounds = {key: value for key, value in schema.items() if key not in {"description", "default"}}
        kind = json.dumps(bounds, sort_keys=True)
        if kind not in kinds:
            kinds[kind] = [
                Mutation(f"{path_of(*path)} {what}", _changed(document, path, value))
                for what, value in _odd_values(schema, given)
            ]
    return kinds


def _odd_values(schema: Mapping[str, Any], given: object) -> Iterator[tuple[str, object]]:
    """Odd values of one field, each with what is odd about it."""
    if schema.get("x-kubernetes-int-or-string"):
        yield from ((f"quantity {value!r}", value) for value in (*_ODD_QUANTITIES, *_ODD_QUANTITY_TEXTS))
        return
    yield from _of_its_kind(schema, given)
    for value in (None, "", 0, [], {}, [None], {"": None}):
        yield f"value {value!r}", value


def _of_its_kind(schema: Mapping[str, Any], given: object) -> Iterator[tuple[str, object]]:
    match schema["type"]:
        case "string":
            yield from _texts(schema, str(given))
        case "integer" | "number":
            bounds = [
                schema[bound] + step for bound in ("minimum", "maximum") if bound in schema for step in (-1, 0, 1)
            ]
            yield from ((f"number {value!r}", value) for value in (*_ODD_NUMBERS, *bounds, *map(float, bounds)))
        case "boolean":
            yield from ((f"switch {value!r}", value) for value in (1, "true", "True", "yes", None))
        case "array":
            yield from _lists(schema, list(given) if isinstance(given, list) else [])
        case "object":
            yield from _objects(schema, dict(given) if isinstance(given, dict) else {})


def _texts(schema: Mapping[str, Any], given: str) -> Iterator[tuple[str, object]]:
    middle = len(given) // 2
    for odd in _ODD_CHARACTERS:
        yield f"with {odd!r} at its end", given + odd
        yield f"with {odd!r} inside", given[:middle] + odd + given[middle:]
    yield "upper case", given.upper()
    yield "lower case", given.lower()
    length = schema.get("maxLength", 100)
    for fill in ("a", "\U0001d4b3"):
        for size in (length, length + 1):
            yield f"{size} times {fill!r}", given[:size] + fill * (size - len(given))


def _lists(schema: Mapping[str, Any], given: list[Any]) -> Iterator[tuple[str, object]]:
    yield "with an entry twice", [*given, *given[:1]]
    yield "with an empty entry", [*given, {}]
    yield "with null", [*given, None]
    yield "nested", [given]
    for size in (schema.get("maxItems", 100), schema.get("maxItems", 100) + 1):
        yield f"of {size}", (given * size)[:size]


def _objects(schema: Mapping[str, Any], given: dict[str, Any]) -> Iterator[tuple[str, object]]:
    if "additionalProperties" in schema:
        yield from ((f"with key {key!r:.40}", given | {key: "v"}) for key in _ODD_KEYS)
        yield from ((f"with value {value!r}", given | {"key": value}) for value in _ODD_LABELS)
        yield from ((f"with {size} entries", {f"k{index}": "v" for index in range(size)}) for size in (50, 51))
        return
    yield "with a field too much", given | {"bogus": 1}
    for name, held in given.items():
        yield f"without {name}", {field: value for field, value in given.items() if field != name}
        yield f"with {name} in another case", given | {name.swapcase(): held}


def _changed(document: Document, path: Path, value: object) -> Document:
    changed = copy.deepcopy(document)
    parent: Any = changed
    for step in path[:-1]:
        parent = parent[step]
    parent[path[-1]] = value
    return changed
