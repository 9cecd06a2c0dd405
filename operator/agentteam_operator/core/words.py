"""Words for people that depend on a number."""

from __future__ import annotations


def quantity(number: int, noun: str) -> str:
    """A number with its noun, such as ``1 pod`` or ``3 pods``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
