"""Words for people."""

from __future__ import annotations


def quantity(number: int, noun: str) -> str:
    """A number with its noun, such as ``1 pod`` or ``3 pods``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def shortened(text: str, most_characters: int) -> str:
    """The text, cut with an ellipsis where it is longer."""
    return text if len(text) <= most_characters else text[: most_characters - 1] + "…"
