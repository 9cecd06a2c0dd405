"""Run a load: ``python -m tests.load --url http://10.96.0.7 --rate 50 --requests 5000``.

Standard output is JSON lines: ``{"type": "progress", ...}`` every interval and ``{"type": "summary", ...}`` at the end;
standard error has the summary for people. SIGTERM or SIGINT ends the sending; what is under way is still counted.
Exit code 1 when a request was lost.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
import time

import aiohttp

from .generator import LoadGenerator, LoadPlan
from .report import LoadReport

ANSWERING_TIMEOUT_SECONDS = 60.0
_TRY_SECONDS = 0.1


def _plan(argv: list[str] | None) -> tuple[LoadPlan, argparse.Namespace]:
    parser = argparse.ArgumentParser(prog="load", description="Open-loop load on a team's OpenAI-compatible API.")
    parser.add_argument("--url", required=True, help="the team's address, such as http://10.96.0.7")
    parser.add_argument("--rate", type=float, default=50.0, help="requests a second")
    parser.add_argument("--requests", type=int, default=5000, help="send at most so many")
    parser.add_argument("--seconds", type=float, default=600.0, help="send for at most so long")
    parser.add_argument("--keep-alive-share", type=float, default=0.5, help="the rest opens a connection each")
    parser.add_argument("--pool-size", type=int, default=8, help="kept-alive connections")
    parser.add_argument("--timeout", type=float, default=30.0, help="seconds after which a request is lost")
    parser.add_argument("--model", default="team")
    parser.add_argument("--prompt", default="Where is order 17?")
    parser.add_argument("--interval", type=float, default=0.5, help="seconds between two progress lines")
    parser.add_argument(
        "--answering-seconds",
        type=float,
        default=0.0,
        help="begin once the address has answered every try for so long: a new Service's name and rules take a moment",
    )
    options = parser.parse_args(argv)
    try:
        plan = LoadPlan(
            url=options.url.rstrip("/"),
            rate_per_second=options.rate,
            max_requests=options.requests,
            max_seconds=options.seconds,
            keep_alive_share=options.keep_alive_share,
            pool_size=options.pool_size,
            timeout_seconds=options.timeout,
            model=options.model,
            prompt=options.prompt,
        )
    except ValueError as error:
        parser.error(str(error))
    return plan, options


def _line(kind: str, document: dict[str, object]) -> None:
    print(json.dumps({"type": kind, "at": round(time.time(), 3)} | document), flush=True)


def _progress(generator: LoadGenerator) -> dict[str, object]:
    document = generator.report.document()
    kept = ("sent", "counts", "by_connection", "by_revision", "first_bad_at", "last_bad_at")
    first_failures = {"failures": [*document["lost_requests"][:1], *document["bad_answers"][:1]]}
    return {key: document[key] for key in kept} | first_failures | {"in_flight": generator.in_flight}


async def _await_answers(url: str, answering_seconds: float) -> None:
    """Until the address has answered on fresh connections for a while; gives up quietly, for the load will tell."""
    loop = asyncio.get_running_loop()
    until = loop.time() + ANSWERING_TIMEOUT_SECONDS
    since = loop.time()
    timeout = aiohttp.ClientTimeout(total=2.0)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True), timeout=timeout) as session:
        while loop.time() - since < answering_seconds and loop.time() < until:
            answered = False
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with session.get(f"{url}/readyz") as answer:
                    answered = answer.ok
            if not answered:
                since = loop.time()
            await asyncio.sleep(_TRY_SECONDS)


async def _run(plan: LoadPlan, options: argparse.Namespace) -> LoadReport:
    if options.answering_seconds:
        await _await_answers(plan.url, options.answering_seconds)
    generator = LoadGenerator(plan)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, generator.stop)
    running = asyncio.create_task(generator.run())
    while not running.done():
        await asyncio.wait({running}, timeout=options.interval)
        _line("progress", _progress(generator))
    return await running


def main(argv: list[str] | None = None) -> int:
    """The command; see the module's docstring."""
    report = asyncio.run(_run(*_plan(argv)))
    _line("summary", report.document())
    print(report.text(), file=sys.stderr)
    return 1 if report.counts.lost else 0


if __name__ == "__main__":
    sys.exit(main())
