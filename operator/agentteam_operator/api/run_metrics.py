"""What the agent server counts of each run that succeeds, and the operator's judge reads: names and buckets.

The server and the judge must mean the same buckets, so they are here, once. Each bound is up to twice the one before; a
change within a bucket isn't seen.
"""

from __future__ import annotations

from math import inf

TURNS = "autogen_run_turns"
"""Messages of agents in a run."""

TOKENS = "autogen_run_tokens"
"""Tokens of all calls to models in a run, in and out."""

COST = "autogen_run_cost"
"""What these tokens cost; only where each model has a price."""

STOPPED = "autogen_runs_stopped_total"
"""Runs that succeeded, by `stop_reason`."""

STOP_LABEL = "stop_reason"

BOUND_STOPS = ("max_turns", "max_messages")
"""Stop reasons of runs that were ended by a bound rather than by being done."""

BOUNDS: dict[str, tuple[float, ...]] = {
    TURNS: (
        *(1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0, 65.0, 80.0, 100.0),
        *(150.0, 200.0, 300.0, 500.0, 1000.0),
        inf,
    ),
    TOKENS: (
        *(50.0, 75.0, 100.0, 150.0, 200.0, 300.0, 450.0, 700.0, 1e3, 1.5e3, 2e3, 3e3, 4.5e3, 7e3, 1e4, 1.5e4, 2e4, 3e4),
        *(4.5e4, 7e4, 1e5, 1.5e5, 2e5, 3e5, 4.5e5, 7e5, 1e6, 2e6, 4e6),
        inf,
    ),
    COST: (
        *(float(f"{digits}e{power}") for power in range(-5, 2) for digits in ("1", "1.5", "2", "3", "4.5", "7")),
        100.0,
        inf,
    ),
}
"""Upper bounds of each histogram's buckets, inclusive."""
