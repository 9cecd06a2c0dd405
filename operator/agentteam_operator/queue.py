"""Which teams want a tick: each at most once, at most one tick at a time, and again if woken during it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

TeamKey = tuple[str, str]


class WakeQueue:
    """Wakes are coalesced: a team that is woken ten times before its turn gets one tick, which sees everything."""

    def __init__(self) -> None:
        """Begin empty. Belongs to one event loop."""
        self._ready: OrderedDict[TeamKey, None] = OrderedDict()
        self._busy: set[TeamKey] = set()
        self._again: set[TeamKey] = set()
        self._timers: dict[TeamKey, asyncio.TimerHandle] = {}
        self._some = asyncio.Event()

    def __len__(self) -> int:
        """Teams that wait for their turn now; not those that wait for a time."""
        return len(self._ready)

    def wake(self, key: TeamKey) -> None:
        """Let a team have a tick as soon as possible."""
        if key in self._busy:
            self._again.add(key)
            return
        self._ready[key] = None
        self._some.set()

    def wake_after(self, key: TeamKey, seconds: float) -> None:
        """Let a team have a tick in some seconds, unless it gets one before; an earlier appointment stands."""
        loop = asyncio.get_running_loop()
        due = loop.time() + max(0.0, seconds)
        timer = self._timers.get(key)
        if timer is not None:
            if timer.when() <= due:
                return
            timer.cancel()
        self._timers[key] = loop.call_at(due, self._ring, key)

    async def take(self) -> TeamKey:
        """The next team; `done` must follow. Its appointments are off, for its tick makes new ones."""
        while not self._ready:
            self._some.clear()
            await self._some.wait()
        key, _ = self._ready.popitem(last=False)
        self._busy.add(key)
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        return key

    def done(self, key: TeamKey) -> None:
        """The team's tick is over; another follows if it was woken meanwhile."""
        self._busy.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.wake(key)

    def _ring(self, key: TeamKey) -> None:
        self._timers.pop(key, None)
        self.wake(key)
