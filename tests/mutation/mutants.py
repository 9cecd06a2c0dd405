"""The mutants of a module, each by what it changes."""

from __future__ import annotations

import ast
import difflib
import hashlib
import pickle
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator

from tests.mutation import operators as own_operators
from tests.mutation.operators import Node, operators
from tests.mutation.targets import FOLDER, Target

_MADE_BY = (Path(__file__), Path(own_operators.__file__))
_ANNOTATIONS = ("tfpdef", "annassign")


@dataclass(frozen=True, slots=True)
class Change:
    """What a mutant is known by, wherever in the module its lines are."""

    function: str
    """Qualified name of the innermost function or class around it; empty for a statement of the module."""
    before: str
    """The changed lines without their indentation."""
    after: str
    number: int = 1
    """The same change may be possible at several places of a function."""

    def __str__(self) -> str:
        number = f" (no. {self.number})" if self.number > 1 else ""
        return f"{self.function or 'module'}: {self.before} => {self.after}{number}"


@dataclass(frozen=True, slots=True)
class Mutant:
    """One small wrong change."""

    target: Target
    operator: str
    change: Change
    line: int
    """The first line that changes."""
    lines: frozenset[int]
    """Those of the changed statement, of which a test must reach one to notice; of a compound one, its head's."""
    original: str = field(repr=False, compare=False)
    """The module's text."""
    source: str = field(repr=False, compare=False)
    """The same with the change made."""


def mutants_of(target: Target) -> list[Mutant]:
    """All mutants of one module; those that change nothing but annotations, which nothing reads, are left out.

    They are kept under build/mutants, for it takes seconds to find them.
    """
    source = target.path.read_text(encoding="utf-8")
    by = _digest(source.encode(), *(path.read_bytes() for path in _MADE_BY))
    kept = FOLDER / f"{target.name}-{by}.pickle"
    if not kept.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        found = [(one.operator, one.change, one.line, one.lines, one.source) for one in _found(target, source)]
        kept.write_bytes(zlib.compress(pickle.dumps(found)))
    return [
        Mutant(target, operator, change, line, lines, source, after)
        for operator, change, line, lines, after in pickle.loads(zlib.decompress(kept.read_bytes()))  # noqa: S301 - own
    ]


def _digest(*texts: bytes) -> str:
    return hashlib.sha256(b"\0".join(texts)).hexdigest()[:12]


def _found(target: Target, source: str) -> Iterator[Mutant]:
    """The module is taken apart into its statements first, for parsing it anew for each mutant takes much longer."""
    places, known = _Places.of(source), operators()
    before, seen = "", Counter[tuple[str, str, str]]()
    for node in get_ast(source).children:
        piece = node.get_code()
        for name, after in _changed(piece, known):
            lines = _changed_lines(piece, after)
            if lines is None or not _compiles(after):
                continue
            old, new, numbers = lines
            first = before.count("\n") + numbers[0]
            texts = (places.functions.get(first, ""), old, new)
            seen[texts] += 1
            reached = frozenset().union(
                *(places.statements.get(before.count("\n") + number, frozenset()) for number in numbers)
            )
            whole = before + after + source[len(before) + len(piece) :]
            yield Mutant(target, name, Change(*texts, seen[texts]), first, reached, source, whole)
        before += piece


def _changed(piece: str, known: Mapping[str, Operator]) -> Iterator[tuple[str, str]]:
    """What becomes of one statement of the module: operator and text, for each of its places."""
    tree = get_ast(piece)
    for name, operator in known.items():
        nodes = [node for node in ast_nodes(tree) for _ in operator.mutation_positions(node)]
        for occurrence, node in enumerate(nodes):
            if not (_is_annotation(node) or _is_of_a_dataclass(node)):
                yield name, mutate_code(piece, operator, occurrence) or piece


def _changed_lines(before: str, after: str) -> tuple[str, str, Sequence[int]] | None:
    """What differs: the old lines, the new ones, and the numbers of the old from 1; None if nothing does."""
    old, new = before.splitlines(), after.splitlines()
    differing = [
        code for code in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes() if code[0] != "equal"
    ]
    was = " ".join(line.strip() for _, begin, end, _, _ in differing for line in old[begin:end])
    now = " ".join(line.strip() for _, _, _, begin, end in differing for line in new[begin:end])
    numbers = [number + 1 for _, begin, end, _, _ in differing for number in range(begin, max(end, begin + 1))]
    return (was, now, numbers) if was != now else None


def _compiles(piece: str) -> bool:
    try:
        compile(piece, "mutant", "exec", dont_inherit=True)
    except SyntaxError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class _Places:
    """Where the lines of a module are."""

    functions: Mapping[int, str]
    """The qualified name of the innermost function or class around a line."""
    statements: Mapping[int, frozenset[int]]
    """The lines of the innermost statement that a line belongs to."""

    @classmethod
    def of(cls, source: str) -> _Places:
        functions: dict[int, str] = {}
        statements: dict[int, frozenset[int]] = {}

        def walk(node: ast.AST, outer: str) -> None:
            name = outer
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = f"{outer}.{node.name}" if outer else node.name
                functions.update(dict.fromkeys(_lines(node), name))
            if isinstance(node, ast.stmt | ast.ExceptHandler):
                statements.update(dict.fromkeys(_lines(node), frozenset(_head(node))))
            for child in ast.iter_child_nodes(node):
                walk(child, name)

        walk(ast.parse(source), "")
        return cls(functions, statements)


def _lines(node: ast.stmt | ast.ExceptHandler) -> range:
    decorators = getattr(node, "decorator_list", [])
    return range(min([node.lineno, *(one.lineno for one in decorators)]), (node.end_lineno or node.lineno) + 1)


def _head(node: ast.stmt | ast.ExceptHandler) -> range:
    """All lines of a simple statement, those before the body of a compound one."""
    body = getattr(node, "body", [])
    return range(_lines(node).start, max(body[0].lineno, node.lineno + 1)) if body else _lines(node)


def _is_annotation(node: Node) -> bool:
    """The node is part of a type, which is never looked at when the code runs; or a sign between parameters."""
    if node.type == "operator" and node.parent is not None and node.parent.type in {"parameters", "lambdef"}:
        return True
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
