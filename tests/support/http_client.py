"""A plain HTTP/1.1 client that hides nothing: no retries, no pool, and each way of losing a request told apart."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass


class LostRequestError(Exception):
    """A request was sent, or its connection made, and no whole answer came."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def closes(self) -> bool:
        """Whether the server announced the end of the connection."""
        return self.headers.get("connection", "").lower() == "close"


class Connection:
    """One TCP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> Connection:
        """Connect to this machine.

        Raises:
            ConnectionRefusedError: nobody listens, so nothing was lost.
        """
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def chat(self, text: str = "hi", **fields: object) -> Answer:
        """Ask a team for a plain answer."""
        body = {"messages": [{"role": "user", "content": text}], **fields}
        return await self.request("POST", "/v1/chat/completions", json.dumps(body).encode())

    async def request(self, method: str, path: str, body: bytes = b"") -> Answer:
        """Send a request and read its answer.

        Raises:
            LostRequestError: the connection ended first.
        """
        head = f"{method} {path} HTTP/1.1\r\nHost: test\r\nContent-Length: {len(body)}\r\n\r\n"
        try:
            self._writer.write(head.encode() + body)
            await self._writer.drain()
            return await self._read_answer()
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            raise LostRequestError(type(error).__name__) from None

    async def _read_answer(self) -> Answer:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await self._reader.readexactly(int(headers["content-length"]))
        return Answer(int(head[0].split(" ")[1]), headers, body)

    async def close(self) -> None:
        """End the connection."""
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()
