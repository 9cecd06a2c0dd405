"""PromQL that a team writes, confined to the candidate's own pods.

What is sent to Prometheus is printed anew from the parsed query, with matchers on `namespace` and `pod` in every
selector, and read once more before it goes: whatever the parser and its printer make of odd input, a query of which a
single selector lacks these matchers is never sent. What a query has no need of here is refused rather than thought
through: other moments (`@`, offset), subqueries, alternatives within a selector, names and texts that aren't plain
ASCII, and experimental functions, of which `info()` reads series that no selector of the query names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache

import promql_parser as promql

SELECTOR = "$selector"
"""In a query: where the matchers go. They go into a selector without it, too."""

MAX_SELECTORS = 10
MAX_SIGNS = 60
"""Operators and opening parentheses, wherever they stand: what makes a syntax tree deep, and each level of it costs the
library a copy of all below. A thousand of them take seconds and gigabytes."""

MAX_RANGE_SECONDS = 3600.0

OWN_LABELS = ("namespace", "pod")

_PLACEHOLDER = '__selector__="here"'
_PLACEHOLDER_LABEL = "__selector__"
_NESTING = re.compile(r"[-+*/%^(<>]|==|!=|\b(?:and|or|unless|atan2)\b", re.IGNORECASE)
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_PLAIN_TEXT = re.compile(r"[ -~]*")
_OPERATORS = {
    str(kind): sign
    for kind, sign in (
        (promql.MatchOp.Equal, "="),
        (promql.MatchOp.NotEqual, "!="),
        (promql.MatchOp.Re, "=~"),
        (promql.MatchOp.NotRe, "!~"),
    )
}
_QUERIES_REMEMBERED = 512
_LONGEST_WORDS = 200


class InvalidQueryError(ValueError):
    """The query can't be used; the message says why, and how to mend it."""


@dataclass(frozen=True, slots=True)
class Query:
    """A query that was read and found usable."""

    text: str
    """As it was written."""
    range_seconds: float
    """The longest range that it looks back over; 0 if it looks at the last samples only."""

    def confined(self, namespace: str, pods: Collection[str]) -> str:
        """The query over these pods' series alone.

        Raises:
            ValueError: no pods are given, or, which never should be, a selector escaped.
        """
        if not pods:
            raise ValueError("a query must be confined to at least one pod: without, it would read what has no pod")
        own = (
            promql.Matcher(promql.MatchOp.Equal, "namespace", namespace),
            promql.Matcher(promql.MatchOp.Re, "pod", "|".join(map(re.escape, sorted(pods)))),
        )
        printed = promql.transform(_parsed(self.text), post_visit=lambda node: _with_matchers(node, own)).prettify()
        _assert_confined(printed, own)
        return printed


@lru_cache(maxsize=_QUERIES_REMEMBERED)
def parse_query(text: str) -> Query:
    """The query that a text is.

    Raises:
        InvalidQueryError: it is no PromQL, or does what no metric of a rollout may.
    """
    if len(_NESTING.findall(text)) > MAX_SIGNS:
        raise InvalidQueryError(f"is too large: at most {MAX_SIGNS} operators and parentheses are allowed")
    expression = _parsed(text)
    nodes = _nodes(expression)
    inner = expression
    while isinstance(inner, promql.ParenExpr):
        inner = inner.expr
    if isinstance(inner, promql.MatrixSelector | promql.StringLiteral):
        raise InvalidQueryError("must give one number: apply a function such as rate() to a range, and sum() to series")
    for node in nodes:
        for problem in _problems(node):
            raise InvalidQueryError(problem)
    selectors = sum(isinstance(node, promql.VectorSelector) for node in nodes)
    if not 1 <= selectors <= MAX_SELECTORS:
        raise InvalidQueryError(f"reads {selectors} metrics: it must read at least 1 and at most {MAX_SELECTORS}")
    ranges = (node.range.total_seconds() for node in nodes if isinstance(node, promql.MatrixSelector))
    query = Query(text, max(ranges, default=0.0))
    query.confined("a", ("b",))
    return query


def _parsed(text: str) -> promql.Expr:
    """The syntax tree.

    Raises:
        InvalidQueryError: the text is no PromQL.
    """
    try:
        return promql.parse(text.replace(SELECTOR, _PLACEHOLDER))
    except ValueError as error:
        said = " ".join(str(error).split())[:_LONGEST_WORDS]
    except BaseException as error:
        # The parser's own panic, which isn't an Exception: a time too large for it, say.
        if type(error).__name__ != "PanicException":
            raise
        said = "the parser gave up"
    raise InvalidQueryError(f"is no PromQL: {said}")


def _nodes(expression: promql.Expr) -> list[promql.Expr]:
    """All parts of the expression."""
    nodes: list[promql.Expr] = []
    promql.walk(expression, nodes.append)
    return nodes


def _problems(node: promql.Expr) -> Iterator[str]:
    """Why one part of a query is refused."""
    match node:
        case promql.SubqueryExpr():
            yield "has a subquery: use a range, such as [5m], of the metric itself"
        case promql.MatrixSelector() if node.range.total_seconds() > MAX_RANGE_SECONDS:
            yield f"looks back over {node.range}: at most 1h is allowed"
        case promql.VectorSelector():
            yield from _selector_problems(node)
        case promql.Call() if node.func.experimental:
            yield f"calls {node.func.name}, which is experimental in Prometheus: use another function"
        case promql.StringLiteral() if not _PLAIN_TEXT.fullmatch(node.val):
            yield "has a text that isn't plain ASCII: replace it"
        case promql.AggregateExpr() | promql.BinaryExpr():
            for label in _labels_of(node):
                if not _NAME.fullmatch(label):
                    yield f"groups by {label!r}, which is no classic label name: use another label"


def _labels_of(node: promql.AggregateExpr | promql.BinaryExpr) -> Iterator[str]:
    if isinstance(node, promql.AggregateExpr):
        yield from node.modifier.labels if node.modifier else ()
    elif node.modifier is not None:
        yield from node.modifier.group_labels or ()
        yield from node.modifier.matching.labels if node.modifier.matching else ()


def _selector_problems(selector: promql.VectorSelector) -> Iterator[str]:
    if selector.offset is not None or selector.at is not None:
        yield "looks at another moment: remove offset and @, a metric is judged by the present"
    if selector.matchers.or_matchers:
        yield "has alternatives (or) within a selector: use a regular expression, =~"
    for matcher in selector.matchers.matchers:
        if matcher.name in OWN_LABELS:
            yield f"has a matcher on {matcher.name}, which is the operator's to set: remove it"
        elif not _NAME.fullmatch(matcher.name) or not _PLAIN_TEXT.fullmatch(matcher.value):
            yield "has a label whose name isn't a classic one, or whose value isn't plain ASCII: replace it"
    if selector.name is not None and not _NAME.fullmatch(selector.name):
        yield "reads a metric whose name isn't a classic one: match it by {__name__=~...}"


def _with_matchers(node: promql.Expr, own: Collection[promql.Matcher]) -> promql.Expr | None:
    """What takes a selector's place; None for what is no selector.

    It is read from its own text: the library prints a selector as it was parsed, whatever is set in it since.
    """
    return promql.parse(_selector_text(node, own)) if isinstance(node, promql.VectorSelector) else None


def _selector_text(selector: promql.VectorSelector, own: Collection[promql.Matcher]) -> str:
    others = [matcher for matcher in selector.matchers.matchers if matcher.name != _PLACEHOLDER_LABEL]
    # JSON's escapes are among those of PromQL's strings.
    matchers = (f"{one.name}{_OPERATORS[str(one.op)]}{json.dumps(one.value)}" for one in (*others, *own))
    return f"{selector.name or ''}{{{','.join(matchers)}}}"


def _assert_confined(printed: str, own: Collection[promql.Matcher]) -> None:
    """Read again what will be sent: every selector must bear our matchers, and no alternatives to them."""
    wanted = [_words_of(matcher) for matcher in own]

    def check(node: promql.Expr) -> None:
        if isinstance(node, promql.VectorSelector):
            held = [_words_of(matcher) for matcher in node.matchers.matchers if matcher.name in OWN_LABELS]
            if held != wanted or node.matchers.or_matchers or node.offset is not None or node.at is not None:
                raise ValueError("a selector of the query isn't confined to the team: it is not sent")

    promql.walk(promql.parse(printed), check)


def _words_of(matcher: promql.Matcher) -> tuple[str, str, str]:
    return str(matcher.op), matcher.name, matcher.value
