"""The table of values in the chart's README, made from the comments in values.yaml.

Run `python -m tests.unit.chart.values_table` to print it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from tests.unit.chart.chart import CHART

_KEY = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z]+):")
_DOCUMENTED = "# -- "


@dataclass(frozen=True)
class Value:
    """One documented value: its dotted path, what it does, its default."""

    path: str
    description: str
    default: object

    @property
    def row(self) -> str:
        """Its row of the table."""
        return f"| `{self.path}` | {self.description} | `{json.dumps(self.default)}` |"


def documented_values() -> Iterator[Value]:
    """All values with a `# --` comment, in the file's order."""
    text = (CHART / "values.yaml").read_text()
    defaults = yaml.safe_load(text)
    path: list[str] = []
    comment: list[str] = []
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith(_DOCUMENTED):
            comment = [stripped.removeprefix(_DOCUMENTED)]
        elif stripped.startswith("#") and comment:
            comment.append(stripped.removeprefix("# "))
        elif match := _KEY.match(line):
            path = [*path[: len(match["indent"]) // 2], match["key"]]
            if comment:
                yield Value(".".join(path), " ".join(comment), _lookup(defaults, path))
            comment = []


def undocumented_leaves() -> list[str]:
    """Values that are neither documented nor within something that is."""
    documented = {value.path for value in documented_values()}
    return list(_leaves(yaml.safe_load((CHART / "values.yaml").read_text()), "", documented))


def _lookup(defaults: dict[str, Any], path: list[str]) -> object:
    *parents, last = path
    for key in parents:
        defaults = defaults[key]
    return defaults[last]


def _leaves(node: object, path: str, documented: set[str]) -> Iterator[str]:
    if path in documented:
        return
    if not isinstance(node, dict):
        yield path
        return
    for key, child in node.items():
        yield from _leaves(child, f"{path}.{key}".strip("."), documented)


if __name__ == "__main__":
    print("| value | what it does | default |\n|---|---|---|")
    for value in documented_values():
        print(value.row)
