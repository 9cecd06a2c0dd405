"""Entry point of ``python3 -m tests.cluster`` and ``python3 tests/cluster``."""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:
    # Run as a folder: relative imports need the repository's root on the path, also under PYTHONSAFEPATH=1.
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.cluster.cli import main

if __name__ == "__main__":
    sys.exit(main())
