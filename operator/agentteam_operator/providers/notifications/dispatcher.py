"""Tells notifiers in the background: with patience, in order, and so that none of them delays another, or a rollout.

A decision offers what is due and goes on at once. Each team's notices go to each notifier in a task of their own, which
tries until it is delivered or `GIVE_UP` has passed; how it ended is written into the team's status by its next tick.
Whoever dies in between is told the same again, with the same id: at least once, and mostly exactly once.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import structlog

from agentteam_operator.api.incident_status import DeliveryState
from agentteam_operator.core.observed import TeamRef
from agentteam_operator.core.telling import Delivery, Notify
from agentteam_operator.metrics import Metrics
from agentteam_operator.providers.notifications.channels import FIRING, Channel, DeliveryError, Told
from agentteam_operator.providers.notifications.ledger import RECORD_AFTER, Chain, Due, Ledger, TeamKey

GIVE_UP = timedelta(hours=1)
"""From the notice's own time on, so that a restart doesn't begin anew; one attempt is always made."""

REPEAT_SECONDS = 60.0
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0
_ALERTS_AT_ONCE = 200

log = structlog.get_logger(__name__)


class Dispatcher:
    """See `apply.Notifier`. Belongs to one event loop."""

    def __init__(
        self,
        channels: Iterable[Channel],
        *,
        clock: Callable[[], datetime],
        wake: Callable[[TeamKey], None],
        metrics: Metrics,
        scatter: Callable[[], float] = lambda: random.uniform(0.5, 1.0),  # noqa: S311 - not for secrecy
    ) -> None:
        """`wake` lets a team have a tick; `scatter` gives a factor for pauses."""
        self._channels = {channel.name: channel for channel in channels}
        self._clock = clock
        self._wake = wake
        self._metrics = metrics
        self._scatter = scatter
        self._ledger = Ledger()
        self._slots = {name: asyncio.Semaphore(channel.concurrency) for name, channel in self._channels.items()}
        self._tasks: dict[Chain, asyncio.Task[None]] = {}
        for name in self._channels:
            metrics.know_notifier(name)
        metrics.notifications_pending.set_function(lambda: len(self._ledger))

    # --- the port ---

    def offer(self, team: TeamRef, notify: Notify) -> None:
        """See `Notifier`."""
        for chain in self._ledger.take(team, notify, self._clock()):
            if chain not in self._tasks and chain[1] in self._channels:
                self._tasks[chain] = asyncio.create_task(self._work(chain), name=f"notify-{chain[1]}")

    def outcomes(self, key: TeamKey) -> tuple[Delivery, ...]:
        """See `Notifier`."""
        return self._ledger.outcomes(key, self._clock())

    def forget(self, key: TeamKey) -> None:
        """See `Notifier`."""
        self._ledger.forget(key, self._clock())

    # --- the work ---

    async def run(self) -> None:
        """Repeat what goes on to those who forget, until cancelled."""
        while True:
            await asyncio.sleep(REPEAT_SECONDS)
            await asyncio.gather(*(self._repeat(channel) for channel in self._channels.values() if channel.repeats))
            self._ledger.expire(self._clock() - FIRING)

    def drop(self) -> set[asyncio.Task[None]]:
        """Leave everything to the replica that acts now: what is pending is offered to it from the status.

        The tasks that end by it.
        """
        dropped, self._tasks = set(self._tasks.values()), {}
        for task in dropped:
            task.cancel()
        self._ledger.clear()
        return dropped

    async def close(self) -> None:
        """Drop everything, and close the connections."""
        await asyncio.gather(*self.drop(), return_exceptions=True)
        await asyncio.gather(*(channel.close() for channel in self._channels.values()))

    async def _work(self, chain: Chain) -> None:
        while (due := self._ledger.next(chain)) is not None:
            outcome = await self._deliver(due)
            self._ledger.finish(due, outcome)
            ripe = any(other.notice == outcome.notice for other in self._ledger.outcomes(chain[0], outcome.at))
            # By a timer of our own: a team's appointments in the queue are off with whatever tick comes first.
            later = 0.0 if ripe else RECORD_AFTER.total_seconds()
            asyncio.get_running_loop().call_later(later, self._wake, chain[0])
        del self._tasks[chain]  # nothing is awaited since there was nothing left, so that no offer comes in between

    async def _deliver(self, due: Due) -> Delivery:
        """Try until it is done, hopeless, or nobody's any more: the team was deleted."""
        attempts = 0
        while attempts == 0 or self._ledger.next(due.chain) == due:
            attempts += 1
            error = await self._attempt(due)
            now = self._clock()
            if error is None:
                self._note(due, "delivered")
                return Delivery(due.notice.id, due.notifier, DeliveryState.DELIVERED, attempts, now)
            pause = max(self._pause_seconds(attempts), error.retry_after_seconds)
            late = now + timedelta(seconds=pause) - due.notice.at > GIVE_UP
            self._note(due, "given_up" if error.final or late else "failed", str(error))
            if error.final or late:
                said = f"given up after {attempts} attempts: {error}" if attempts > 1 else str(error)
                return Delivery(due.notice.id, due.notifier, DeliveryState.GIVEN_UP, attempts, now, said)
            await asyncio.sleep(pause)
        return Delivery(
            due.notice.id, due.notifier, DeliveryState.GIVEN_UP, attempts, self._clock(), "the team is gone"
        )

    async def _attempt(self, due: Due) -> DeliveryError | None:
        try:
            async with self._slots[due.notifier]:
                await self._channels[due.notifier].send(Told(due.team, due.notice))
        except DeliveryError as error:
            return error
        except Exception as error:
            log.exception("notification_crashed", notifier=due.notifier)
            return DeliveryError(f"a fault of the operator: {type(error).__name__}")
        return None

    async def _repeat(self, channel: Channel) -> None:
        async with self._slots[channel.name]:
            going_on = [Told(*said) for said in self._ledger.still_so(channel.name)]
            for first in range(0, len(going_on), _ALERTS_AT_ONCE):
                try:
                    await channel.repeat(going_on[first : first + _ALERTS_AT_ONCE])
                except DeliveryError as error:
                    self._metrics.notifications.labels(channel.name, "failed").inc()
                    log.warning("notifications_not_repeated", notifier=channel.name, error=str(error))

    def _note(self, due: Due, result: str, error: str = "") -> None:
        self._metrics.notifications.labels(due.notifier, result).inc()
        level = log.info if result == "delivered" else log.warning
        level(
            "notification",
            namespace=due.team.namespace,
            team=due.team.name,
            notifier=due.notifier,
            kind=due.notice.kind.value,
            id=due.notice.id,
            result=result,
            error=error,
        )

    def _pause_seconds(self, attempts: int) -> float:
        return min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2.0 ** min(attempts - 1, 20)) * self._scatter()
