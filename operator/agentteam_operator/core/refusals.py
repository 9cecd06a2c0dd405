"""What the API server refuses of the objects that a rollout can't do without."""

from __future__ import annotations

from agentteam_operator.core import checks, names
from agentteam_operator.core.observed import Refusal
from agentteam_operator.core.view import View


def of_candidate(view: View) -> Refusal | None:
    """Why the candidate's pods or their health check aren't made; a final refusal comes first.

    Only what was refused in this very phase counts: what an earlier one left is tried again first.
    """
    rollout, team = view.rollout, view.observed.team.name
    if rollout is None or rollout.phase_started_at >= view.now:
        return None
    revision = names.revision_object(team, rollout.revision)
    needed = {
        ("ServiceAccount", team),
        ("ConfigMap", revision),
        ("Deployment", revision),
        *(("Job", job) for job in checks.job_names(view, checks.wanted(view))),
    }
    return _first(view, needed)


def words_of_traffic(view: View) -> str:
    """Why the active Service isn't turned to whom it should send requests; empty if nothing is refused."""
    refusal = _first(view, {("Service", names.active_service(view.observed.team.name))})
    return refusal.message if refusal else ""


def _first(view: View, needed: set[tuple[str, str]]) -> Refusal | None:
    found = [refusal for refusal in view.observed.refusals if (refusal.kind, refusal.name) in needed]
    return min(found, key=lambda refusal: not refusal.final, default=None)
