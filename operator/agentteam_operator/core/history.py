"""The revision history: whom one can go back to, and whose failure is remembered."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from agentteam_operator.api.rollout import RolloutSettings
from agentteam_operator.api.status import Outcome, RevisionStatus

FAILURES_REMEMBERED = 10
"""Entries of revisions that failed or gave way; their objects are gone, only the reason is kept."""


def to_go_back_to(
    entries: Iterable[RevisionStatus], serving: Collection[str], settings: RolloutSettings
) -> list[RevisionStatus]:
    """The newest revisions that passed and don't serve, as many as `revisionHistoryLimit` says.

    Failed ones don't count: however many releases go wrong, none pushes out the one to go back to.
    """
    passed = [entry for entry in entries if entry.outcome is Outcome.SUCCESSFUL and entry.hash not in serving]
    return passed[: settings.revision_history_limit]


def kept(
    entries: Iterable[RevisionStatus], serving: Collection[str], settings: RolloutSettings
) -> list[RevisionStatus]:
    """The history without what nobody needs any more, in its order: newest first."""
    entries = list(entries)
    retained = {entry.hash for entry in to_go_back_to(entries, serving, settings)} | set(serving)
    others = [entry.hash for entry in entries if entry.hash not in retained and entry.outcome is not Outcome.SUCCESSFUL]
    retained |= set(others[:FAILURES_REMEMBERED])
    return [entry for entry in entries if entry.hash in retained]
