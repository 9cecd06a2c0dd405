"""Regular expressions that others wrote, by RE2: it takes time linear in the text, whatever the expression.

It is the engine's own family in the API server's CEL, too, so that both read an expression alike.
"""

from __future__ import annotations

import re2

from agentteam_operator.api.storable import whole

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False  # they are ours to tell, not for standard error


def compiles(pattern: str) -> bool:
    """Whether `pattern` is a regular expression in RE2's syntax (https://github.com/google/re2/wiki/Syntax)."""
    try:
        re2.compile(pattern, options=_OPTIONS)
    except (re2.error, UnicodeEncodeError):
        return False
    return True


def is_found(pattern: str, text: str) -> bool:
    """Whether `pattern` is found anywhere in `text`.

    Raises:
        re2.error: `pattern` doesn't compile.
    """
    return re2.compile(pattern, options=_OPTIONS).search(whole(text)) is not None  # RE2 works on UTF-8
