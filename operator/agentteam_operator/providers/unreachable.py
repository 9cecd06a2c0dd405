"""Why a server can't be reached, in the system's words."""

from __future__ import annotations

import os


def reason(error: OSError) -> str:
    """Such as "Connection refused"; without the address, which asyncio puts into `strerror`."""
    number = error.errno or 0
    return os.strerror(number) if number > 0 else error.strerror or type(error).__name__
