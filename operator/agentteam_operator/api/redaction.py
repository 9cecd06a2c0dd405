"""Keep what looks like a secret out of texts that others wrote, before anybody stores or shows them."""

from __future__ import annotations

import re

MARK = "[redacted]"

_SECRET = re.compile(
    r"(?i)\b(bearer\s+|basic\s+)\S+"
    r"|\bsk-[\w-]{6,}"
    r"|((?:api[-_]?key|token|password|secret)[\"']?\s*[=:]\s*)[^\s,;&]+"
    r"|(://[^\s/:@]*:)[^\s/@]+(?=@)"
)


def without_secrets(text: str) -> str:
    """`text` with what looks like a key, a token or a password replaced by "[redacted]"."""
    return _SECRET.sub(lambda found: f"{next(filter(None, found.groups()), '')}{MARK}", text)
