"""Closing a listening socket without losing a connection that is just being made.

close() on a listening socket resets connections whose handshake is done but which nobody has accepted yet: their
clients have sent a request by then. So new handshakes are turned away first, by a socket filter that drops SYN packets,
while those under way complete and are accepted; then the socket is closed. A client whose SYN was dropped sends it
again within a second and is refused: it knows that nothing of its request has arrived.
"""

from __future__ import annotations

import asyncio
import ctypes
import socket
import struct

import structlog

_SO_ATTACH_FILTER = 26  # asm-generic/socket.h; the socket module doesn't have it
_TCP_FLAGS_OFFSET = 13
_SYN, _SYN_ACK_MASK = 0x02, 0x12

# Classic BPF on the TCP header: drop what has SYN and not ACK, let everything else pass.
_LOAD_BYTE, _AND, _JUMP_IF_EQUAL, _RETURN = 0x30, 0x54, 0x15, 0x06
_DROP_SYN = (
    (_LOAD_BYTE, 0, 0, _TCP_FLAGS_OFFSET),
    (_AND, 0, 0, _SYN_ACK_MASK),
    (_JUMP_IF_EQUAL, 0, 1, _SYN),
    (_RETURN, 0, 0, 0),
    (_RETURN, 0, 0, 0xFFFFFFFF),
)

BACKLOG = 1024
"""Connections that may wait to be accepted: a burst of clients is not to be turned away."""

HANDSHAKE_SECONDS = 0.25
"""Time for handshakes under way to complete: above the round trip within a cluster."""

_log = structlog.get_logger("agent_server.drain")


def open_listener(host: str, port: int) -> socket.socket:
    """A listening socket; an empty `host` means all addresses, IPv4 and, where there is, IPv6.

    Raises:
        OSError: the port is taken, or the address isn't this machine's.
    """
    if not host and socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, backlog=BACKLOG, dualstack_ipv6=True)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


async def settle_listener(listener: socket.socket) -> None:
    """Turn new connections away and let those under way arrive; the socket may be closed afterwards."""
    if _drop_new_handshakes(listener):
        await asyncio.sleep(HANDSHAKE_SECONDS)


def _drop_new_handshakes(listener: socket.socket) -> bool:
    program = b"".join(struct.pack("HBBI", *instruction) for instruction in _DROP_SYN)
    buffer = ctypes.create_string_buffer(program, len(program))
    filter_program = struct.pack("HP", len(_DROP_SYN), ctypes.addressof(buffer))
    try:
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, filter_program)
    except OSError as error:  # another system than Linux, or a sandbox: the window is then some microseconds
        _log.debug("listener_not_settled", error=type(error).__name__)
        return False
    return True
