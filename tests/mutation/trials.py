"""One mutant in a fork: what it is asked, what became of it, and how long it may take."""

from __future__ import annotations

import json
import os
import resource
import select
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn

_MEMORY_BYTES = 4 * 1024**3
_TOO_SLOW = {signal.SIGXCPU, signal.SIGPROF, signal.SIGKILL}


class Outcome(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"
    """A test failed."""
    ENDLESS = "endless"
    """A test took many times as long as without it: killed, too."""
    REFUSED = "refused"
    """No test failed, but mypy refuses it."""
    SURVIVED = "survived"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the tests said of one mutant."""

    outcome: Outcome
    by: str = ""
    """The first test that failed."""
    seconds: float = 0.0
    """Of computing."""


class NotTestedError(Exception):
    """The tests can't say anything: they fail without a mutant, or never import its module."""


UNUSED = "(the module is not imported)"
_OWN_FAULT = "(playing failed, not a test) "


@dataclass(frozen=True, slots=True)
class Trial:
    """One fork at work. `answer` is readable when it has ended."""

    process: int
    answer: int

    @classmethod
    def begin(cls, play: Callable[[], str], limit_seconds: float) -> Trial:
        """Fork, and play in the fork; what `play` returns is the first test that failed.

        The limit is one of computing time: how busy the machine is says nothing of a mutant.
        """
        answer, tell = os.pipe()
        process = os.fork()
        if process == 0:
            os.close(answer)
            _tell_and_end(play, tell, round(limit_seconds))
        os.close(tell)
        return cls(process, answer)

    def end(self) -> Verdict:
        """Its verdict, once it has ended.

        Raises:
            NotTestedError: the tests never imported the module, or couldn't be played.
        """
        text = os.read(self.answer, 65536)
        _, status, used = os.wait4(self.process, 0)
        os.close(self.answer)
        seconds = used.ru_utime + used.ru_stime
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) in _TOO_SLOW:
            return Verdict(Outcome.ENDLESS, seconds=seconds)
        by = json.loads(text) if text else "(the interpreter ended)"
        if by == UNUSED:
            raise NotTestedError("the tests don't import the module")
        if by.startswith(_OWN_FAULT):
            raise NotTestedError(by)
        return Verdict(Outcome.KILLED if by else Outcome.SURVIVED, by, seconds)


def next_to_end(trials: Sequence[Trial]) -> Iterator[Trial]:
    """Wait until one of them has ended."""
    readable, _, _ = select.select([trial.answer for trial in trials], [], [])
    yield from (trial for trial in trials if trial.answer in readable)


def _tell_and_end(play: Callable[[], str], tell: int, limit_seconds: int) -> NoReturn:
    """In the fork: never returns."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (limit_seconds, limit_seconds + 1))
    try:
        said = play()
    except BaseException as error:  # noqa: BLE001 - nothing of a fork may go on as the process it was forked from
        said = _OWN_FAULT + repr(error)
    os.write(tell, json.dumps(said).encode())
    os._exit(0)
