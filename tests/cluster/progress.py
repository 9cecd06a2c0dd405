"""What the tool tells of its progress: to standard error, as standard output is for what was asked for."""

from __future__ import annotations

import sys


def say(message: str) -> None:
    """Tell one line at once."""
    print(f"cluster: {message}", file=sys.stderr, flush=True)
