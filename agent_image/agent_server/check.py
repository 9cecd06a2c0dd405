"""`agent-server validate`: all that is wrong with a manifest, found without a cluster and without calling a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from agent_server.config import ConfigError, load_team


def validate_files(paths: Sequence[Path]) -> int:
    """Print each file's problems, one a line, or that it's good. Returns 1 if there are problems, else 0."""
    bad = False
    for path in paths:
        problems = list(find_problems(path))
        bad = bad or bool(problems)
        for problem in problems or ["ok"]:
            print(f"{path}: {problem.removeprefix(f'{path}: ')}")  # noqa: T201 - the command's output
    return int(bad)


def find_problems(path: Path) -> Iterator[str]:
    """The problems of the file at `path`: the API's own rules first, then, if those hold, AutoGen's."""
    try:
        served = load_team(path)
    except ConfigError as error:
        yield from error.problems
        return
    from agent_server.team.check import component_problems  # noqa: PLC0415 - AutoGen takes a second to import

    yield from component_problems(served.spec)
