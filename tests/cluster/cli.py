"""The commands."""
from __future__ import annotations
import sys
from . import lifecycle
from .profiles import PROFILES
def main() -> int:
    getattr(lifecycle, sys.argv[1])(PROFILES[sys.argv[2]])
    return 0
