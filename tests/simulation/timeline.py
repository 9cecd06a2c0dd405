"""Simulated time: what is due next, in an order that is always the same."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


class Timeline:
    """Callbacks at moments, in seconds since the start. What is due at the same moment comes in the order of asking."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    @property
    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def after(self, seconds: float, callback: Callable[[], None]) -> None:
        """Call back in so many seconds."""
        self._count += 1
        heapq.heappush(self._due, (round(self.seconds + seconds, 3), self._count, callback))

    @property
    def next_at(self) -> float:
        """When something is due next; infinity if nothing is."""
        return self._due[0][0] if self._due else float("inf")

    def run_due(self) -> None:
        """Call what is due now."""
        while self._due and self._due[0][0] <= self.seconds:
            heapq.heappop(self._due)[2]()


def stamp(moment: datetime) -> str:
    """A moment as the API server writes it."""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
