"""The demo's acts, and what each of them claims."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

import openai

from tests.load.report import LoadReport

from . import release
from .errors import ClaimError, DemoError
from .kube import Json, Watch
from .load import PROMPT, Load
from .losses import failure_lines
from .screen import Screen
from .target import ROOT, Target
from .timeline import Names, entries, has_ended, phase, rollout

OPERATOR_NAMESPACE = "agentteam-system"
NAMESPACE = "agentteam-demo"
TEAM = "support-team"
TEAM_LABEL = "agentteam.dev/team"
RELEASE = "agentteam-operator"
RATE_PER_SECOND = 50.0
_CHART = "charts/agentteam-operator"
_MODEL_ENDPOINT = ROOT / "tests/model_endpoint/deploy.yaml"
_LOCAL_IMAGE = "localhost/agentteam-model-endpoint:dev"
_READY_SECONDS = 180
_ROLLOUT_SECONDS = 300
_STEADY_ANSWERS = 100
_STEADY_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Result:
    """What one rollout came to."""

    title: str
    team: Json
    report: LoadReport
    seconds: float


class Story:
    """The acts in their order; each leaves the cluster as the next one needs it."""

    def __init__(self, target: Target, screen: Screen) -> None:
        """The cluster is ready."""
        self._target, self._tools, self._screen = target, target.tools, screen

    def install(self) -> None:
        """The operator with its small Prometheus, the scripted model, and the first version of the team."""
        screen, tools = self._screen, self._tools
        screen.act("The operator, from its chart")
        values = [*self._target.helm_values, "prometheus.install=true", "prometheus.scrapeIntervalSeconds=1"]
        settings = [word for value in values for word in ("--set", value)]
        command = ["helm", *release.upgrade_arguments(RELEASE, _CHART, OPERATOR_NAMESPACE), *settings]
        chart = str(ROOT / _CHART)
        with screen.working(" ".join(command)) as show:
            show("waiting for its pods, and for Prometheus'")
            release.upgrade(tools, [*release.upgrade_arguments(RELEASE, chart, OPERATOR_NAMESPACE), *settings])
        screen.act("A model to talk to: scripted, so that the demo needs no key")
        self._begin_namespace()
        screen.command(f"kubectl apply -n {NAMESPACE} -f tests/model_endpoint/deploy.yaml")
        manifest = _MODEL_ENDPOINT.read_text().replace(_LOCAL_IMAGE, self._target.images.model_endpoint)
        tools.apply(manifest, NAMESPACE)
        tools.kubectl("rollout", "status", "deployment/model-endpoint", "-n", NAMESPACE, "--timeout=120s")

    def first_version(self) -> None:
        """From ``kubectl apply`` to an answer."""
        self._screen.act("A team of agents: examples/support-team.yaml")
        with self._watch() as team, self._screen.live():
            self._kubectl("apply", "-f", "examples/support-team.yaml")
            self._patch("merge", "shorter-watch.yaml")
            ended = team.wait_for(lambda state: has_ended(state, ""), _READY_SECONDS, "the first version to serve")
        self._claim(phase(ended) == "Completed", f"the first version ended in {phase(ended)}")
        self._screen.act("Talking to it over the OpenAI API")
        self._talk()

    def better_version(self) -> Result:
        """A blue-green rollout under load: shifted, watched, switched, nothing lost."""
        result = self._rollout("A better version, under load", "better-version.yaml")
        counts = result.report.counts
        self._claim(
            phase(result.team) == "Completed", f"the better version ended in {phase(result.team)}, not Completed"
        )
        self._claim(not counts.lost, f"{counts.lost} requests were lost while the better version went out")
        self._claim(not counts.bad, f"{counts.bad} bad answers while the better version went out")
        return result

    def bad_version(self) -> Result:
        """A bad version under load: seen, rolled back, and blamed for its own bad answers only."""
        result = self._rollout("A bad version: half of its model calls fail", "bad-version.yaml", expects_bad=True)
        status, report = result.team["status"], result.report
        self._claim(
            phase(result.team) == "RolledBack", f"the bad version ended in {phase(result.team)}, not RolledBack"
        )
        bad = rollout(result.team)["revision"]
        self._claim(status["activeRevision"] != bad, "the bad version is still active")
        self._claim(not report.counts.lost, f"{report.counts.lost} requests were lost while the bad version went back")
        elsewhere = {name: one.counts.bad for name, one in report.by_revision.items() if name != bad and one.counts.bad}
        self._claim(not elsewhere, f"bad answers of other revisions than the bad one: {elsewhere}")
        own = report.by_revision.get(bad)
        self._claim(own is not None and own.counts.bad > 0, "the bad version never answered badly: nothing was shown")
        return result

    def _rollout(self, title: str, patch: str, *, expects_bad: bool = False) -> Result:
        screen = self._screen
        screen.act(title)
        url = f"http://{TEAM}.{NAMESPACE}"
        load = self._load(url)
        with self._watch() as team, screen.live():
            screen.say(f"{RATE_PER_SECOND:g} requests a second to {url}: half on kept-alive connections, no retries")
            with load:
                load.wait_for_answers(_STEADY_ANSWERS, _STEADY_SECONDS)
                revision = rollout(team.wait_for(bool, 10, "the team"))["revision"]
                started = time.monotonic()
                self._patch("json", patch)
                try:
                    ended = team.wait_for(lambda one: has_ended(one, revision), _ROLLOUT_SECONDS, "the rollout to end")
                except TimeoutError:
                    with contextlib.suppress(DemoError):  # what was waited for matters more
                        self._tell_failures(load.stop(), team.latest, expects_bad=expects_bad)
                    raise
                seconds = time.monotonic() - started
                report = load.stop()
        screen.show_load(load.counts)
        result = Result(title, ended, report, seconds)
        screen.table("What came of it", _facts(result))
        self._tell_failures(report, ended, expects_bad=expects_bad)
        return result

    def _load(self, url: str) -> Load:
        return Load(
            self._tools,
            NAMESPACE,
            image=self._target.images.model_endpoint,
            url=url,
            model=TEAM,
            rate=RATE_PER_SECOND,
            on_progress=self._screen.show_load,
        )

    def _tell_failures(self, report: LoadReport, team: Json, *, expects_bad: bool) -> None:
        tolerated = rollout(team)["revision"] if expects_bad else ""
        for line in failure_lines(report, team, tolerated):
            self._screen.say(f"  {line}", "red")

    def _begin_namespace(self) -> None:
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
        self._tools.apply(namespace, NAMESPACE)
        # A team that an earlier demo left would have its history already. What it made goes a moment after it.
        self._tools.kubectl("delete", "agentteam", TEAM, "-n", NAMESPACE, "--ignore-not-found")
        made = (
            "deployments,services,configmaps,serviceaccounts,poddisruptionbudgets,jobs",
            "-l",
            f"{TEAM_LABEL}={TEAM}",
        )
        self._tools.kubectl("wait", "--for=delete", *made, "-n", NAMESPACE, f"--timeout={_READY_SECONDS}s")

    def _talk(self) -> None:
        with self._forwarded_port() as port:
            client = openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none", timeout=30)
            self._screen.say(f"you   {PROMPT}", "bold")
            stream = client.chat.completions.create(
                model=TEAM, messages=[{"role": "user", "content": PROMPT}], stream=True
            )
            text = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
            self._screen.say(f"team  {text.strip()}", "green")
        self._claim(bool(text.strip()), "the team answered with nothing")

    @contextlib.contextmanager
    def _forwarded_port(self) -> Iterator[int]:
        argv = ("kubectl", "port-forward", "-n", NAMESPACE, f"service/{TEAM}", ":80", "--address=127.0.0.1")
        with self._tools.start(*argv) as process:
            try:
                line = process.stdout.readline() if process.stdout else ""
                found = re.search(r"127\.0\.0\.1:(\d+)", line)
                self._claim(found is not None, f"kubectl port-forward said {line!r}")
                yield int(found[1]) if found else 0
            finally:
                process.terminate()

    def _watch(self) -> Watch:
        def on_change(before: Json | None, after: Json) -> None:
            for entry in entries(before, after) if before else []:
                self._screen.entry(entry)
            self._screen.show_team(after)

        return Watch(self._tools, "agentteam", TEAM, NAMESPACE, on_change)

    def _kubectl(self, *arguments: str) -> None:
        self._screen.command(f"kubectl {' '.join(arguments)} -n {NAMESPACE}")
        paths = [str(ROOT / word) if word.startswith("examples/") else word for word in arguments]
        self._tools.kubectl(*paths, "-n", NAMESPACE)

    def _patch(self, kind: str, file: str) -> None:
        self._kubectl("patch", "agentteam", TEAM, "--type", kind, "--patch-file", f"examples/demo/{file}")

    @staticmethod
    def _claim(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - reads as a sentence
        if not holds:
            raise ClaimError(otherwise)


def _facts(result: Result) -> list[tuple[str, str]]:
    latest, report = rollout(result.team), result.report
    bound = f"at most {100 * report.lost_share_bound:.2g} %, with 95 % confidence"
    facts = [
        ("rollout", f"{latest['phase']} after {result.seconds:.0f} s"),
        ("why", str(latest.get("message", ""))),
        ("requests", f"{report.sent} sent, {report.counts.ok} answered well"),
        ("lost", f"{report.counts.lost} ({bound})"),
    ]
    names = Names.of(result.team)
    for revision, one in report.by_revision.items():
        bad = ""
        if one.first_bad_at is not None and one.last_bad_at is not None:
            bad = f", {one.counts.bad} bad answers within {one.last_bad_at - one.first_bad_at:.1f} s"
        facts.append((f"revision {names.full(revision)}", f"{one.counts.ok} good answers{bad}"))
    latency = report.latency_seconds
    facts.append(("latency", f"p50 {1000 * latency.get('p50', 0):.0f} ms, p99 {1000 * latency.get('p99', 0):.0f} ms"))
    return facts
