"""Bugs of two kinds that Sieve found in controllers: a state that was never observed, and one that was left half-way.

Those of its third kind, a stale state, are among the others: no live read, no precondition, the cache's word.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

from agentteam_operator.apply import KubeWriter
from agentteam_operator.core.decision import EmitEvent
from agentteam_operator.core.observed import TeamRef
from agentteam_operator.core.plan import children
from agentteam_operator.core.view import View
from agentteam_operator.kube.errors import Retryable
from agentteam_operator.observe.store import Store

from tests.simulation.faults import Fault
from tests.simulation.planted import Bug


def _lists_take_nothing_away() -> AbstractContextManager[object]:
    """Never observed: what went while nobody watched stays in the cache."""
    return mock.patch.object(Store, "keep")


def _a_lost_answer_is_an_answer() -> AbstractContextManager[object]:
    """Half-way: an Event that couldn't be told counts as told."""
    right = KubeWriter.create_event

    async def wrong(self: KubeWriter, team: TeamRef, event: EmitEvent) -> None:
        try:
            await right(self, team, event)
        except Retryable:
            self._told.setdefault(event.key)

    def told(self: KubeWriter, team: TeamRef, event: EmitEvent) -> Any:  # noqa: ANN401 - a coroutine
        return wrong(self, team, event) if event.key not in self._told else _nothing()

    return mock.patch.object(KubeWriter, "create_event", told)


async def _nothing() -> None:
    """What was told isn't told again."""


def _traffic_follows_transitions_only() -> AbstractContextManager[object]:
    """Half-way: the Service is only written in the tick that changes the phase."""
    right = children.traffic

    def wrong(view: View) -> Iterator[Any]:
        yield from right(view) if view.rollout and view.rollout.phase_started_at == view.now else ()

    return mock.patch.object(children, "traffic", wrong)


UNSEEN = (
    Bug(
        "what a list lacks stays in the cache",
        _lists_take_nothing_away,
        "upgrade-blue-removed-while-preparing",
        (Fault.NEWS_LOST,),
    ),
    Bug("an Event that failed counts as told", _a_lost_answer_is_an_answer, "create", (Fault.SERVER_ERROR,)),
    Bug(
        "traffic follows transitions only",
        _traffic_follows_transitions_only,
        "upgrade-by-steps",
        (Fault.CRASH_BEFORE,),
    ),
)
