"""What this tool tells a person when it can't go on."""

from __future__ import annotations


class ClusterError(Exception):
    """One line that names what is wrong and the mend."""
