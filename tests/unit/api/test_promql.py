"""Queries that teams write are confined to their own pods, or refused."""

from __future__ import annotations

from datetime import timedelta

import promql_parser
import pytest
from agentteam_operator.api.promql import MAX_SIGNS, InvalidQueryError, parse_query
from hypothesis import example, given, settings
from hypothesis import strategies as st

PODS = ("support-bbbbbbbbbb-1", "support-bbbbbbbbbb-2")
OWN = r'namespace="shop",pod=~"support\\-bbbbbbbbbb\\-1|support\\-bbbbbbbbbb\\-2"'


def confined(query: str) -> str:
    return " ".join(parse_query(query).confined("shop", PODS).split())


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("app_size", "app_size{OWN}", id="a bare metric"),
        pytest.param("app_size{$selector}", "app_size{OWN}", id="the placeholder"),
        pytest.param('app_size{a="b",$selector}', 'app_size{a="b",OWN}', id="the placeholder behind a matcher"),
        pytest.param('app_size{$selector, a!~"b|c"}', 'app_size{a!~"b|c",OWN}', id="the placeholder in front of one"),
        pytest.param("{$selector}", "{OWN}", id="the placeholder alone: all that the pods have"),
        pytest.param(
            "sum(rate(app_refunds_total{$selector}[1m]))", "sum( rate(app_refunds_total{OWN}[1m]) )", id="a range"
        ),
        pytest.param(
            "sum(rate(bad_total{$selector}[5m])) / sum(rate(all_total[5m]))",
            "sum(rate(bad_total{OWN}[5m])) / sum(rate(all_total{OWN}[5m]))",
            id="every selector, with the placeholder or without",
        ),
        pytest.param("a and on (x) b", "a{OWN} and on (x) b{OWN}", id="both sides of a set operator"),
        pytest.param("absent(app_size)", "absent(app_size{OWN})", id="absence among the team's series"),
        pytest.param("scalar(app_size)", "scalar( app_size{OWN} )", id="scalar"),
        pytest.param("app_size # {namespace='x'}", "app_size{OWN}", id="a comment goes"),
        pytest.param(
            """app_size{a='"} or other{b="'}""", r'app_size{a="\"} or other{b=\"",OWN}', id="quotes stay in their value"
        ),
        pytest.param('{"app.size"}', '{__name__="app.size",OWN}', id="a name in quotes"),
        pytest.param('app_size{a=~"x\\\\.y"}', r'app_size{a=~"x\\.y",OWN}', id="a backslash"),
    ],
)
def test_each_selector_is_confined(query: str, expected: str) -> None:
    assert confined(query).replace("( ", "(").replace(" )", ")") == (
        expected.replace("OWN", OWN).replace("( ", "(").replace(" )", ")")
    )


MOMENT = "looks at another moment: remove offset and @, a metric is judged by the present"
OLD_NAME = "has a label whose name isn't a classic one, or whose value isn't plain ASCII: replace it"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        pytest.param("sum(", "is no PromQL: unclosed left parenthesis", id="cut short"),
        pytest.param("sum(rate(a))", "is no PromQL: expected type matrix in call to function 'rate'", id="types"),
        pytest.param("a{b}", "is no PromQL: ", id="no matcher"),
        pytest.param('a{b="$selector"}', "is no PromQL: invalid promql query", id="the placeholder in a text"),
        pytest.param("a offset Inf", "is no PromQL: the parser gave up", id="the parser panics"),
        pytest.param('a{namespace="shop"}', "has a matcher on namespace, which is the operator's", id="own namespace"),
        pytest.param('a{namespace=~".*"}', "has a matcher on namespace, which is the operator's", id="any namespace"),
        pytest.param('a{$selector,pod!="x"}', "has a matcher on pod, which is the operator's", id="other pods"),
        pytest.param('a{b="c" or namespace="x"}', "has alternatives (or) within a selector", id="or in a selector"),
        pytest.param("a offset 5m", MOMENT, id="offset"),
        pytest.param("rate(a[5m] offset -5m)", MOMENT, id="the future"),
        pytest.param("a @ 1700000000", MOMENT, id="a moment"),
        pytest.param("a @ end()", MOMENT, id="the end"),
        pytest.param("max_over_time(rate(a[1m])[5m:1s])", "has a subquery: use a range", id="subquery"),
        pytest.param("max_over_time((a)[5m:])", "has a subquery: use a range", id="subquery of the default step"),
        pytest.param("rate(a[2h])", "looks back over 2:00:00: at most 1h is allowed", id="a long range"),
        pytest.param("info(a)", "calls info, which is experimental in Prometheus", id="info reads other series"),
        pytest.param("vector(1)", "reads 0 metrics: it must read at least 1 and at most 10", id="a constant"),
        pytest.param("time()", "reads 0 metrics", id="the clock"),
        pytest.param(" + ".join("a" * 11), "reads 11 metrics", id="too many selectors"),
        pytest.param("(" * 30 + "a" + ")" * 30 + "-a" * 9 + "+-" * 20 + "a", "is too large", id="too many signs"),
        pytest.param("-" * (MAX_SIGNS + 1) + "a", "is too large: at most 60 operators", id="too deep"),
        pytest.param("a[5m]", "must give one number", id="a range by itself"),
        pytest.param("(('text'))", "must give one number", id="a text"),
        pytest.param('a{"b.c"="d"}', OLD_NAME, id="a label in quotes"),
        pytest.param('a{b="\\n"}', OLD_NAME, id="a control character"),
        pytest.param('a{b="\u00e9"}', OLD_NAME, id="not ASCII"),
        pytest.param('sum by ("x) (other) + sum by (y") (a)', "groups by ", id="a group that closes the brackets"),
        pytest.param('a / on ("x.y") b', "groups by 'x.y', which is no classic label name", id="matching on quotes"),
        pytest.param('label_replace(a, "b", "\\n", "c", "d")', "has a text that isn't plain ASCII", id="a text's end"),
    ],
)
def test_what_a_metric_has_no_need_of_is_refused(query: str, message: str) -> None:
    with pytest.raises(InvalidQueryError) as refused:
        parse_query(query)
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    ("query", "seconds"),
    [("a", 0.0), ("rate(a[90s]) / rate(b[5m])", 300.0), ("rate(a[1h])", timedelta(hours=1).total_seconds())],
)
def test_the_longest_range_is_known(query: str, seconds: float) -> None:
    assert parse_query(query).range_seconds == seconds


def test_no_pods_are_not_any_pods() -> None:
    with pytest.raises(ValueError, match="at least one pod"):
        parse_query("a").confined("shop", ())


_PIECES = st.sampled_from(
    [
        *("a", "other", "(", ")", "{", "}", ",", "[5m]", "[5m:1m]", "sum", "by", "on", "rate", "abs", "info", "absent"),
        *("label_replace", "count_values", "topk", "or", "and", "unless", "ignoring", "group_left", "offset", "@", "1"),
        *("5m", "end()", "=", "=~", "!=", "!~", "namespace", "pod", "__name__", "$selector", "__selector__", '"', "'"),
        *(
            '"x"',
            "'y'",
            "`z`",
            '"namespace"',
            '"a{b=\\"c\\"}"',
            '"\\x22}"',
            "\\",
            "#",
            "\n",
            " ",
            "-",
            "+",
            "/",
            "bool",
        ),
        *("\u00e9", "\0", "$", "keep_metric_names", "without", "(x)", '{a="b"', "{$selector}", ',pod=~".*"'),
    ]
)


@settings(max_examples=1500)
@given(st.lists(_PIECES, min_size=1, max_size=14).map("".join), st.sampled_from(["", "a", "sum(a", "a{"]))
@example('} or other{namespace="x"', 'a{b="c"')
@example('"x"} + other{a="b"}', "a{b=")
def test_whatever_is_written_no_selector_escapes(written: str, beginning: str) -> None:
    try:
        sent = parse_query(beginning + written).confined('sh"op', ("p-1", "p.2"))
    except InvalidQueryError:
        return
    seen: list[promql_parser.VectorSelector] = []
    promql_parser.walk(
        promql_parser.parse(sent),
        lambda node: seen.append(node) if isinstance(node, promql_parser.VectorSelector) else None,
    )
    assert seen
    for selector in seen:
        own = [(str(one.op), one.name, one.value) for one in selector.matchers.matchers][-2:]
        assert own == [("MatchOp.Equal", "namespace", 'sh"op'), ("MatchOp.Re", "pod", "p\\-1|p\\.2")]
        assert not selector.matchers.or_matchers
        assert selector.offset is None
        assert selector.at is None
