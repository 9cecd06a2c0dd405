"""A load begins only once the address has answered every try for a while."""

from __future__ import annotations

import asyncio

from aiohttp import web

from tests.load.__main__ import _await_answers


async def test_a_refusal_begins_the_wait_anew() -> None:
    tries: list[int] = []

    async def readyz(_: web.Request) -> web.Response:
        tries.append(200 if len(tries) != 1 else 503)
        return web.Response(status=tries[-1])

    application = web.Application()
    application.router.add_get("/readyz", readyz)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    began = asyncio.get_running_loop().time()
    await _await_answers(f"http://127.0.0.1:{port}", 0.3)
    elapsed = asyncio.get_running_loop().time() - began
    await runner.cleanup()
    assert tries[:3] == [200, 503, 200]
    assert elapsed >= 0.4  # the refused try, and 0.3 s of answers after it
