"""`agent-server probe`: asks servers for their deep health and writes the gate's verdict; runs as a Job of the team.

The verdict (agent_server.verdict) has one result for each target: {"target", "passed", "reason", "attempts", "error",
"components": {name: {"status", "latencySeconds", "error"}}}.
"""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from agent_server.verdict import Outcome, Verdict, one_line, publish

_MAX_BODY_BYTES = 64 * 1024
_OK = "ok"


@dataclass(frozen=True, slots=True)
class ProbeOptions:
    """What is asked. A target is tried 1 + `retries` times, `interval_seconds` apart."""

    targets: tuple[str, ...]
    required: tuple[str, ...]
    revision: str
    retries: int
    interval_seconds: float
    timeout_seconds: float


@dataclass(slots=True)
class TargetResult:
    """What one target said last."""

    target: str
    passed: bool = False
    reason: str = ""
    attempts: int = 0
    error: str = ""
    components: dict[str, dict[str, Any]] = field(default_factory=dict)


def probe(options: ProbeOptions, termination_log: Path | None) -> int:
    """Ask all targets; print the verdict, and write it to `termination_log`. Returns 0 if it's passed, else 1."""
    return publish(health_verdict(asyncio.run(probe_targets(options))), termination_log)


async def probe_targets(options: ProbeOptions) -> list[TargetResult]:
    """Ask all targets at once, each until it's well or the attempts are used up."""
    timeout = aiohttp.ClientTimeout(total=options.timeout_seconds)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        return list(await asyncio.gather(*(_probe_target(session, target, options) for target in options.targets)))


async def _probe_target(session: aiohttp.ClientSession, target: str, options: ProbeOptions) -> TargetResult:
    result = TargetResult(target)
    for attempt in range(1 + max(0, options.retries)):
        if attempt:
            await asyncio.sleep(options.interval_seconds)
        result = await _ask(session, target, options)
        result.attempts = attempt + 1
        if result.passed:
            break
    return result


async def _ask(session: aiohttp.ClientSession, target: str, options: ProbeOptions) -> TargetResult:
    query = [("component", name) for name in options.required]
    try:
        async with session.get(f"{target.rstrip('/')}/health", params=query) as answer:
            return _judge(target, json.loads(await _body(answer)), options)
    except TimeoutError:
        return TargetResult(target, reason="Timeout", error=f"no answer within {options.timeout_seconds:g} s")
    except aiohttp.ClientConnectorError as error:
        why = os.strerror(error.errno) if error.errno else type(error).__name__
        return TargetResult(target, reason="Unreachable", error=why)
    except aiohttp.ClientError as error:
        return TargetResult(target, reason="Unreachable", error=one_line(str(error) or type(error).__name__))
    except (ValueError, TypeError, AttributeError):
        return TargetResult(target, reason="InvalidAnswer", error="the answer isn't that of an agent server")


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    """The whole answer, in however many pieces it comes.

    Raises:
        ValueError: it is longer than any agent server's.
    """
    body = bytearray()
    async for part in answer.content.iter_any():
        body += part
        if len(body) > _MAX_BODY_BYTES:
            raise ValueError(f"an answer of more than {_MAX_BODY_BYTES >> 10} KiB")
    return bytes(body)


def _judge(target: str, body: dict[str, Any], options: ProbeOptions) -> TargetResult:
    """What an answer means. Only components that are there and say "ok" count as well."""
    revision = str(body.get("revision", ""))
    if options.revision and revision != options.revision:
        return TargetResult(
            target, reason="RevisionMismatch", error=f"serves revision {revision[:63]!r}, not {options.revision!r}"
        )
    given = body.get("components", {})
    components = {name: _component(given.get(name)) for name in options.required}
    failed = [name for name, component in components.items() if component["status"] != _OK]
    error = "; ".join(f"{name}: {components[name]['error']}" for name in failed)
    return TargetResult(
        target, passed=not failed, reason="ComponentFailed" if failed else "", error=error, components=components
    )


def _component(given: dict[str, Any] | None) -> dict[str, Any]:
    if given is None:
        return {"status": "missing", "latencySeconds": 0.0, "error": "the server doesn't know this component"}
    return {
        "status": _OK if given.get("status") == _OK else "failed",
        "latencySeconds": float(given.get("latencySeconds", 0.0)),
        "error": one_line(str(given.get("error", ""))),
    }


def health_verdict(results: list[TargetResult]) -> Verdict:
    """The verdict on all targets, failed ones first."""
    failed = [result for result in results if not result.passed]
    well = [result for result in results if result.passed]
    return Verdict(
        gate="health",
        outcome=Outcome.FAILED if failed else Outcome.PASSED,
        reason=failed[0].reason if failed else "Healthy",
        message=_message(results, failed),
        value=f"{len(well)} of {len(results)} healthy",
        threshold=f"{len(results)} of {len(results)}",
        samples=len(results),
        results=tuple(_result_object(result) for result in (*failed, *well)),
    )


def _result_object(result: TargetResult) -> dict[str, Any]:
    return {key: value for key, value in asdict(result).items() if key != "reason" or value}


def _message(results: list[TargetResult], failed: list[TargetResult]) -> str:
    if not failed:
        return f"all {len(results)} pods are healthy" if len(results) > 1 else "the only pod is healthy"
    return f"{len(failed)} of {len(results)} pods not healthy; {failed[0].target}: {failed[0].error}"
