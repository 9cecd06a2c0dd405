"""One plan told as a story: what people do, what is asked of the API server, what goes wrong, who gets the traffic."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from agentteam_operator.core import names
from agentteam_operator.kube import resources
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tests.simulation.explorer import baseline, difference, end_state
from tests.simulation.faults import Plan
from tests.simulation.past import Change, JsonObject
from tests.simulation.pods import is_ready
from tests.simulation.run import Run
from tests.simulation.scenarios import ALL
from tests.simulation.specs import VERSIONS, revision
from tests.simulation.world import TEAM, World

_NUMBER = re.compile(r"[rn]\d+ ")
_HASH = re.compile(r"\b[0-9a-f]{10}\b")
_STYLES = {
    "fault": "bold red",
    "people": "bold magenta",
    "phase": "bold green",
    "write": "",
    "read": "dim",
    "news": "dim",
}


@dataclass(frozen=True, slots=True)
class Line:
    """A moment of the story."""

    seconds: float
    kind: str
    words: str
    sizes: str
    traffic: str


@dataclass(slots=True)
class Story:
    """Listens to a world, and keeps what matters."""

    world: World
    lines: list[Line] = field(default_factory=list)
    _told: int = 0

    def listen(self) -> None:
        """From now on."""
        self.world.after_change.append(self.after_change)

    def after_change(self, world: World, _: Change) -> None:
        """Take over what was noted since, with the traffic as it is now."""
        self.catch_up(world)

    def catch_up(self, world: World) -> None:
        """Take over the lines that were noted since."""
        for text in world.record.lines[self._told :]:
            kind, words = _read(text[10:])
            if kind:
                self.lines.append(Line(float(text[:9]), kind, _names_for_people(words), sizes(world), traffic(world)))
        self._told = len(world.record.lines)


def _read(noted: str) -> tuple[str, str]:
    """Kind and words of a noted line; no kind for what isn't told."""
    if noted.startswith("*** "):
        return "fault", noted.removeprefix("*** ").upper().split(" AT ")[0] + " at " + noted.partition(" at ")[2]
    if noted.startswith("    log: "):
        said = noted.removeprefix("    log: ")
        event, _, rest = said.partition(" ")
        return ("phase", _transition(rest)) if event == "rollout_phase" else ("log", f"{event} {rest}")
    if _NUMBER.match(noted):
        if " news of " in noted:
            return "news", noted
        return ("read" if " read " in noted or " GET " in noted else "write"), noted
    return ("fault" if noted.endswith("dies") else "people"), noted


def _transition(said: str) -> str:
    found = re.match(r"phase=(\S+) reason=(\S+) message=(.*)", said)
    return f"{found[1]}: {found[2]} ({found[3]})" if found else said


def _names_for_people(words: str) -> str:
    """Versions instead of hashes."""
    known = {revision(version): f"v{version}" for version in VERSIONS}
    return _HASH.sub(lambda found: known.get(found[0], found[0]), words)


def sizes(world: World) -> str:
    """Ready and wanted pods of each version: "v1 3/3  v2 1/3"."""
    return "  ".join(
        f"v{version} {sum(map(is_ready, world.controllers.pods_of(item)))}/{item['spec']['replicas']}"
        for version in VERSIONS
        if (item := world.deployment(revision(version)))
    )


def traffic(world: World) -> str:
    """Who the requests go to, by the EndpointSlice: "v1 75 %, v2 25 %"."""
    held = world.server.objects.get(("EndpointSlice", names.active_service(TEAM)), {})
    pods = {pod["metadata"]["name"]: pod for pod in world.server.of_kind(resources.POD)}
    ready = [pods.get(_target(one)) for one in held.get("endpoints", []) if one["conditions"]["ready"]]
    labels = [pod["metadata"]["labels"].get(names.LABEL_REVISION, "stray") for pod in ready if pod]
    known = {revision(version): f"v{version}" for version in VERSIONS}
    shares = {known.get(label, label): labels.count(label) for label in sorted(set(labels))}
    return (
        ", ".join(f"{name} {round(100 * count / len(labels))} %" for name, count in sorted(shares.items())) or "nobody"
    )


def _target(endpoint: JsonObject) -> str:
    return str(endpoint["targetRef"]["name"])


async def tell(plan: Plan, console: Console, *, news: bool, everything: bool) -> str:
    """Print a plan's story, from the moment at which it begins; what is wrong with it."""
    run = Run(ALL[plan.scenario], plan)
    story = Story(run.world)
    story.listen()
    await run.play()
    story.catch_up(run.world)
    began = 0.0 if everything or not run.began_at else run.began_at
    console.print(
        _table(plan, [line for line in story.lines if line.seconds >= began and (news or line.kind != "news")])
    )
    problem = run.problem or await _other_end(plan, run)
    console.print(Text(problem or "it ends as it should", style="bold red" if problem else "bold green"))
    return problem


async def _other_end(plan: Plan, run: Run) -> str:
    if not plan.strikes:
        return ""
    wanted = (await baseline(plan.scenario)).played.end
    may_differ = tuple(f"{path}: " for path in ALL[plan.scenario].may_differ)
    words = [said for said in difference(wanted, end_state(run.world)) if not said.startswith(may_differ)]
    return "another end: " + "; ".join(words) if words else ""


def _table(plan: Plan, lines: list[Line]) -> Table:
    table = Table(title=str(plan), title_justify="left", box=None, pad_edge=False, header_style="dim")
    table.add_column("seconds", justify="right", no_wrap=True)
    table.add_column("what happens", overflow="fold", ratio=1)
    table.add_column("ready/wanted", no_wrap=True)
    table.add_column("traffic", no_wrap=True)
    before = Line(-1.0, "", "", "", "")
    for line in lines:
        table.add_row(
            "" if round(line.seconds, 2) == round(before.seconds, 2) else f"{line.seconds:.2f}",
            Text(("» " if line.kind == "phase" else "  ") + line.words, style=_STYLES.get(line.kind, "yellow")),
            "" if line.sizes == before.sizes else line.sizes,
            "" if line.traffic == before.traffic else line.traffic,
        )
        before = line
    return table
