"""A state machine that drives `decide` through whatever a cluster, people and time may do to a team, in any order.

    python -m tests.machine --steps 1000000     a long run with other examples each time; `make state-machine`

The model is smaller than the simulation's (tests/simulation): no requests, no watch, no metrics but those it makes up.
In return nothing is a story: any pod may come, go or break at any moment, and any write may be refused.
"""
