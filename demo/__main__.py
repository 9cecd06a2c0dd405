"""Run the demo: ``make demo``, or ``.venv/bin/python -m demo``.

``CLUSTER=existing`` takes the current kubeconfig's cluster instead of a local one.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from .errors import ClaimError, DemoError
from .screen import Screen
from .story import NAMESPACE, OPERATOR_NAMESPACE, RELEASE, TEAM, Story
from .target import EXISTING, LOCAL, Target, prepare

_CLAIM_FAILED, _CANNOT_RUN, _INTERRUPTED = 1, 2, 130


def main() -> int:
    """0 when all that the demo claims has happened, 1 when something hasn't, 2 when it couldn't be tried.

    make turns every failure into its own 2, so the last line says which it was.
    """
    parser = argparse.ArgumentParser(prog="demo", description="The operator's main job, live.")
    parser.add_argument("--cluster", choices=(LOCAL, EXISTING), default=os.environ.get("CLUSTER") or LOCAL)
    options = parser.parse_args()
    if options.cluster not in {LOCAL, EXISTING}:
        parser.error(f"CLUSTER={options.cluster}: choose {LOCAL} or {EXISTING}")
    screen = Screen()
    try:
        _run(options.cluster, screen)
    except DemoError as error:
        screen.say(f"demo: could not run: {error}", "bold red")
        return _CANNOT_RUN
    except (ClaimError, TimeoutError) as error:
        screen.say(f"demo: failed, this was not to happen: {str(error).splitlines()[0]}", "bold red")
        return _CLAIM_FAILED
    except KeyboardInterrupt:
        screen.say("demo: interrupted; run it again at any time, it begins anew", "bold red")
        return _INTERRUPTED
    return 0


def _run(cluster: str, screen: Screen) -> None:
    started = time.monotonic()
    screen.title("AgentTeam Operator: from kubectl apply to an automatic rollback")
    screen.act("A cluster, and the images in it")
    target = prepare(cluster, screen)
    screen.say(f"Running on {target.description}.")
    try:
        _show(target, screen, started)
    finally:  # whatever happened is there to be looked at
        _farewell(target, screen)


def _show(target: Target, screen: Screen, started: float) -> None:
    story = Story(target, screen)
    story.install()
    story.first_version()
    better = story.better_version()
    bad = story.bad_version()
    sent = better.report.sent + bad.report.sent
    screen.act("What was shown")
    screen.say(
        f"{sent} requests, 0 lost: a better version went out in {better.seconds:.0f} s,"
        f" a bad one was back in {bad.seconds:.0f} s, by itself. All of it took {time.monotonic() - started:.0f} s.",
        "bold green",
    )


def _farewell(target: Target, screen: Screen) -> None:
    screen.act("How to go on")
    if target.kind == LOCAL:
        screen.command('eval "$(python3 -m tests.cluster env)"')
    for line in (
        f"kubectl get agentteams -n {NAMESPACE} -w",
        f"kubectl describe agentteam {TEAM} -n {NAMESPACE}",
        f"kubectl edit agentteam {TEAM} -n {NAMESPACE}",
        f"kubectl port-forward -n {NAMESPACE} service/{TEAM} 8000:80",
        "kubectl explain agentteam.spec.rollout",
    ):
        screen.command(line)
    screen.act("How to tear down")
    if target.kind == LOCAL:
        screen.command("make cluster-down")
        return
    screen.command(f"kubectl delete namespace {NAMESPACE}")
    screen.command(f"helm uninstall {RELEASE} -n {OPERATOR_NAMESPACE}")
    screen.command(f"kubectl delete namespace {OPERATOR_NAMESPACE}")
    screen.command("kubectl delete crd agentteams.agentteam.dev")


if __name__ == "__main__":
    sys.exit(main())
