"""What can go wrong at one moment, and the plan that says at which."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """One disturbance, numbered by the request, by what the watch tells, or by what a notifier is told."""

    CRASH_BEFORE = "crash-before"
    """The operator dies before the request reaches the API server."""
    CRASH_AFTER = "crash-after"
    """The request is carried out; the operator dies before it sees the answer."""
    LOST_ANSWER = "lost-answer"
    """The request is carried out, but the answer gets lost: the client sees a timeout."""
    STALE_START = "stale-start"
    """As crash-after, and the next process lists from an API server that lags: it doesn't see yet what came last."""
    CONFLICT = "conflict"
    """409: someone else was quicker."""
    THROTTLED = "throttled"
    """429 with Retry-After."""
    SERVER_ERROR = "server-error"
    """500 without effect."""
    STALE_READ = "stale-read"
    """The lists of a read are answered as of some seconds ago, by an API server that lags; single objects never are."""
    WATCH_STALLS = "watch-stalls"
    """From this news on, the watch of that kind is silent for a while: the cache is stale."""
    NEWS_LOST = "news-lost"
    """This one piece of news never arrives, as after a broken stream; the next list brings what was missed."""
    DIES_UNSAID = "dies-unsaid"
    """The operator dies before a notifier is told."""
    DIES_SAID = "dies-said"
    """A notifier is told; the operator dies before it knows."""
    RECEIPT_LOST = "receipt-lost"
    """A notifier is told, but its answer gets lost."""
    UNREACHABLE = "unreachable"
    """A notifier isn't there."""


OF_WRITES = (
    Fault.CRASH_BEFORE,
    Fault.CRASH_AFTER,
    Fault.STALE_START,
    Fault.LOST_ANSWER,
    Fault.CONFLICT,
    Fault.THROTTLED,
    Fault.SERVER_ERROR,
)
OF_READS = (Fault.CRASH_BEFORE, Fault.THROTTLED, Fault.SERVER_ERROR, Fault.STALE_READ)
OF_NEWS = (Fault.WATCH_STALLS, Fault.NEWS_LOST)
OF_TELLING = (Fault.DIES_UNSAID, Fault.DIES_SAID, Fault.RECEIPT_LOST, Fault.UNREACHABLE)


CRASHES = frozenset({Fault.CRASH_BEFORE, Fault.CRASH_AFTER, Fault.STALE_START})
"""After which nothing is left of what the process remembered."""


class Crash(BaseException):
    """The operator's process is gone: nothing in it may catch this."""


@dataclass(frozen=True, slots=True, order=True)
class Strike:
    """One fault at one place: the number of the request, of the piece of news, or of the telling, counted from 0."""

    at: int
    fault: Fault

    def __str__(self) -> str:
        return f"{self.family}{self.at}:{self.fault}"

    @property
    def family(self) -> str:
        """What is counted: requests, news, tellings."""
        return "n" if self.fault in OF_NEWS else "t" if self.fault in OF_TELLING else "r"

    @classmethod
    def parse(cls, text: str) -> Strike:
        place, fault = text.split(":")
        return cls(int(place[1:]), Fault(fault))


@dataclass(frozen=True, slots=True)
class Plan:
    """A scenario and what disturbs it."""

    scenario: str
    strikes: tuple[Strike, ...] = ()

    def __str__(self) -> str:
        return "/".join((self.scenario, *map(str, self.strikes)))

    @classmethod
    def parse(cls, text: str) -> Plan:
        scenario, *strikes = text.split("/")
        return cls(scenario, tuple(map(Strike.parse, strikes)))
