"""Which answer is a connection's last."""

from __future__ import annotations

from asyncio import Transport

import pytest
from agent_server.runtime.connections import KEEPALIVE_TIMEOUT_SECONDS, ConnectionPolicy


class _Transport(Transport):
    """A connection."""


class _Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("max_age", "jitter", "elapsed", "draining", "last"),
    [
        pytest.param(10, 0.0, 9.9, False, False, id="young"),
        pytest.param(10, 0.0, 10.0, False, True, id="at-the-bound"),
        pytest.param(10, 1.0, 8.1, False, True, id="a-fifth-earlier-by-chance"),
        pytest.param(10, 1.0, 7.9, False, False, id="never-earlier-than-a-fifth"),
        pytest.param(10, 0.0, 0.0, True, True, id="draining"),
        pytest.param(0, 0.0, 0.0, False, True, id="no-keep-alive"),
    ],
)
def test_is_last(*, max_age: float, jitter: float, elapsed: float, draining: bool, last: bool) -> None:
    clock = _Clock()
    policy = ConnectionPolicy(max_age, is_draining=lambda: draining, clock=clock, jitter=lambda: jitter)
    transport = _Transport()
    policy.note_request(transport)
    clock.now += elapsed
    policy.note_request(transport)
    assert policy.is_last_answer(transport) is last


def test_connections_age_apart() -> None:
    clock = _Clock()
    policy = ConnectionPolicy(10, is_draining=lambda: False, clock=clock, jitter=lambda: 0.0)
    old, young = _Transport(), _Transport()
    policy.note_request(old)
    clock.now += 6
    policy.note_request(young)
    clock.now += 5
    assert policy.is_last_answer(old)
    assert not policy.is_last_answer(young)


def test_a_lost_connection_has_no_next_answer() -> None:
    assert ConnectionPolicy(10, is_draining=lambda: False).is_last_answer(None)


def test_idle_connections_outlive_the_idle_timeouts_of_clients() -> None:
    assert KEEPALIVE_TIMEOUT_SECONDS > 600
