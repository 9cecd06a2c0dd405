"""All benchmarks, one after the other: `python -m tests.bench [--out FOLDER] [NAME ...]`.

Those that need an API server take the one that KUBECONFIG names, or the local one, which `make bench` brings up. Each
runs in a process of its own and is given up after ten minutes; the others go on.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tests.cluster.profiles import PROFILES

LONGEST_SECONDS = 600
OBJECTS = "1000"


@dataclass(frozen=True)
class Benchmark:
    """One of the modules beside this one."""

    title: str
    arguments: tuple[str, ...] = ()
    needs_cluster: bool = True
    writes_itself: bool = False
    """It takes `--out` and writes its own document and figures."""


BENCHMARKS = {
    "agent_server": Benchmark("The agent server over bare AutoGen", needs_cluster=False, writes_itself=True),
    "client_cost": Benchmark("What a request to the API server costs"),
    "watch_cost": Benchmark("What it costs to keep an eye on many children", (OBJECTS,)),
}


def run(name: str, out: Path, environment: Mapping[str, str]) -> None:
    """Run one benchmark, and leave its document in `out`.

    Raises:
        subprocess.SubprocessError: it failed, or took too long.
    """
    benchmark = BENCHMARKS[name]
    arguments = ["--out", str(out)] if benchmark.writes_itself else list(benchmark.arguments)
    command = [sys.executable, "-m", f"tests.bench.{name}", *arguments]
    done = subprocess.run(
        command, check=True, timeout=LONGEST_SECONDS, env=dict(environment), stdout=subprocess.PIPE, text=True
    )
    print(done.stdout, flush=True)
    if not benchmark.writes_itself:
        (out / f"{name.replace('_', '-')}.md").write_text(document(name, done.stdout), encoding="utf-8")


def document(name: str, printed: str) -> str:
    """What a benchmark printed, with what it was measured on."""
    benchmark = BENCHMARKS[name]
    host = f"{os.cpu_count()} processors, Linux {platform.release()}, Python {platform.python_version()}"
    packages = ", ".join(f"{package} {version(package)}" for package in ("aiohttp", "kopf", "kubernetes"))
    made = f"Made by `.venv/bin/python -m tests.bench {name}` with {packages}, on {host}."
    return f"# {benchmark.title}\n\n{made}\n\n```\n{printed.strip()}\n```\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run those that are named, or all; 1 if any of them failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks"))
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; all without")
    options = parser.parse_args(arguments)
    unknown = set(options.names) - BENCHMARKS.keys()
    if unknown:
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    options.out.mkdir(parents=True, exist_ok=True)
    names = options.names or list(BENCHMARKS)
    environment = dict(os.environ)
    if any(BENCHMARKS[name].needs_cluster for name in names):
        environment.setdefault("KUBECONFIG", str(PROFILES["full"].kubeconfig))
    failed = []
    for name in names:
        print(f"== {name}", flush=True)
        try:
            run(name, options.out, environment)
        except subprocess.SubprocessError as error:
            print(f"{name}: {error}", file=sys.stderr)
            failed.append(name)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
