"""Put a changed function or constant into a module that is imported already, or import a module from a changed text."""

from __future__ import annotations

import ast
import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from types import CodeType, FunctionType, ModuleType

from tests.mutation.targets import Target


def changed_functions(before: str, after: str) -> dict[str, CodeType] | None:
    """The code of the functions and methods that differ between two texts of a module, by qualified name.

    None if anything else differs, too: a table, a constant, a decorator, a default, a class.
    """
    old, new = (compile(text, "mutant", "exec", dont_inherit=True) for text in (before, after))
    were, are = dict(_functions(old)), dict(_functions(new))
    if were.keys() != are.keys() or _frame(old) != _frame(new):
        return None
    return {name: code for name, code in are.items() if code != were[name]}


def can_patch(module: ModuleType, codes: Mapping[str, CodeType]) -> bool:
    """The functions are found in the module, and need nothing of their surroundings that they don't have."""
    live = dict(_live(module))
    return all(
        name in live and len(code.co_freevars) == len(live[name].__code__.co_freevars) for name, code in codes.items()
    )


def runs_at_import(source: str, functions: Iterable[str]) -> bool:
    """One of these functions may be called while the module is imported, before any test begins."""
    at_once = set().union(*(_made_at_import(part) for part in ast.parse(source).body))
    return any(name.partition(".")[0] in at_once for name in functions)


def patch(module: ModuleType, codes: Mapping[str, CodeType]) -> None:
    """Give the functions of a module other code.

    Raises:
        KeyError: one of them can't be found.
    """
    live = dict(_live(module))
    for name, code in codes.items():
        live[name].__code__ = code


def changed_values(before: str, after: str) -> frozenset[str] | None:
    """The module's names that a change of its tables and constants gives another value, those made of them included.

    None if anything else changes: a function, a class, an import.
    """
    old, new = ast.parse(before).body, ast.parse(after).body
    if len(old) != len(new):
        return None
    named: set[str] = set()
    for was, now in zip(old, new, strict=True):
        differs = ast.dump(was) != ast.dump(now)
        if _is_value(now):
            if differs or _read(now) & named:
                named |= _bound(now)
        elif differs or _made_at_import(now) & named:
            return None
    return frozenset(named)


def set_values(module: ModuleType, source: str, names: frozenset[str]) -> None:
    """Carry out the statements that give these names their values, and give them to whoever has imported the names."""
    statements = [part for part in ast.parse(source).body if _is_value(part) and _bound(part) & names]
    were = {name: vars(module)[name] for name in names}
    code = compile(ast.Module(statements, []), module.__name__, "exec", dont_inherit=True)
    exec(code, vars(module))  # noqa: S102 - the module's own text
    for other in list(sys.modules.values()):
        for name, value in list(vars(other).items()) if isinstance(other, ModuleType) else ():
            for changed, was in were.items():
                if value is was and name.lstrip("_") == changed.lstrip("_") and other is not module:
                    setattr(other, name, vars(module)[changed])


def _is_value(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Assign | ast.AnnAssign)


def _bound(statement: ast.stmt) -> set[str]:
    stored = [node for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    return {node.id for node in stored}


def _read(statement: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


def _made_at_import(statement: ast.stmt) -> set[str]:
    """The names that a statement reads when the module is imported, not when it is used."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        at_once: list[ast.AST] = [*statement.decorator_list, *statement.args.defaults]
        at_once += [value for value in statement.args.kw_defaults if value]
        return set().union(*(_read(node) for node in at_once))
    if isinstance(statement, ast.ClassDef):
        heads = [*statement.bases, *statement.decorator_list]
        return set().union(*(_read(node) for node in heads), *(_made_at_import(part) for part in statement.body))
    return _read(statement)


def _functions(code: CodeType) -> Iterator[tuple[str, CodeType]]:
    """The functions of a module and the methods of its classes; what is inside of them comes with them."""
    for part in code.co_consts:
        if isinstance(part, CodeType):
            if _is_class(part):
                yield from _functions(part)
            elif not part.co_name.startswith("<"):
                yield part.co_qualname, part


def _frame(code: CodeType) -> tuple[object, ...]:
    """What a module or a class is but for its functions' code."""
    constants = tuple(
        (_frame(part) if _is_class(part) or part.co_name.startswith("<") else part.co_qualname)
        if isinstance(part, CodeType)
        else (type(part), part)
        for part in code.co_consts
    )
    return code.co_code, code.co_names, constants


def _is_class(code: CodeType) -> bool:
    return "__module__" in code.co_names and "__qualname__" in code.co_names


def _live(module: ModuleType) -> Iterator[tuple[str, FunctionType]]:
    """The functions of an imported module, by qualified name."""
    for value in list(vars(module).values()):
        for part in [value, *vars(value).values()] if isinstance(value, type) else [value]:
            function = _function(part)
            if function is not None and function.__module__ == module.__name__:
                yield function.__qualname__, function


def _function(part: object) -> FunctionType | None:
    """What is behind a property, a class method, or a decorator that keeps what it wraps."""
    if isinstance(part, property):
        part = part.fget
    elif isinstance(part, cached_property):
        part = part.func
    elif isinstance(part, staticmethod | classmethod):
        part = part.__func__
    part = getattr(part, "__wrapped__", part)
    return part if isinstance(part, FunctionType) else None


class Mutated(importlib.machinery.SourceFileLoader):
    """Loads one module from another text than its file's."""

    def __init__(self, target: Target, source: str) -> None:
        super().__init__(target.name, str(target.path))
        self._source = source
        self.was_used = False

    def get_code(self, fullname: str) -> CodeType:
        """The changed text's."""
        del fullname
        self.was_used = True
        return compile(self._source, self.path, "exec", dont_inherit=True)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """So that it is asked before all others."""
        del path, target
        if fullname != self.name:
            return None
        return importlib.util.spec_from_file_location(fullname, self.path, loader=self)
