"""What ends the demo early."""

from __future__ import annotations


class DemoError(Exception):
    """One line that names what is wrong and the mend."""


class ClaimError(Exception):
    """The demo ran, but what it claims to show didn't happen."""
