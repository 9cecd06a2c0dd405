"""Has golden conversations: each sample is one chat, all its turns in order; samples go to the targets in turn."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle

import aiohttp
from agentteam_operator.api.conversations import Conversation

from agent_server.golden.chat import (
    INVALID_ANSWER,
    REVISION_MISMATCH,
    TIMEOUT,
    UNREACHABLE,
    ChatClient,
    Expected,
    Messages,
    NoAnswerError,
)
from agent_server.golden.expectations import Answer, Failure, failures_of

_NOTHING_OF_THE_TEAM = frozenset({UNREACHABLE, REVISION_MISMATCH, INVALID_ANSWER})


@dataclass(frozen=True, slots=True)
class ConverseOptions:
    """What is asked: `targets` of `revision`, and for comparison `controls` of any other.

    At most `concurrency` samples run at once; one answer may take `timeout_seconds`, and all of it `deadline_seconds`.
    """

    targets: tuple[str, ...]
    controls: tuple[str, ...]
    revision: str
    concurrency: int
    timeout_seconds: float
    deadline_seconds: float
    is_round: bool = False
    """A round of the watch: what is wanted is what to count, not a verdict."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What came of having a conversation once. It passed if there are no failures."""

    target: str
    failures: tuple[Failure, ...]
    tokens: int = 0
    cost: float | None = None
    """None where a part of it isn't known, for an answer that never came."""
    costs_told: bool = True
    """Whether the server said of each answer that came what it cost."""

    @property
    def passed(self) -> bool:
        """Whether all was as expected."""
        return not self.failures

    @property
    def is_of_the_team(self) -> bool:
        """Whether it tells of the team, and not only of the way to it."""
        return not any(failure.reason in _NOTHING_OF_THE_TEAM for failure in self.failures)


@dataclass(frozen=True, slots=True)
class Samples:
    """All samples of one conversation: the new revision's, and the active one's if it was asked for comparison."""

    conversation: Conversation
    candidate: tuple[Sample, ...]
    control: tuple[Sample, ...] = ()


async def have_all(conversations: Sequence[Conversation], options: ConverseOptions) -> list[Samples]:
    """Have all conversations, each as often as it says.

    A sample and its control begin one after the other, so that both meet the same state of the model's endpoint.
    """
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        asker = _Asker(ChatClient(session, timeout_seconds=options.timeout_seconds), options)
        return list(await asyncio.gather(*(asker.samples(conversation) for conversation in conversations)))


class _Asker:
    """Has samples, as many at once as may be. They begin in the order in which they are asked for."""

    def __init__(self, client: ChatClient, options: ConverseOptions) -> None:
        self._client = client
        self._places = asyncio.Semaphore(options.concurrency)
        self._targets = cycle(options.targets)
        self._controls = cycle(options.controls) if options.controls else None
        self._revision = options.revision
        self._deadline_seconds = options.deadline_seconds
        self._deadline = asyncio.get_running_loop().time() + options.deadline_seconds

    async def samples(self, conversation: Conversation) -> Samples:
        """All samples of a conversation."""
        candidate = Expected(self._revision)
        control = Expected(self._revision, other=True)
        pending = []
        for _ in range(conversation.samples):
            pending.append(self._sample(conversation, next(self._targets), candidate))
            if self._controls is not None:
                pending.append(self._sample(conversation, next(self._controls), control))
        had = await asyncio.gather(*pending)
        if self._controls is None:
            return Samples(conversation, tuple(had))
        return Samples(conversation, tuple(had[::2]), tuple(had[1::2]))

    async def _sample(self, conversation: Conversation, target: str, expected: Expected) -> Sample:
        answers: list[Answer] = []
        spent: float | None = 0.0  # beyond the answers
        try:
            async with asyncio.timeout_at(self._deadline), self._places:
                await self._converse(conversation, target, expected, answers)
            failures = failures_of(conversation.expect, answers)
        except NoAnswerError as error:
            failures, spent = (error.failure,), error.cost
        except TimeoutError:
            message = f"not over when the {self._deadline_seconds:g} s for all conversations were"
            failures, spent = (Failure(TIMEOUT, message),), None
        costs = [answer.cost for answer in answers if answer.cost is not None]
        return Sample(
            target,
            failures,
            tokens=sum(answer.tokens for answer in answers),
            cost=None if spent is None else sum(costs) + spent,
            costs_told=len(costs) == len(answers),
        )

    async def _converse(
        self, conversation: Conversation, target: str, expected: Expected, answers: list[Answer]
    ) -> None:
        """Have the conversation once, adding the answer to each turn to `answers`: the server keeps no history."""
        said: Messages = []
        for turn in conversation.turns:
            said.append({"role": "user", "content": turn.user})
            answer = await self._client.ask(target, expected, said)
            said.append({"role": "assistant", "content": answer.text})
            answers.append(answer)
