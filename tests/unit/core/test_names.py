from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import agentteam_operator
from agentteam_operator.core import names

PACKAGE = Path(agentteam_operator.__file__).parent
SPELLED_IN = {"api/resource.py", "core/names.py"}
NAMES = {value for key, value in vars(names).items() if key.startswith(("LABEL_", "ANNOTATION_"))} | {
    names.API_VERSION,
    names.KIND,
    names.PLURAL,
}


def spelled(module: Path) -> Iterator[str]:
    """Names that a module has as text of its own; a type's `Literal` can't be had otherwise."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    types = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "Literal"
        for part in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in types and str(node.value) in NAMES:
            yield f"{module.relative_to(PACKAGE).as_posix()}:{node.lineno} {node.value!s}"
        if isinstance(node, ast.JoinedStr) and "{GROUP}/" in (text := ast.unparse(node)):
            yield f"{module.relative_to(PACKAGE).as_posix()}:{node.lineno} {text}"


def test_each_name_is_spelled_out_once() -> None:
    found = {entry for module in PACKAGE.rglob("*.py") for entry in spelled(module)}
    elsewhere = {entry for entry in found if entry.partition(":")[0] not in SPELLED_IN}
    assert elsewhere == set()
    assert found, "the search finds what there is"


def test_the_model_and_the_names_are_one() -> None:
    in_names = set(spelled(PACKAGE / "core/names.py"))
    in_model = set(spelled(PACKAGE / "api/resource.py"))
    values = {entry.partition(" ")[2] for entry in in_names} & {entry.partition(" ")[2] for entry in in_model}
    assert values == set()
