"""Counts into rates: how often releases of a kind were rolled back, how sure that is, and how soon it was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import binomtest

CONFIDENCE = 0.95


def interval(count: int, of: int) -> tuple[float, float]:
    """The exact (Clopper-Pearson) 95 % interval of a rate of which `count` of `of` were seen."""
    found = binomtest(count, of).proportion_ci(CONFIDENCE, method="exact")
    return float(found.low), float(found.high)


def rate(times: Sequence[float], of: int) -> dict[str, Any]:
    """How many of so many were rolled back, with the interval of their share, and after how many seconds."""
    low, high = interval(len(times), of)
    found: dict[str, Any] = {"releases": of, "rolledBack": len(times), "low": round(low, 6), "high": round(high, 6)}
    if times:
        found["medianSeconds"] = round(float(np.median(times)))
        found["p95Seconds"] = round(float(np.quantile(times, 0.95, method="higher")))
    return found


def of_product(name: str, ends: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A kind's line: what became of its releases."""
    gone = [end for end in ends if end["rolled_back"]]
    stayed = [end for end in ends if not end["rolled_back"]]
    return {
        "name": name,
        **rate([end["seconds"] for end in gone], len(ends)),
        "asked": sum(bool(end["asked"]) for end in ends),
        "unnoticed": sum(not end["asked"] for end in stayed),
        "reasons": dict(sorted(Counter(end["reason"] for end in gone).items())),
    }


def of_peers(name: str, ends: Sequence[Mapping[str, float | None]]) -> dict[str, Any]:
    """A kind's line: what each rule made of its releases."""
    rules = list(ends[0])
    found = {rule: [at for end in ends if (at := end[rule]) is not None] for rule in rules}
    return {"name": name, "rules": {rule: rate(times, len(ends)) for rule, times in found.items()}}
