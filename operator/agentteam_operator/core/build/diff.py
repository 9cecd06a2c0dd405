"""Whether a live object is as it was built: the reason why a steady team costs no write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agentteam_operator.core import names
from agentteam_operator.core.observed import (Manifest)

_WHOLE = frozenset({"selector", "matchLabels"})
"""Maps that mean another thing when someone adds an entry: compared as a whole, not only in what we set."""

_KEYED = frozenset({"ports", "ownerReferences"})
"""Lists whose entries are told apart by a key: others may add entries of their own, which applying wouldn't remove."""

_EMPTY: tuple[Any, ...] = (None, "", {}, [])
"""Values that the API server leaves out when it stores them."""


def differs(desired: Manifest, live: Manifest) -> bool:
    """True when `live` has to be applied again.

    Either the manifest is another one than was applied last (its hash, so that fields which are no longer set count
    too), or a field that we set isn't as we set it. Fields that others set are theirs.
    """
    annotations = live.get("metadata", {}).get("annotations") or {}
    wanted = desired["metadata"].get("annotations", {}).get(names.ANNOTATION_MANIFEST_HASH)
    if annotations.get(names.ANNOTATION_MANIFEST_HASH) != wanted:
        return True
    return not _holds(desired, live)


def _holds(desired: object, live: object) -> bool:
    """True when everything of `desired` is in `live`."""
    if desired in _EMPTY and live in _EMPTY:
        return True
    if isinstance(desired, Mapping):
        return isinstance(live, Mapping) and all(_field_holds(key, value, live) for key, value in desired.items())
    if isinstance(desired, Sequence) and not isinstance(desired, str):
        return (
            isinstance(live, Sequence)
            and len(desired) == len(live)
            and all(_holds(wanted, found) for wanted, found in zip(desired, live, strict=True))
        )
    return desired == live


def _field_holds(key: str, wanted: object, live: Mapping[str, Any]) -> bool:
    found = live.get(key)
    if key in _WHOLE and isinstance(wanted, Mapping) and isinstance(found, Mapping) and set(wanted) != set(found):
        return False
    if wanted is False and found is None:
        return True  # the API server leaves out what is false
    if key in _KEYED and isinstance(wanted, Sequence) and isinstance(found, Sequence):
        return all(any(_holds(entry, other) for other in found) for entry in wanted)
    return _holds(wanted, found)
