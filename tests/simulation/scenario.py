"""What a scenario is: a team, what people and fate do to it and when, and how it must end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from agentteam_operator.api.status import Outcome, Phase
from agentteam_operator.core.observed import Environment

from tests.simulation.behaviour import Behaviour
from tests.simulation.faults import Fault
from tests.simulation.specs import revision, spec
from tests.simulation.world import ENVIRONMENT, World

ENDS = frozenset({Phase.COMPLETED, Phase.ROLLED_BACK, Phase.FAILED})

Condition = Callable[[World], bool]
Deed = Callable[[World], None]


@dataclass(frozen=True, slots=True)
class Step:
    """When something is so, somebody does something."""

    when: Condition
    do: Deed


@dataclass(frozen=True, slots=True)
class End:
    """How a scenario must end."""

    phase: Phase
    active: str = ""
    """Version that serves; empty for none."""
    reason: str = ""
    """Reason of the last rollout's phase; empty for any."""
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    """By version."""
    sizes: Mapping[str, int] = field(default_factory=dict)
    """Replicas by version; those that aren't named have no Deployment, or one of size 0."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A story. It begins with a team of version 1 that serves, unless it is about how that comes about."""

    name: str
    steps: tuple[Step, ...]
    end: End | None
    """None: the team is deleted, and nothing is left."""
    first: Mapping[str, object] | None = field(default_factory=lambda: spec("1"))
    """The first spec, rolled out before the steps; None to begin from nothing."""
    behaviours: Mapping[str, Behaviour] = field(default_factory=dict)
    environment: Environment = ENVIRONMENT
    runs_per_second: float = 40.0
    operators: int = 1
    deaf: frozenset[str] = frozenset()
    """Notifiers that never answer."""
    seconds: float = 600.0
    """Longest time that the story may take, undisturbed or not."""
    spared: frozenset[Fault] = frozenset()
    """Faults that may change the end, by what docs/rollout.md says: such as crashes where memory is all there is."""
    may_differ: tuple[str, ...] = ()
    """Parts of the compared end that hang on the moment at which somebody acts, by their path."""


# --- conditions ---


def at_once(_: World) -> bool:
    return True


def in_phase(phase: Phase, version: str = "") -> Condition:
    """The rollout (of a version) is in this phase."""

    def condition(world: World) -> bool:
        rollout = world.status.rollout if world.phase is phase else None
        return rollout is not None and (not version or rollout.revision == revision(version))

    return condition


def after(seconds: float, condition: Condition) -> Condition:
    """So many seconds after something came to be so."""

    def later(world: World) -> bool:
        if id(later) not in world.since and condition(world):
            world.since[id(later)] = world.timeline.seconds
            world.timeline.after(seconds, _nothing)
        return id(later) in world.since and world.timeline.seconds >= world.since[id(later)] + seconds

    return later


def _nothing() -> None:
    """A moment at which to look again."""


# --- deeds ---


def apply(version: str, **fields: object) -> Deed:
    """People apply this version's spec."""
    return lambda world: world.apply_team(spec(version, **fields))


def all_do(*deeds: Deed) -> Deed:
    """Several deeds at one moment."""

    def do(world: World) -> None:
        for deed in deeds:
            deed(world)

    return do


def delete(world: World) -> None:
    """People delete the team."""
    world.delete_team()


def annotate(annotation: str, version: str, nonce: str = "") -> Deed:
    """People annotate the team with a version's revision."""
    value = f"{revision(version)}/{nonce}" if nonce else revision(version)
    return lambda world: world.annotate(**{annotation: value})
