"""What must hold at every step, whatever goes wrong: the invariants of a rollout as named checks.

Checks of writes look at a request just before the API server carries it out, and hold it against what is stored at that
moment. Checks of states look at each change. A check raises `Violation`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from agentteam_operator.core import names

from tests.simulation.api_server import Request
from tests.simulation.faults import Fault
from tests.simulation.lasting_invariants import LASTING
from tests.simulation.operator_process import CATCH_UP_SECONDS, RESTART_SECONDS, RESYNC_SECONDS, STALL_SECONDS
from tests.simulation.past import Change
from tests.simulation.state_invariants import STATE_CHECKS
from tests.simulation.watched import Watched, broken
from tests.simulation.world import World
from tests.simulation.write_invariants import WRITE_CHECKS

REACTION_SECONDS = 2.0
"""How long the active Service may have no ready endpoint while another revision has some."""
_RECOVERY_SECONDS = {
    Fault.WATCH_STALLS: STALL_SECONDS,
    Fault.NEWS_LOST: RESYNC_SECONDS + 5.0,
    Fault.STALE_START: RESTART_SECONDS + CATCH_UP_SECONDS + 2.0,
}
_OTHER_RECOVERY_SECONDS = RESTART_SECONDS + 2.0


@dataclass(slots=True)
class Invariants(Watched):
    """All checks."""

    since: dict[str, float] = field(default_factory=dict)
    """When what must not last began, by what it is."""

    def watch(self) -> Invariants:
        """Be told of everything from now on."""
        self.world.before_write.append(self.before_write)
        self.world.after_change.append(self.after_change)
        self.world.after_step.append(self.after_step)
        return self

    def before_write(self, _: World, request: Request) -> None:
        """Hold a write against what is stored."""
        if request.resource.kind == "Event":
            return
        for check in WRITE_CHECKS:
            check(self, request)

    def after_change(self, _: World, change: Change) -> None:
        """Look at a new state."""
        if change.resource.kind == names.KIND:
            self.note_status(change)
        for check in STATE_CHECKS:
            check(self, change)

    def after_step(self, _: World) -> None:
        """Look at what lasts."""
        for name, is_so in LASTING.items():
            self._bound(name, is_so=is_so(self.world))

    def _bound(self, name: str, *, is_so: bool) -> None:
        """What may be so for `REACTION_SECONDS`, and for as long as it takes to come back from what disturbed it."""
        if not is_so:
            self.since.pop(name, None)
            return
        began = self.since.setdefault(name, self.world.timeline.seconds)
        recoveries = (_RECOVERY_SECONDS.get(strike.fault, _OTHER_RECOVERY_SECONDS) for strike in self.world.struck)
        excused_until = self.world.last_disturbed_at + max(recoveries, default=0.0)
        if self.world.timeline.seconds - max(began, excused_until) > REACTION_SECONDS:
            raise broken(name, f"since {began:.3f}")
