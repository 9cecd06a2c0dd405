"""Runs leave the counters that the agent server would."""

from __future__ import annotations

import pytest
from agentteam_operator.api.metrics import MetricName
from agentteam_operator.core import histogram
from agentteam_operator.core.quantities import QUANTITIES

from tests.judgement.faults import Faults
from tests.judgement.kinds import Kind, Sick, Tokens, Who
from tests.judgement.traffic import Traffic

QUANTITY = QUANTITIES[MetricName.TOKENS_PER_RUN]


def tokens_of(kind: Kind, pod: int) -> histogram.Counts:
    """What a pod has shown after ten minutes beside the other colour."""
    traffic = Traffic(Faults(kind, 1), 1)
    traffic.advance(600, list(range(2 * kind.replicas)))
    scraped = traffic.scraped(pod, 600.0, 0.0)
    assert scraped is not None
    counts = histogram.from_cumulative(scraped.quantities[MetricName.TOKENS_PER_RUN])
    assert sum(counts) == scraped.succeeded
    return counts


@pytest.mark.parametrize(
    ("tokens", "pod", "usual"),
    [
        pytest.param(Tokens(), 0, 2000.0, id="blue"),
        pytest.param(Tokens(green=7000), 3, 7000.0, id="green takes more"),
        pytest.param(Tokens(green=7000), 0, 2000.0, id="blue beside it"),
        pytest.param(Tokens(session=5), 4, 2000.0, id="in sessions"),
    ],
)
def test_every_run_that_succeeds_takes_tokens(tokens: Tokens, pod: int, usual: float) -> None:
    assert QUANTITY.quantile(tokens_of(Kind("tokens", tokens=tokens), pod), 0.45) == usual


def test_runs_of_a_session_take_alike() -> None:
    assert all(count % 5 == 0 for count in tokens_of(Kind("sessions", tokens=Tokens(session=5)), 3))


def test_one_run_in_so_many_is_heavy() -> None:
    far_over = QUANTITY.bounds.index(7e4)
    shares = [
        sum(counts[far_over:]) / sum(counts)
        for counts in (tokens_of(Kind("heavy", tokens=Tokens(heavy=heavy)), 3) for heavy in (0.0, 0.05))
    ]
    assert shares[0] == 0.0
    assert 0.01 < shares[1] < 0.1


def test_the_sick_pod_alone_takes_more() -> None:
    kind = Kind("sick", tokens=Tokens(sick=100.0), sick=Sick(Who.FIRST, 0.01, 6000, 0, 0))
    medians = [QUANTITY.quantile(tokens_of(kind, pod), 0.5) or 0.0 for pod in range(6)]
    assert max(range(6), key=medians.__getitem__) == 3
    assert sorted(medians)[4] <= 3000.0


def test_without_tokens_none_are_shown() -> None:
    traffic = Traffic(Faults(Kind("plain"), 1), 1)
    scraped = traffic.scraped(0, 0.0, -3600.0)
    assert scraped is not None
    assert scraped.quantities == {}
