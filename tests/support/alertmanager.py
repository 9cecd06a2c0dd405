"""A real Alertmanager on loopback, for as long as a test needs it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp

from tests.cluster.profiles import bin_dir

READY_SECONDS = 30.0
CONFIG = "{route: {receiver: nobody}, receivers: [{name: nobody}]}\n"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def running_alertmanager(folder: Path, port: int) -> AsyncIterator[str]:
    """An Alertmanager that keeps nothing and tells nobody; gives its URL."""
    log_path = _prepared(folder)
    with log_path.open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            str(bin_dir() / "alertmanager"),
            f"--config.file={folder / 'alertmanager.yml'}",
            f"--storage.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
            stdout=log,
            stderr=log,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        await _until_ready(url, log_path)
        yield url
    finally:
        process.terminate()
        await process.wait()


def _prepared(folder: Path) -> Path:
    """The folder with its configuration; the path of the log."""
    folder.mkdir(exist_ok=True)
    (folder / "alertmanager.yml").write_text(CONFIG)
    return folder / "alertmanager.log"


async def _until_ready(url: str, log: Path) -> None:
    deadline = asyncio.get_running_loop().time() + READY_SECONDS
    async with aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(f"{url}/-/ready") as answer:
                    if answer.status == HTTPStatus.OK:
                        return
            except aiohttp.ClientError:
                pass
            assert asyncio.get_running_loop().time() < deadline, await asyncio.to_thread(log.read_text)
            await asyncio.sleep(0.1)


async def alerts(url: str) -> list[dict[str, Any]]:
    """What fires, by Alertmanager's own word."""
    async with aiohttp.ClientSession() as session, session.get(f"{url}/api/v2/alerts") as answer:
        found: list[dict[str, Any]] = await answer.json()
        return found
