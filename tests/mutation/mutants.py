"""The mutants of a module, each by what it changes."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code

from tests.mutation.operators import Node, operators
from tests.mutation.targets import Target

_ANNOTATIONS = ("tfpdef", "annassign")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One small wrong change."""

    target: Target
    operator: str
    occurrence: int
    line: int
    change: str
    """The changed lines, before and after: what a mutant is known by, wherever in the module the lines are."""

    @property
    def id(self) -> str:
        """Its name: module, operator and number."""
        return f"{self.target.module}:{self.operator}:{self.occurrence}"

    def source(self) -> str:
        """The module's text with the change made."""
        return _mutated(self.target.path.read_text(encoding="utf-8"), self.operator, self.occurrence)


def mutants_of(target: Target) -> Iterator[Mutant]:
    """All mutants of one module; those that change nothing but annotations, which nothing reads, are left out."""
    source = target.path.read_text(encoding="utf-8")
    tree = get_ast(source)
    seen: Counter[str] = Counter()
    for name, operator in operators().items():
        places = [(node, start) for node in ast_nodes(tree) for start, _ in operator.mutation_positions(node)]
        for occurrence, (node, start) in enumerate(places):
            if _is_annotation(node) or _is_of_a_dataclass(node):
                continue
            change = _change(source, _mutated(source, name, occurrence))
            if not change:
                continue
            seen[change] += 1
            if seen[change] > 1:  # the same text elsewhere in the module is another mutant
                change = f"{change} (no. {seen[change]})"
            yield Mutant(target, name, occurrence, start[0], change)


def _mutated(source: str, operator: str, occurrence: int) -> str:
    return mutate_code(source, operators()[operator], occurrence) or source


def _change(before: str, after: str) -> str:
    """What differs, as "old lines => new lines" without the indentation."""
    lines = [
        line
        for line in difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
        if not line.startswith(("---", "+++", "@@"))
    ]
    old, new = (" ".join(line[1:].strip() for line in lines if line[0] == sign) for sign in "-+")
    return f"{old} => {new}" if old != new else ""


def _is_annotation(node: Node) -> bool:
    """The node is part of a type, which is never looked at when the code runs."""
    while node.parent is not None:
        parent = node.parent
        if parent.type in _ANNOTATIONS and node is not parent.children[0] and parent.children.index(node) == 1:
            return True
        if parent.type == "tfpdef":
            return True
        if parent.type == "funcdef" and parent.annotation is node:
            return True
        node = parent
    return False


def _is_of_a_dataclass(node: Node) -> bool:
    """How a class keeps its fields is no decision."""
    while node is not None and node.type != "decorator":
        node = node.parent
    return node is not None and node.get_code().strip().startswith("@dataclass")
