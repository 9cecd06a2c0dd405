"""A listening socket is settled before it's closed."""

from __future__ import annotations

import socket

import pytest
from agent_server.runtime.listener import open_listener, settle_listener


async def test_new_handshakes_are_turned_away_and_finished_ones_are_kept() -> None:
    listener = open_listener("127.0.0.1", 0)
    address = listener.getsockname()
    with listener, socket.create_connection(address) as early:
        early.sendall(b"a request that nobody has accepted yet")
        await settle_listener(listener)
        with socket.socket() as late:
            late.settimeout(0.3)
            with pytest.raises(TimeoutError):
                late.connect(address)
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.recv(100) == b"a request that nobody has accepted yet"
            accepted.sendall(b"its answer")
        assert early.recv(100) == b"its answer"


def test_all_addresses_or_one() -> None:
    with open_listener("", 0) as everywhere, open_listener("127.0.0.1", 0) as here:
        for listener in (everywhere, here):
            with socket.create_connection(("127.0.0.1", listener.getsockname()[1])):
                pass
