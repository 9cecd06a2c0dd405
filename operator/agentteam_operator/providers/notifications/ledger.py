"""What the dispatcher remembers: which deliveries it has taken up, in which order, and how they ended.

Memory only. What is lost with the process is offered again from the status. One team's notices go to a notifier in
their order, one after another: that something is over must not overtake that it began.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agentteam_operator.api.incident_status import DeliveryState, NoticeKind, NoticeStatus
from agentteam_operator.core.observed import TeamRef
from agentteam_operator.core.telling import Delivery, Notify

RECORD_AFTER = timedelta(seconds=5)
"""How long the first delivered of a notice's notifiers waits for the others, so that one write tells of all."""

TeamKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Due:
    """One notice for one notifier."""

    team: TeamRef
    notice: NoticeStatus
    notifier: str

    @property
    def chain(self) -> Chain:
        """What it has to wait its turn in."""
        return (self.team.namespace, self.team.name), self.notifier


Chain = tuple[TeamKey, str]
"""A team's notices for one notifier, told in their order."""


@dataclass(slots=True)
class _Team:
    taken: dict[tuple[str, str], Delivery | None] = field(default_factory=dict)
    """By (notice, notifier): how it ended, or None while it goes on."""
    waiting: dict[str, deque[Due]] = field(default_factory=dict)
    """By notifier."""
    still_so: dict[str, tuple[TeamRef, NoticeStatus]] = field(default_factory=dict)
    """By notice."""


class Ledger:
    """The books of all teams."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._teams: dict[TeamKey, _Team] = {}
        self._ended: dict[str, tuple[TeamRef, NoticeStatus, datetime]] = {}

    def __len__(self) -> int:
        """Deliveries that go on."""
        return sum(outcome is None for team in self._teams.values() for outcome in team.taken.values())

    def take(self, team: TeamRef, notify: Notify, now: datetime) -> set[Chain]:
        """Take up what is new; the chains that have something to do. What is written down is forgotten."""
        key = (team.namespace, team.name)
        books = self._teams.setdefault(key, _Team())
        pending = {(due.notice.id, due.notifier): due for due in _deliveries(team, notify)}
        for mark in [mark for mark, outcome in books.taken.items() if outcome and mark not in pending]:
            del books.taken[mark]
        for mark, due in pending.items():
            if mark not in books.taken:
                books.taken[mark] = None
                books.waiting.setdefault(due.notifier, deque()).append(due)
        still_so = {notice.id: (team, notice) for notice in notify.still_so}
        for identity, (_, notice) in books.still_so.items():
            own_notice = notice.kind is NoticeKind.INCIDENT_OPENED  # whose end is one, too
            if identity not in still_so and not own_notice:
                self._ended[identity] = team, notice, now
        books.still_so = still_so
        return {(key, notifier) for notifier, waiting in books.waiting.items() if waiting}

    def next(self, chain: Chain) -> Due | None:
        """What is first in a chain."""
        key, notifier = chain
        waiting = self._teams[key].waiting.get(notifier) if key in self._teams else None
        return waiting[0] if waiting else None

    def finish(self, due: Due, outcome: Delivery) -> None:
        """Note how the first of its chain ended."""
        key, notifier = due.chain
        books = self._teams.get(key)
        if books is None or self.next(due.chain) != due:
            return  # the team went meanwhile
        books.waiting[notifier].popleft()
        books.taken[due.notice.id, notifier] = outcome

    def outcomes(self, key: TeamKey, now: datetime) -> tuple[Delivery, ...]:
        """How deliveries ended, of notices that all have ended of, or one a while ago."""
        books = self._teams.get(key)
        if books is None:
            return ()
        ended = [outcome for outcome in books.taken.values() if outcome]
        going_on = {notice for (notice, _), outcome in books.taken.items() if outcome is None}
        late = {outcome.notice for outcome in ended if now - outcome.at >= RECORD_AFTER}
        return tuple(outcome for outcome in ended if outcome.notice in late or outcome.notice not in going_on)

    def still_so(self, notifier: str) -> Iterator[tuple[TeamRef, NoticeStatus, datetime | None]]:
        """What has come to an end (with when), then what goes on, as far as the notifier is told of it."""
        for team, notice, ended_at in self._ended.values():
            if _is_told(notice, notifier):
                yield team, notice, ended_at
        for books in self._teams.values():
            for team, notice in books.still_so.values():
                if _is_told(notice, notifier):
                    yield team, notice, None

    def expire(self, before: datetime) -> None:
        """Forget what ended before a moment."""
        self._ended = {key: end for key, end in self._ended.items() if end[2] >= before}

    def forget(self, key: TeamKey, now: datetime) -> None:
        """A team is gone."""
        books = self._teams.pop(key, None)
        for mark, (team, notice) in books.still_so.items() if books else ():
            self._ended[mark] = team, notice, now

    def clear(self) -> None:
        """Forget everything, without an end of anything."""
        self._teams.clear()
        self._ended.clear()


def _deliveries(team: TeamRef, notify: Notify) -> Iterator[Due]:
    for notice in notify.due:
        for delivery in notice.deliveries:
            if delivery.state is DeliveryState.PENDING:
                yield Due(team, notice, delivery.notifier)


def _is_told(notice: NoticeStatus, notifier: str) -> bool:
    return any(delivery.notifier == notifier for delivery in notice.deliveries)
