"""The whole simulation: API server, controllers, load, operators, people, faults, and a record of what happened."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from agentteam_operator.api.status import AgentTeamStatus, Phase
from agentteam_operator.core import names
from agentteam_operator.core.observed import Environment
from agentteam_operator.kube import resources
from agentteam_operator.kube.errors import Conflict, Retryable
from agentteam_operator.observe.reading import parse_spec
from agentteam_operator.providers.notifications.ledger import Due
from structlog.typing import EventDict, WrappedLogger

from tests.simulation.api_server import NAMESPACE, ApiServer, Request
from tests.simulation.behaviour import Behaviour
from tests.simulation.controllers import Controllers
from tests.simulation.faults import Crash, Fault, Plan, Strike
from tests.simulation.load import Load
from tests.simulation.operator_process import LAG_SECONDS, METRICS, STALL_SECONDS, WATCH_SECONDS, OperatorProcess
from tests.simulation.past import Change, JsonObject
from tests.simulation.telling import NOTIFIERS, Teller, Unheard
from tests.simulation.timeline import Timeline

TEAM = "chat"
KEY = (NAMESPACE, TEAM)
ENVIRONMENT = Environment(
    default_image="agent:1", builder_version="0.1.0", metrics_configured=True, notifiers=NOTIFIERS
)


class Violation(BaseException):
    """Something happened that must never happen. Not an `Exception`, lest the operator under test handle it."""


@dataclass(frozen=True, slots=True)
class Call:
    """One numbered request of an operator: a write, or a whole read of several requests."""

    number: int
    words: str
    is_write: bool


@dataclass(slots=True)
class Record:
    """What happened in one run."""

    lines: list[str] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    news: list[str] = field(default_factory=list)
    tellings: list[str] = field(default_factory=list)
    """Attempts to tell a notifier."""
    writes: int = 0
    """Requests that changed something."""

    def __deepcopy__(self, _: object) -> Record:
        """What happened doesn't change any more: copies of a run share it."""
        return Record(list(self.lines), list(self.calls), list(self.news), list(self.tellings), self.writes)


class World:
    """Everything there is. It implements `Wire`: all requests and all news pass here, and here they are disturbed."""

    def __init__(
        self,
        *,
        plan: Plan | None = None,
        behaviours: Mapping[str, Behaviour] | None = None,
        environment: Environment = ENVIRONMENT,
        runs_per_second: float = 40.0,
        operators: int = 1,
        deaf: frozenset[str] = frozenset(),
    ) -> None:
        self.timeline = Timeline()
        self.server = ApiServer(self.timeline)
        self.controllers = Controllers(self.timeline, self.server, behaviours or {})
        self.load = Load(self.server, self.controllers, TEAM, runs_per_second)
        self.record = Record()
        self.plan = plan
        self.struck: list[Strike] = []
        self.deaf = deaf
        """Notifiers that never answer."""
        self.heard_at: dict[tuple[str, str], float] = {}
        self.heard: list[tuple[str, str]] = []
        """Which notifier was told what, by the notice's id."""
        self.last_disturbed_at = -1e9
        self.before_write: list[Callable[[World, Request], None]] = []
        self.after_change: list[Callable[[World, Change], None]] = []
        self.after_step: list[Callable[[World], None]] = []
        self.people_meddle = False
        self.since: dict[int, float] = {}
        """When a condition that somebody waits on came to be so, by the condition's id."""
        """People are changing children by hand just now."""
        self._read_status: tuple[JsonObject, AgentTeamStatus] | None = None
        self._stalled: dict[str, float] = {}
        self._groups: dict[str, BaseException | None] = {}
        self._lagging: set[str] = set()
        """Reads that are answered as of some seconds ago."""
        self.server.observers.append(self._on_change)
        self.operators: list[OperatorProcess] = []
        for index in range(operators):
            self.add_operator(f"operator-{index + 1}", environment)

    def add_operator(self, name: str, environment: Environment) -> OperatorProcess:
        """Start an operator process."""
        look = self.load.snapshot
        process = OperatorProcess(
            name, server=self.server, wire=self, environment=environment, look=look, runs=self.load, team=KEY
        )
        self.operators.append(process)
        return process

    # --- time ---

    async def step(self, end: float) -> bool:
        """Go to the next moment at which something happens, and let it happen; False if none comes before `end`."""
        moment = min(self.timeline.next_at, *(process.next_at for process in self.operators))
        if moment > end:
            self._pass_to(end)
            return False
        with quiet_logs(self._log):
            self._pass_to(max(moment, self.timeline.seconds))
            self.timeline.run_due()
            for process in self.operators:
                await self._run(process)
            for check in self.after_step:
                check(self)
        return True

    def _pass_to(self, moment: float) -> None:
        self.load.advance(moment)
        self.timeline.seconds = moment

    async def _run(self, process: OperatorProcess) -> None:
        if not process.alive or process.next_at > self.timeline.seconds:
            return
        try:
            await process.run_due()
        except Crash:
            self.note(f"{process.name} dies")
            process.die()

    # --- Wire ---

    def send(self, process: OperatorProcess, request: Request, group: str) -> JsonObject:
        """Carry a request out, or whatever the plan has in store for it."""
        if not process.alive:
            raise Crash
        if not request.is_write and group:
            return self._read(request, group, process)
        fault = self._fault_of_call(f"{process.name} {request.words}", is_write=request.is_write)
        self._strike_before(fault, process)
        if request.is_write:
            for check in self.before_write:
                check(self, request)
        version = self.server.version
        answer = self.server.handle(request)
        self.record.writes += self.server.version != version
        self._strike_after(fault, process)
        return answer

    def _read(self, request: Request, group: str, process: OperatorProcess) -> JsonObject:
        """All requests of one read meet the same fate."""
        if group not in self._groups:
            kind = group.rpartition(".")[2]
            fault = self._fault_of_call(f"{process.name} read {kind}", is_write=False)
            self._groups[group] = None
            if fault is Fault.STALE_READ:
                self._lagging.add(group)
            try:
                self._strike_before(fault, process)
            except Exception as error:
                self._groups[group] = error
                raise
        failed = self._groups[group]
        if failed is not None:
            raise failed
        if group in self._lagging and not request.name:
            return self.server.handle_as_of(request, self.timeline.seconds - LAG_SECONDS)
        return self.server.handle(request)

    def _fault_of_call(self, words: str, *, is_write: bool) -> Fault | None:
        number = len(self.record.calls)
        self.record.calls.append(Call(number, words, is_write))
        return self._strike(f"r{number}", words)

    def _strike(self, place: str, words: str) -> Fault | None:
        for strike in self.plan.strikes if self.plan else ():
            if str(strike).startswith(f"{place}:"):
                self.struck.append(strike)
                self.last_disturbed_at = self.timeline.seconds
                self.note(f"*** {strike.fault} at {words}")
                return strike.fault
        self.note(f"{place} {words}")
        return None

    def _strike_before(self, fault: Fault | None, process: OperatorProcess) -> None:
        match fault:
            case Fault.CRASH_BEFORE:
                process.alive = False
                raise Crash
            case Fault.CONFLICT:
                raise Conflict("simulated: someone else was quicker", status=409)
            case Fault.THROTTLED:
                raise Retryable("simulated: too many requests", status=429, retry_after_seconds=1.0)
            case Fault.SERVER_ERROR:
                raise Retryable("simulated: internal error", status=500)
            case _:
                return

    def _strike_after(self, fault: Fault | None, process: OperatorProcess) -> None:
        if fault in {Fault.CRASH_AFTER, Fault.STALE_START}:
            process.alive = False
            process.starts_behind = fault is Fault.STALE_START
            raise Crash
        if fault is Fault.LOST_ANSWER:
            raise Retryable("simulated: the answer got lost")

    def tell(self, process: Teller, due: Due) -> None:
        """Tell a notifier, or whatever the plan has in store for it."""
        if not process.alive:
            raise Crash
        number = len(self.record.tellings)
        words = f"{process.name} tells {due.notifier} {due.notice.kind.value}"
        self.record.tellings.append(words)
        fault = self._strike(f"t{number}", words)
        if fault is Fault.DIES_UNSAID:
            process.alive = False
            raise Crash
        if fault is Fault.UNREACHABLE or due.notifier in self.deaf:
            raise Unheard
        self.heard.append((due.notifier, due.notice.id))
        self.heard_at.setdefault(self.heard[-1], self.timeline.seconds)
        if fault is Fault.DIES_SAID:
            process.alive = False
            raise Crash
        if fault is Fault.RECEIPT_LOST:
            raise Unheard

    def news_delay_seconds(self, change: Change) -> float | None:
        """When a change reaches the caches; None for never."""
        number = len(self.record.news)
        kind, name = change.key
        self.record.news.append(f"{kind} {name}")
        fault = self._strike(f"n{number}", f"news of {kind} {name}" + ("" if change.after else ": gone"))
        if fault is Fault.NEWS_LOST:
            return None
        if fault is Fault.WATCH_STALLS:
            self._stalled[kind] = self.timeline.seconds + STALL_SECONDS
        return max(WATCH_SECONDS, self._stalled.get(kind, 0.0) - self.timeline.seconds)

    def _on_change(self, change: Change) -> None:
        if change.resource.kind != "Event":
            delay = self.news_delay_seconds(change)
            for index, process in enumerate(self.operators):
                last = index == len(self.operators) - 1
                seconds = delay if last else WATCH_SECONDS  # of several caches one is stale
                if seconds is not None:
                    process.hear(change, seconds)
        for check in self.after_change:
            check(self, change)

    def unchanging(self) -> Iterator[object]:
        """What copies of this world can share, since nobody changes it in place."""
        yield from (self.plan, METRICS, self.controllers.behaviours)
        yield from (self._read_status, *self.server.objects.values())
        yield from (change for _, change in self.server.past.changes)
        for process in self.operators:
            yield process.environment
            yield from process.observer._specs.values()
            yield from process.observer._parsed.values()

    # --- reading ---

    @property
    def team(self) -> JsonObject | None:
        return self.server.objects.get((names.KIND, TEAM))

    @property
    def status(self) -> AgentTeamStatus:
        """The stored status."""
        stored = (self.team or {}).get("status") or {}
        if self._read_status is None or self._read_status[0] is not stored:
            self._read_status = stored, AgentTeamStatus.parse(stored)
        return self._read_status[1]

    @property
    def phase(self) -> Phase | None:
        rollout = ((self.team or {}).get("status") or {}).get("rollout")
        return Phase(rollout["phase"]) if rollout else None

    def selector(self) -> Mapping[str, str] | None:
        """Whom the active Service selects now."""
        service = self.server.objects.get(("Service", names.active_service(TEAM)))
        return None if service is None else service["spec"].get("selector") or {}

    def desired_replicas(self) -> int:
        """What the stored spec asks for at least."""
        return parse_spec(self.team or {}).spec.desired_replicas()

    def deployment(self, revision: str) -> JsonObject | None:
        return self.server.objects.get(("Deployment", names.revision_object(TEAM, revision)))

    # --- people ---

    def apply_team(self, spec: Mapping[str, Any]) -> None:
        """Create the team, or change its spec."""
        held = self.team
        self.note("people apply the team")
        if held is None:
            document = {"apiVersion": names.API_VERSION, "kind": names.KIND, "metadata": {"name": TEAM}}
            self.server.create(resources.AGENT_TEAM, {**document, "spec": dict(spec)})
        else:
            self.server.replace(resources.AGENT_TEAM, {**held, "spec": dict(spec)})

    def annotate(self, **annotations: str) -> None:
        held = self.team
        if held is not None:
            metadata = {**held["metadata"], "annotations": {f"{names.GROUP}/{k}": v for k, v in annotations.items()}}
            self.note(f"people annotate {annotations}")
            self.server.replace(resources.AGENT_TEAM, {**held, "metadata": metadata})

    def delete_team(self) -> None:
        self.note("people delete the team")
        self.server.remove(resources.AGENT_TEAM, TEAM)

    # --- the record ---

    def note(self, words: str) -> None:
        """A line of the trace."""
        self.record.lines.append(f"{self.timeline.seconds:9.3f} {words}")

    def _log(self, event: EventDict) -> None:
        said = " ".join(
            f"{key}={value}" for key, value in event.items() if key in {"phase", "reason", "message", "error"}
        )
        self.note(f"    log: {event.get('event')} {said}")
        if event.get("event") == "tick_crashed":
            raise Violation(f"a tick raised: {traceback.format_exc()}")


def quiet_logs(take: Callable[[EventDict], None]) -> _Logs:
    """The operator's logs go to `take` instead of the terminal."""
    return _Logs(take)


class _Logs:
    def __init__(self, take: Callable[[EventDict], None]) -> None:
        self._take = take
        self._before: Mapping[str, Any] = {}

    def __enter__(self) -> None:
        self._before = structlog.get_config()
        structlog.configure(processors=[self._process])

    def __exit__(self, *_: object) -> None:
        structlog.configure(**self._before)

    def _process(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        self._take(event)
        raise structlog.DropEvent


def trace(record: Record, *, around: Iterable[str] = ()) -> str:
    """The record for people; only the lines about something, if said."""
    wanted = tuple(around)
    lines = [line for line in record.lines if not wanted or any(word in line for word in wanted)]
    return "\n".join(lines)
