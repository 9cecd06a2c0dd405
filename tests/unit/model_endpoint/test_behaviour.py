from __future__ import annotations

import pytest

from tests.model_endpoint.behaviour import Behaviour, Outcome, UnknownModelError, parse_model


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("scripted", Behaviour(), id="bare"),
        pytest.param("scripted-ok", Behaviour(), id="ok"),
        pytest.param("scripted-fail-50", Behaviour(fail_percent=50), id="fails-half"),
        pytest.param("scripted-fail-100-status-429", Behaviour(fail_percent=100, fail_status=429), id="rate-limited"),
        pytest.param("scripted-ok-delay-30ms", Behaviour(delay_seconds=0.03), id="delayed"),
        pytest.param(
            "scripted-delay-2000ms-fail-10", Behaviour(fail_percent=10, delay_seconds=2.0), id="slow-and-failing"
        ),
        pytest.param("scripted-hang", Behaviour(otherwise=Outcome.HANG), id="hangs"),
        pytest.param("scripted-garbage", Behaviour(otherwise=Outcome.GARBAGE), id="garbage"),
        pytest.param("scripted-truncate", Behaviour(otherwise=Outcome.TRUNCATE), id="cut-off"),
    ],
)
def test_model_name_says_what_it_does(name: str, expected: Behaviour) -> None:
    assert parse_model(name) == expected


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param("gpt-4o", "'gpt-4o' is not served here", id="foreign"),
        pytest.param("scripted-okay", "'-okay' is none of", id="almost-a-part"),
        pytest.param("scripted-fail", "'-fail' is none of", id="no-percentage"),
        pytest.param("scripted-fail-101", "more than 100 percent", id="over-100-percent"),
        pytest.param("scriptedfail-10", "'fail-10' is none of", id="no-dash"),
        pytest.param("scripted-status-200", "'-status-200' is none of", id="success-is-no-error-status"),
    ],
)
def test_unknown_names_are_refused_and_say_why(name: str, message: str) -> None:
    with pytest.raises(UnknownModelError, match=message):
        parse_model(name)


@pytest.mark.parametrize("percent", [0, 10, 50, 100])
def test_failures_come_at_the_named_rate(percent: int) -> None:
    behaviour = Behaviour(fail_percent=percent)
    failures = [behaviour.outcome("m", call) is Outcome.FAIL for call in range(4000)]
    assert sum(failures) == pytest.approx(40 * percent, rel=0.1)


def test_failures_are_the_same_on_every_run() -> None:
    behaviour = Behaviour(fail_percent=50)
    first = [behaviour.outcome("m", call) for call in range(50)]
    assert first == [behaviour.outcome("m", call) for call in range(50)]
    assert first != [behaviour.outcome("other", call) for call in range(50)]
