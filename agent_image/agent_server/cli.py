"""`agent-server`: run a team, validate a manifest, try servers out. Each command imports only what it needs."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

MAX_CONCURRENCY = 16


def main(arguments: Sequence[str] | None = None) -> int:
    """The console script. Returns the exit status: 0 well, 1 not well, 2 used wrongly, 3 can't tell, 78 bad config."""
    options = _parser().parse_args(arguments)
    status: int = options.command(options)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="agent-server", description="Serves a team of AI agents.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="serve a team", description="Serve a team until SIGTERM or Ctrl+C.")
    source = run.add_mutually_exclusive_group()
    source.add_argument("manifest", nargs="?", type=Path, help="AgentTeam manifest or a revision's app.yaml")
    source.add_argument("--config", type=Path, help="the same, as an option (default: AUTOGEN_CONFIG)")
    run.set_defaults(command=_run)

    validate = commands.add_parser(
        "validate", help="find what is wrong with a manifest", description="Print one line for each problem."
    )
    validate.add_argument("manifest", nargs="+", type=Path, help="AgentTeam manifest or a revision's app.yaml")
    validate.set_defaults(command=_validate)

    probe = commands.add_parser(
        "probe", help="ask servers for their deep health", description="Ask all targets at once, with retries."
    )
    _add_probe_options(probe)
    probe.set_defaults(command=_probe)

    converse = commands.add_parser(
        "converse",
        help="have golden conversations with servers",
        description="Have a manifest's conversations, or those of AGENTTEAM_CONVERSATION_0 and so on, one JSON each.",
    )
    _add_converse_options(converse)
    converse.set_defaults(command=_converse)
    return parser


def _add_common_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--target", action="append", required=True, metavar="URL", help="such as http://10.0.0.7:8000")
    command.add_argument(
        "--revision",
        default=os.environ.get("AUTOGEN_REVISION", ""),
        help="revision that each target must be of (default: AUTOGEN_REVISION)",
    )
    command.add_argument("--termination-log", type=Path, help="file that gets the verdict, too")


def _add_probe_options(probe: argparse.ArgumentParser) -> None:
    _add_common_options(probe)
    probe.add_argument("--required", default="runtime,models", help="components that must be well, joined by commas")
    probe.add_argument("--retries", type=int, default=3, help="further attempts for a target that isn't well")
    probe.add_argument("--interval-seconds", type=float, default=5, help="pause between attempts")
    probe.add_argument("--timeout-seconds", type=float, default=10, help="longest time for one attempt")


def _add_converse_options(converse: argparse.ArgumentParser) -> None:
    converse.add_argument("manifest", nargs="?", type=Path, help="AgentTeam manifest (default: the environment)")
    _add_common_options(converse)
    converse.add_argument(
        "--control", action="append", default=[], metavar="URL", help="a server of another revision, to compare with"
    )
    converse.add_argument(
        "--concurrency",
        type=int,
        choices=range(1, MAX_CONCURRENCY + 1),
        default=4,
        metavar=f"1..{MAX_CONCURRENCY}",
        help="samples at once",
    )
    converse.add_argument(
        "--round", action="store_true", help="one round of a watch: tell what to count, whatever it shows"
    )
    converse.add_argument("--timeout-seconds", type=float, default=120, help="longest time for one answer")
    converse.add_argument("--deadline-seconds", type=float, default=900, help="longest time for all conversations")


def _run(options: argparse.Namespace) -> int:
    from agent_server.start import run  # noqa: PLC0415 - see the module's docstring

    return run(options.manifest or options.config)


def _validate(options: argparse.Namespace) -> int:
    from agent_server.check import validate_files  # noqa: PLC0415

    return validate_files(options.manifest)


def _probe(options: argparse.Namespace) -> int:
    from agent_server.probe import ProbeOptions, probe  # noqa: PLC0415

    return probe(
        ProbeOptions(
            targets=tuple(options.target),
            required=tuple(name for name in options.required.split(",") if name),
            revision=options.revision,
            retries=options.retries,
            interval_seconds=options.interval_seconds,
            timeout_seconds=options.timeout_seconds,
        ),
        options.termination_log,
    )


def _converse(options: argparse.Namespace) -> int:
    from agent_server.golden.converse import converse  # noqa: PLC0415
    from agent_server.golden.samples import ConverseOptions  # noqa: PLC0415

    return converse(
        options.manifest,
        ConverseOptions(
            targets=tuple(options.target),
            controls=tuple(options.control),
            revision=options.revision,
            concurrency=options.concurrency,
            timeout_seconds=options.timeout_seconds,
            deadline_seconds=options.deadline_seconds,
            is_round=options.round,
        ),
        options.termination_log,
    )


if __name__ == "__main__":
    sys.exit(main())
