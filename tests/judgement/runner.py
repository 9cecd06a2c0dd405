"""Plays releases in batches on several processes, and keeps each batch's ends in a file, so that no work is lost."""

from __future__ import annotations

import gc
import hashlib
import json
import multiprocessing
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass
from itertools import islice
from math import inf
from pathlib import Path
from typing import Any

from tests.judgement.kinds import Kind
from tests.judgement.peers import judged_by_peers
from tests.judgement.release import Release

ROOT = Path(__file__).resolve().parents[2]
BATCHES = ROOT / "build" / "judgement"
BATCH = 10
REPORT_EVERY = 20


@dataclass(frozen=True)
class Batch:
    """Some releases of a kind, by the product (`judge` is "product") or by all peers ("peers")."""

    kind: Kind
    judge: str
    first_seed: int
    count: int

    @property
    def path(self) -> Path:
        name = f"{zlib.crc32(self.kind.name.encode()):08x}-{self.judge}-{self.first_seed}-{self.count}.json"
        return BATCHES / fingerprint() / name


_SOURCES = ("operator/agentteam_operator/core", "operator/agentteam_operator/api", "tests/judgement")
_BESIDE = frozenset({"plots.py", "document.py", "__main__.py", "eprocess.py", "scores.py"})
_known: dict[str, str] = {}


def fingerprint() -> str:
    """Of all code that a release's end depends on: other code, other batches."""
    if "it" not in _known:
        digest = hashlib.sha256()
        for folder in _SOURCES:
            for path in sorted((ROOT / folder).rglob("*.py")):
                if path.parent.name != "judgement" or path.name not in _BESIDE:
                    digest.update(path.read_bytes())
        _known["it"] = digest.hexdigest()[:12]
    return _known["it"]


def batches(kind: Kind, judge: str, first_seed: int, releases: int) -> Iterator[Batch]:
    """All the batches of so many releases."""
    for begin in range(first_seed, first_seed + releases, BATCH):
        yield Batch(kind, judge, begin, min(BATCH, first_seed + releases - begin))


def play(batch: Batch) -> list[dict[str, Any]]:
    """The ends of a batch's releases, in the order of their seeds."""
    gc.disable()  # releases leave little rubbish in circles; it is collected once a batch
    seeds = range(batch.first_seed, batch.first_seed + batch.count)
    ends: list[dict[str, Any]] = []
    for seed in seeds:
        if batch.judge == "peers":
            ends.append(dict(judged_by_peers(batch.kind, seed)))
        else:
            ends.append(asdict(Release(batch.kind, seed).play()))
    gc.collect()
    return ends


def _play_and_keep(index: int, wanted: Sequence[Batch]) -> int:
    batch = wanted[index]
    ends = play(batch)
    batch.path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = batch.path.with_suffix(".part")
    unfinished.write_text(json.dumps(ends), encoding="utf-8")
    unfinished.rename(batch.path)
    return index


_inherited: Sequence[Batch] = ()


def _task(index: int) -> int:
    return _play_and_keep(index, _inherited)


def run(wanted: Sequence[Batch], processes: int, report: Callable[[str], None], minutes: float = inf) -> None:
    """Play all batches that aren't there yet, or as many as can be begun in so many minutes.

    Kinds hold functions, which can't be sent to another process: the workers are forks, which inherit them.
    """
    global _inherited
    missing = [batch for batch in wanted if not batch.path.exists()]
    report(f"{len(wanted)} batches, {len(missing)} to play, code {fingerprint()}")
    _inherited, began, done = missing, time.monotonic(), 0
    numbers = iter(range(len(missing)))
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("fork")) as pool:
        running = {pool.submit(_task, number) for number in islice(numbers, processes)}
        while running:
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                future.result()
                done += 1
                if done % REPORT_EVERY == 0:
                    report(f"{done} of {len(missing)} batches after {time.monotonic() - began:.0f} s")
            if time.monotonic() - began < 60 * minutes:
                running |= {pool.submit(_task, number) for number in islice(numbers, len(finished))}
    report(f"{done} of {len(missing)} batches after {time.monotonic() - began:.0f} s")


def ends_of(kind: Kind, judge: str, first_seed: int, releases: int) -> list[dict[str, Any]]:
    """What was played of a kind, up to the first batch that is missing."""
    found: list[dict[str, Any]] = []
    for batch in batches(kind, judge, first_seed, releases):
        if not batch.path.exists():
            break
        found += json.loads(batch.path.read_text(encoding="utf-8"))
    return found


def said(line: str) -> None:
    """To the terminal, at once."""
    print(line, file=sys.stderr, flush=True)
