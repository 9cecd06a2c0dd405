"""What is changed: cosmic-ray's operators, as far as they say something about this code, and a few of our own.

cosmic-ray changes comparisons, numbers, truth values and control flow. Most of what decides here is written otherwise:
as conjunctions, filters of comprehensions, sets of phases, and a table of rules. Those get operators of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cosmic_ray.ast import get_ast
from cosmic_ray.operators.operator import Example, Operator
from cosmic_ray.operators.provider import OperatorProvider

Node = Any
"""A node of parso's tree, which has no types."""
Position = tuple[tuple[int, int], tuple[int, int]]
"""(line, column) of the begin and the end, lines from 1."""

_COMPARISONS = "Lt_LtE|Lt_GtE|LtE_Lt|LtE_Gt|Gt_GtE|Gt_LtE|GtE_Gt|GtE_Lt|Eq_NotEq|NotEq_Eq|Is_IsNot|IsNot_Is"
_BINARY = "Add_Sub|Sub_Add|Mul_Div|Div_Mul|Mod_Mul|Pow_Mul|FloorDiv_Mul|BitAnd_BitOr|BitOr_BitAnd"
_OTHERS = (
    "AddNot|ReplaceTrueWithFalse|ReplaceFalseWithTrue|ReplaceAndWithOr|ReplaceOrWithAnd|ReplaceBreakWithContinue"
    "|ReplaceContinueWithBreak|ExceptionReplacer|NumberReplacer|RemoveDecorator|ZeroIterationForLoop"
    "|ReplaceUnaryOperator_(Delete_Not|USub_UAdd)"
)
CHOSEN = re.compile(f"ReplaceComparisonOperator_({_COMPARISONS})|ReplaceBinaryOperator_({_BINARY})|{_OTHERS}")
"""Of one comparison the two neighbours, for what kills them kills the others; nothing between kinds of numbers."""


class OwnOperator(Operator):  # type: ignore[misc]
    """An operator that says where it applies by `places`, and what becomes of a place by `change`."""

    EXAMPLES: Sequence[tuple[str, str]] = ()
    """Code before and after, at the first place."""

    def places(self, node: Node) -> Sequence[Node]:
        """The nodes that one visited node offers for a change, in their order."""
        raise NotImplementedError

    def change(self, node: Node, place: Node) -> Node:
        """The node with the place changed."""
        raise NotImplementedError

    def mutation_positions(self, node: Node) -> Iterator[Position]:
        """See `Operator`."""
        yield from [(place.start_pos, place.end_pos) for place in self.places(node)]

    def mutate(self, node: Node, index: int) -> Node:
        """See `Operator`."""
        return self.change(node, self.places(node)[index])

    @classmethod
    def examples(cls) -> Sequence[Example]:
        """See `Operator`."""
        return [Example(before, after) for before, after in cls.EXAMPLES]


class ReplaceIn(OwnOperator):
    """`in` for `not in`, and the other way round."""

    EXAMPLES = (("a in b", "a not in b"), ("a not in b", "a in b"))

    def places(self, node: Node) -> Sequence[Node]:
        """The operators of a comparison that ask for membership."""
        words = node.children[1::2] if node.type == "comparison" else []
        return [word for word in words if word.get_code().split() in (["in"], ["not", "in"])]

    def change(self, node: Node, place: Node) -> Node:
        """The other word."""
        node.children[node.children.index(place)] = _code(" in" if "not" in place.get_code() else " not in")
        return node


class DropOperand(OwnOperator):
    """`a` or `b` for `a and b`: a condition that no test needs."""

    EXAMPLES = (("x = a and b", "x = b"), ("x = a or b or c", "x = b or c"))

    def places(self, node: Node) -> Sequence[Node]:
        """The operands of a conjunction or disjunction."""
        return node.children[::2] if node.type in {"and_test", "or_test"} else []

    def change(self, node: Node, place: Node) -> Node:
        """The others."""
        at = node.children.index(place)
        prefix = node.get_first_leaf().prefix
        first = max(at - 1, 0)  # the word before it goes, too; of the first, the one behind it
        del node.children[first : first + 2]
        node.get_first_leaf().prefix = prefix
        return node


class NegateFilter(OwnOperator):
    """The items that a comprehension leaves out, instead of those that it takes."""

    EXAMPLES = (("x = [a for a in b if c]", "x = [a for a in b if not (c)]"),)

    def places(self, node: Node) -> Sequence[Node]:
        """The condition of a comprehension."""
        return [node.children[1]] if node.type == "comp_if" else []

    def change(self, node: Node, place: Node) -> Node:
        """Its contrary."""
        node.children[1] = _code(f" not ({place.get_code().strip()})")
        return node


class SwapFold(OwnOperator):
    """`any` for `all`, `min` for `max`, and the other way round."""

    EXAMPLES = (("x = any(y)", "x = all(y)"), ("x = min(1, y)", "x = max(1, y)"))
    OTHER = {"any": "all", "all": "any", "min": "max", "max": "min"}  # noqa: RUF012

    def places(self, node: Node) -> Sequence[Node]:
        """The name that is called."""
        called = node.type == "atom_expr" and node.children[1].get_code().startswith("(")
        return [node.children[0]] if called and node.children[0].get_code().strip() in self.OTHER else []

    def change(self, node: Node, place: Node) -> Node:
        """The other name."""
        place.value = self.OTHER[place.value]
        return node


class ReturnNothing(OwnOperator):
    """`return None`: an answer that nobody reads."""

    EXAMPLES = (("def f():\n    return 1\n", "def f():\n    return None\n"),)

    def places(self, node: Node) -> Sequence[Node]:
        """A return with an answer."""
        answers = node.type == "return_stmt" and node.children[1].get_code().strip() != "None"
        return [node] if answers else []

    def change(self, node: Node, place: Node) -> Node:
        """None instead of it."""
        place.children[1] = _code(" None")
        return node


class DropStatement(OwnOperator):
    """`pass` for a statement that is carried out for its effect."""

    EXAMPLES = (("f(1)\n", "pass\n"), ("a.b = 1\n", "pass\n"), ("raise a\n", "pass\n"))

    def places(self, node: Node) -> Sequence[Node]:
        """A call, a `yield`, a `raise`, or an assignment to a part of something."""
        if node.type != "simple_stmt":
            return []
        first = node.children[0]
        target = first.children[0] if first.type == "expr_stmt" else first
        kinds = {"atom_expr", "yield_expr", "raise_stmt"}
        return [first] if target.type in kinds else []

    def change(self, node: Node, place: Node) -> Node:
        """Nothing instead."""
        node.children[node.children.index(place)] = _code(f"{place.get_first_leaf().prefix}pass")
        return node


class DropElement(OwnOperator):
    """A rule out of the transition table, a phase out of a set, an entry out of a module's mapping."""

    EXAMPLES = (
        ("x = (a, b)", "x = (b,)"),
        ("x = {a, b}", "x = {b}"),
        ("x = {a: b, c: d}", "x = {c: d}"),
        ("x = (a,)", "x = ()"),
    )

    def places(self, node: Node) -> Sequence[Node]:
        """The elements of a tuple or mapping of the module, and of any set."""
        if node.type not in {"testlist_comp", "dictorsetmaker"} or "comp_for" in _kinds(node):
            return []
        is_set = node.type == "dictorsetmaker" and ":" not in _leaves(node) and "**" not in _leaves(node)
        return [group[0] for group in _groups(node)] if is_set or not _in_function(node) else []

    def change(self, node: Node, place: Node) -> Node:
        """The others."""
        prefix = node.get_first_leaf().prefix
        groups = [group for group in _groups(node) if group[0] is not place]
        comma = "," if node.type == "testlist_comp" and len(groups) == 1 else ""
        text = ",".join("".join(part.get_code() for part in group) for group in groups)
        return _code(prefix + text.strip() + comma)


OWN: tuple[type[OwnOperator], ...] = (
    ReplaceIn,
    DropOperand,
    NegateFilter,
    SwapFold,
    ReturnNothing,
    DropStatement,
    DropElement,
)


def operators() -> Mapping[str, Operator]:
    """All that are used, by name."""
    provider = OperatorProvider()
    chosen = {name: provider[name]() for name in provider if CHOSEN.fullmatch(name)}
    return {**chosen, **{operator.__name__: operator() for operator in OWN}}


def _code(text: str) -> Node:
    """A piece of code as a node."""
    return get_ast(text)


def _groups(node: Node) -> list[list[Node]]:
    """The elements between the commas, each as the nodes that it consists of."""
    groups: list[list[Node]] = [[]]
    for child in node.children:
        if child.type == "operator" and child.value == ",":
            groups.append([])
        else:
            groups[-1].append(child)
    return [group for group in groups if group]


def _kinds(node: Node) -> set[str]:
    return {"comp_for" if child.type == "sync_comp_for" else child.type for child in node.children}


def _leaves(node: Node) -> set[str]:
    return {child.value for child in node.children if child.type == "operator"}


def _in_function(node: Node) -> bool:
    while node is not None and node.type not in {"funcdef", "lambdef"}:
        node = node.parent
    return node is not None
