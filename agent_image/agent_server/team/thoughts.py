"""Keeps a reasoning model's thoughts out of a streamed answer; AutoGen mixes both into one stream of text."""

from __future__ import annotations

_OPEN = "<think>"
_CLOSE = "</think>"


class ThoughtFilter:
    """Drops the pieces from one that begins with <think> up to and including </think>; one filter for each answer.

    AutoGen marks thoughts so for endpoints that send them in a field of their own, and models that write the marks
    themselves have them as tokens of their own.
    """

    def __init__(self) -> None:
        """Begin outside of thoughts."""
        self._thinking = False

    def passed(self, piece: str) -> str:
        """What of `piece` belongs to the answer."""
        if not self._thinking and piece.lstrip().startswith(_OPEN):
            self._thinking = True
        if not self._thinking:
            return piece
        _, mark, rest = piece.partition(_CLOSE)
        if mark:
            self._thinking = False
        return rest
