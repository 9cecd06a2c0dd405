"""`agent-server run`: from a file and the environment to a listening server, or to a line that says what to mend."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from pathlib import Path

from agentteam_operator.api.revision import EXIT_CONFIG
from pydantic import ValidationError

from agent_server.config import ConfigError, ServedTeam, load_team
from agent_server.settings import Settings
from agent_server.telemetry.logging import configure_logging


def run(path: Path | None) -> int:
    """Serve the team in the file at `path` (by default, the setting AUTOGEN_CONFIG). Returns the exit status."""
    try:
        settings = Settings()
    except ValidationError as error:
        return _complain(f"AUTOGEN_{str(item['loc'][0]).upper()}: {item['msg']}" for item in error.errors())
    try:
        served = load_team(path or settings.config, expected_revision=settings.revision)
    except ConfigError as error:
        return _complain(error.problems)
    telemetry = served.spec.telemetry
    configure_logging(telemetry.log_level, telemetry.log_format, team=served.name, revision=served.revision)
    try:
        return asyncio.run(_serve(served, settings))
    except ConfigError as error:
        return _complain(error.problems)
    except OSError as error:
        complaint = f"can't listen: {error}: set AUTOGEN_PORT and AUTOGEN_METRICS_PORT to free ports"
        return _complain([complaint], status=1)


async def _serve(served: ServedTeam, settings: Settings) -> int:
    from agent_server.app import Server, serve  # noqa: PLC0415 - AutoGen takes a second: only for a good config
    from agent_server.team.check import component_problems  # noqa: PLC0415 - as above

    if problems := list(component_problems(served.spec)):
        raise ConfigError(problems)
    return await serve(Server.build(served, settings))


def _complain(problems: Iterable[str], *, status: int = EXIT_CONFIG) -> int:
    for problem in problems:
        print(problem, file=sys.stderr)  # noqa: T201 - for people, and for the pod's termination message
    return status
