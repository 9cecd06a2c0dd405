"""The loop: observe, decide, act, for one team at a time.

A tick reads a team's whole state and never asks what woke it. Whatever goes wrong in one team's tick delays that team
alone.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Protocol

import structlog

from agentteam_operator.api.redaction import without_secrets
from agentteam_operator.api.status import AgentTeamStatus, Phase
from agentteam_operator.api.storable import whole
from agentteam_operator.apply import ClusterWriter, NameConflict, Notifier, execute
from agentteam_operator.core.decide import decide
from agentteam_operator.core.decision import Decision, EmitEvent
from agentteam_operator.core.guard import Guarding
from agentteam_operator.core.observed import Environment, Observed, Refusal
from agentteam_operator.core.timeline import step, timeline
from agentteam_operator.kube.errors import Conflict, KubeError, NamespaceEnding, NotFound, Retryable
from agentteam_operator.metrics import Metrics
from agentteam_operator.observe.assemble import UnknownStatus
from agentteam_operator.observe.observer import awaits_words
from agentteam_operator.observe.sampler import Sampling, sampling_of
from agentteam_operator.queue import TeamKey, WakeQueue

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 30.0
CONFLICT_PAUSE_SECONDS = 0.05
TICK_TIMEOUT_SECONDS = 120.0
UNEXPLAINED_PAUSE_SECONDS = 5.0
FOREIGN_PAUSE_SECONDS = 30.0
BUSY_LIMIT = 20
"""Ticks in a row that each changed something; beyond, there is a pause between them, whatever keeps them going."""
BUSY_PAUSE_SECONDS = 1.0

_PASSING = (Conflict, NotFound, Retryable)
"""What may be otherwise at the next look; all else was refused."""

log = structlog.get_logger(__name__)


class Observes(Protocol):
    """Reads one team's state."""

    async def observe(self, key: TeamKey, *, live: bool = False) -> Observed | None:
        """The state, from the cache or from the API server; None when there is no such team."""


class Samples(Protocol):
    """Reads metrics at intervals for the teams that want them."""

    def want(self, key: TeamKey, sampling: Sampling | None) -> None:
        """From now on, read this team's metrics so; None for no longer."""


class Guards(Protocol):
    """Watches over what serves between rollouts."""

    def watch_over(self, key: TeamKey, guarding: Guarding | None) -> None:
        """From now on, watch over this revision of the team; None for no longer."""


class Reconciler:
    """Ticks teams as the queue says, several at once, never the same one twice."""

    def __init__(
        self,
        *,
        observer: Observes,
        writer: ClusterWriter,
        notifier: Notifier,
        sampler: Samples,
        guard: Guards,
        queue: WakeQueue,
        environment: Callable[[], Environment],
        clock: Callable[[], datetime],
        metrics: Metrics,
        scatter: Callable[[], float] = lambda: random.uniform(0.5, 1.0),  # noqa: S311 - not for secrecy
    ) -> None:
        """`clock` gives the present, aware of its zone; `scatter` a factor for pauses."""
        self._observer = observer
        self._writer = writer
        self._notifier = notifier
        self._sampler = sampler
        self._guard = guard
        self._queue = queue
        self._environment = environment
        self._clock = clock
        self._metrics = metrics
        self._scatter = scatter
        self._failures: dict[TeamKey, int] = {}
        self._busy: dict[TeamKey, int] = {}
        self._read_live: set[TeamKey] = set()
        self._refusals: dict[TeamKey, tuple[Refusal, ...]] = {}
        self._ending: dict[TeamKey, str] = {}
        """UIDs of the teams whose namespaces are being deleted."""
        self.acting = asyncio.Event()
        """Set while this replica may act."""

    async def work(self) -> None:
        """Tick teams until cancelled."""
        while True:
            await self.acting.wait()
            key = await self._queue.take()
            try:
                if self.acting.is_set():
                    await self.tick(key)
                else:
                    self._queue.wake(key)  # the lease was lost while we waited: keep the wake for whoever acts next
            except Exception:
                log.exception("tick_lost", namespace=key[0], team=key[1])
                self._queue.wake_after(key, LONGEST_PAUSE_SECONDS)
            finally:
                self._queue.done(key)

    async def tick(self, key: TeamKey) -> None:
        """One look at one team. Never raises but for being cancelled; makes the team's next appointment."""
        self._metrics.queue_depth.set(len(self._queue))
        started = time.perf_counter()
        failures: Sequence[KubeError | TimeoutError] = ()
        result = "ok"
        try:
            async with asyncio.timeout(TICK_TIMEOUT_SECONDS):
                failures = await self._tick(key)
        except UnknownStatus as error:
            result = "held"
            log.warning("team_held", namespace=key[0], team=key[1], reason=str(error))
        except (KubeError, TimeoutError) as error:
            failures = [error]
        except Exception as error:
            result = "crash"
            log.exception("tick_crashed", namespace=key[0], team=key[1])
            self._again_later(key, [error])
        if failures:
            result = await self._failed(key, failures)
        elif result == "ok":
            self._failures.pop(key, None)
        self._metrics.ticks.labels(result).inc()
        self._metrics.tick_seconds.observe(time.perf_counter() - started)

    async def _failed(self, key: TeamKey, failures: Sequence[KubeError | TimeoutError]) -> str:
        """Come back in time; how the tick ended, by the worst of what failed: refused, then retry, then conflict."""
        refused = [error for error in failures if isinstance(error, KubeError) and not isinstance(error, _PASSING)]
        if refused:
            self._again_later(key, failures)
            for error in refused:
                await self._tell(key, error)
            return "refused"
        if any(isinstance(error, Retryable | TimeoutError) for error in failures):
            self._again_later(key, failures)
            return "retry"
        self._conflict(key, failures)
        return "conflict"

    async def _tick(self, key: TeamKey) -> tuple[KubeError, ...]:
        """What of the decision couldn't be carried out."""
        observed = await self._observe(key, live=key in self._read_live)
        if observed is None or observed.team.uid == self._ending.get(key):
            self._forget(key, ending=observed is not None)
            return ()
        decision = decide(observed, self._environment(), self._clock())
        if decision.needs_live_read and not observed.live:
            observed = await self._observe(key, live=True)
            if observed is None:
                self._forget(key)
                return ()
            decision = decide(observed, self._environment(), self._clock())
        self._read_live.discard(key)
        self._want_samples(key, observed, decision)
        self._guard.watch_over(key, decision.guarding)
        recorded = partial(self._note_transitions, key, observed.status, decision.status)
        self._refusals.pop(key, None)
        executed = await execute(decision, observed, self._writer, self._count, recorded, notifier=self._notifier)
        if executed.refusals:
            self._refusals[key] = executed.refusals
        if any(isinstance(error, NamespaceEnding) for error in executed.failures):
            log.info("namespace_ending", namespace=key[0], team=key[1])
            self._ending[key] = observed.team.uid
            self._forget(key, ending=True)
            return ()
        overtaxed = any(isinstance(error, Retryable) for error in executed.failures)
        self._note_change(key, changed=executed.changed and not overtaxed)
        if not executed.failures:  # else the pause is the next appointment, and an earlier one would stand
            self._appoint(key, observed, decision)
        elif decision.requeue_after_seconds:  # but for a deadline, which is kept whatever is refused meanwhile
            self._queue.wake_after(key, decision.requeue_after_seconds)
        return executed.failures

    async def _observe(self, key: TeamKey, *, live: bool) -> Observed | None:
        """The team's state, with what was refused when it was last acted on, and with who has been told of what."""
        observed = await self._observer.observe(key, live=live)
        if observed is None:
            return None
        return replace(observed, refusals=self._refusals.get(key, ()), deliveries=self._notifier.outcomes(key))

    def _note_change(self, key: TeamKey, *, changed: bool) -> None:
        """Look again at once after a change, for no watch tells us of our own writes."""
        self._busy[key] = self._busy.get(key, 0) + 1 if changed else 0
        if changed:
            self._queue.wake_after(key, BUSY_PAUSE_SECONDS if self._busy[key] > BUSY_LIMIT else 0.0)

    def _appoint(self, key: TeamKey, observed: Observed, decision: Decision) -> None:
        """Make the next appointment for what only time changes."""
        if decision.requeue_after_seconds is not None:
            self._queue.wake_after(key, decision.requeue_after_seconds)
        if awaits_words(observed):
            self._queue.wake_after(key, UNEXPLAINED_PAUSE_SECONDS)
        if observed.foreign:
            self._queue.wake_after(key, FOREIGN_PAUSE_SECONDS)

    def _want_samples(self, key: TeamKey, observed: Observed, decision: Decision) -> None:
        rollout = decision.status.rollout
        if not decision.sampling or rollout is None:
            self._sampler.want(key, None)
            return
        self._sampler.want(key, sampling_of(observed.spec.rollout.analysis, rollout.revision, rollout.base_revision))

    def _note_transitions(self, key: TeamKey, before: AgentTeamStatus, after: AgentTeamStatus) -> None:
        """Log and count each step that is new in the stored status: a tick may take several."""
        known = {step(entry) for entry in timeline(before)}
        for entry in timeline(after):
            if step(entry) in known:
                continue
            log.info(
                "rollout_phase",
                namespace=key[0],
                team=key[1],
                revision=entry.revision,
                phase=entry.phase.value,
                reason=entry.reason,
                message=entry.message,
            )
            if entry.phase is Phase.ROLLING_BACK:
                self._metrics.rollbacks.labels(entry.reason or "Unknown").inc()

    def _count(self, action: str, kind: str, result: str) -> None:
        self._metrics.actions.labels(action, kind, result).inc()

    def _forget(self, key: TeamKey, *, ending: bool = False) -> None:
        """Let go of a team that is no more, or that goes with its namespace, whatever wakes it until then."""
        if not ending:
            self._ending.pop(key, None)
        self._sampler.want(key, None)
        self._guard.watch_over(key, None)
        self._notifier.forget(key)
        self._failures.pop(key, None)
        self._busy.pop(key, None)
        self._refusals.pop(key, None)
        self._read_live.discard(key)

    def _conflict(self, key: TeamKey, errors: Sequence[BaseException]) -> None:
        """What was decided on has changed or gone: look again, at the API server itself."""
        for error in errors:
            level = log.warning if isinstance(error, NameConflict) else log.info
            level("write_conflict", namespace=key[0], team=key[1], error=str(error))
        self._read_live.add(key)
        self._queue.wake_after(key, self._pause_seconds(key, CONFLICT_PAUSE_SECONDS))

    def _again_later(self, key: TeamKey, errors: Sequence[BaseException]) -> None:
        wishes = (error.retry_after_seconds for error in errors if isinstance(error, Retryable))
        pause = max(self._pause_seconds(key, FIRST_PAUSE_SECONDS), *wishes, 0.0)
        for error in errors:
            log.warning("tick_failed", namespace=key[0], team=key[1], error=str(error) or repr(error), again_in=pause)
        self._read_live.add(key)
        self._queue.wake_after(key, pause)

    def _pause_seconds(self, key: TeamKey, first_seconds: float) -> float:
        """Twice as long with each failure in a row, up to a limit, and scattered."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        return min(LONGEST_PAUSE_SECONDS, first_seconds * 2.0 ** min(failures, 20)) * self._scatter()

    async def _tell(self, key: TeamKey, error: KubeError) -> None:
        """An Event for what the API server refuses (a quota, a policy): somebody has to mend it, and nobody reads logs.

        Told once for the same words. That it can't be told ends nothing: the API server that refuses one thing may
        refuse the reading for the Event too.
        """
        said = whole(without_secrets(str(error)))[:1024]
        digest = hashlib.sha256(said.encode()).hexdigest()[:16]
        try:
            async with asyncio.timeout(TICK_TIMEOUT_SECONDS):
                observed = await self._observer.observe(key)
                if observed is None:
                    return
                told = f"{observed.team.uid}/refused/{digest}"
                event = EmitEvent(told, "Warning", "WriteRefused", said, self._clock())
                await self._writer.create_event(observed.team, event)
        except (KubeError, UnknownStatus, TimeoutError) as failure:
            log.warning("event_failed", namespace=key[0], team=key[1], error=str(failure) or repr(failure))
        except Exception:
            log.exception("event_crashed", namespace=key[0], team=key[1])
