"""Each revision's Deployment and ConfigMap: made once, scaled, and pruned when nobody can go back to them."""

from __future__ import annotations

from collections.abc import Iterator

from agentteam_operator.api.revision import RevisionDocument, revision_document
from agentteam_operator.api.status import Outcome, Phase, RevisionStatus
from agentteam_operator.core import names
from agentteam_operator.core.build import configmap, deployment
from agentteam_operator.core.state import Action, CreateObject, DeleteObject, RevisionObserved, ScaleDeployment
from agentteam_operator.core.view import View


def creations(view: View) -> Iterator[Action]:
    """The candidate's objects once, and whatever of the active revision somebody deleted."""
    for revision, size in wanted_sizes(view).items():
        live = view.observed.revisions.get(revision)
        if size == 0 or (live and live.deployment_uid and live.config_uid):
            continue
        document = document_of(view, revision, live)
        if document is None:
            continue
        if live is None or not live.config_uid:
            yield CreateObject(configmap.build(view.observed.team, document))
        if live is None or not live.deployment_uid:
            yield CreateObject(deployment.build(view.observed.team, document, replicas=size))


def document_of(view: View, revision: str, live: RevisionObserved | None) -> RevisionDocument | None:
    """What the revision is: as its ConfigMap keeps it, else as the spec says now; None if nobody knows any more."""
    if live is not None and live.document is not None:
        return RevisionDocument.parse(dict(live.document))
    if revision != view.observed.target:
        return None
    return revision_document(
        view.spec,
        name=view.observed.team.name,
        namespace=view.observed.team.namespace,
        default_image=view.environment.default_image,
        builder_version=view.environment.builder_version,
    )


def wanted_sizes(view: View) -> dict[str, int]:
    """Pods of each revision that should have some; of all others none."""
    rollout, status = view.rollout, view.status
    sizes: dict[str, int] = {}
    if status.active_revision:
        sizes[status.active_revision] = view.full_size
    if rollout is None:
        return sizes
    if rollout.base_revision and view.in_progress:
        sizes[rollout.base_revision] = view.full_size
    if _draining(view) and view.blue:
        sizes[rollout.base_revision] = view.blue.replicas
    on_trial = view.in_progress and rollout.phase is not Phase.VALIDATING
    if rollout.phase is Phase.ROLLING_BACK:
        sizes[rollout.revision] = view.green.replicas if view.green else 0
    elif on_trial or (rollout.phase is Phase.FAILED and status.candidate_revision):
        sizes[rollout.revision] = view.green_size
    return sizes


def _draining(view: View) -> bool:
    """The replaced revision's pods still finish what they have begun."""
    return view.phase is Phase.COMPLETED and view.in_phase_seconds < view.settings.drain_seconds


def scaling_up(view: View) -> Iterator[Action]:
    """More pods where a revision has fewer than it should."""
    for revision, size in wanted_sizes(view).items():
        live = view.observed.revisions.get(revision)
        if live and live.deployment_uid and live.replicas < size:
            yield ScaleDeployment(names.revision_object(view.observed.team.name, revision), size, live.resource_version)


def scaling_down(view: View) -> Iterator[Action]:
    """Fewer pods where a revision has more than it should; none where it shouldn't serve at all."""
    sizes = wanted_sizes(view)
    for revision, live in view.observed.revisions.items():
        size = sizes.get(revision, 0)
        if size == 0 and view.selects(revision):
            continue  # traffic leaves first, whatever the status says
        if live.deployment_uid and live.replicas > size:
            yield ScaleDeployment(names.revision_object(view.observed.team.name, revision), size, live.resource_version)


def pruning(view: View) -> Iterator[Action]:
    """Objects of revisions that nobody can go back to: cancelled ones at once, others beyond the limit."""
    retained = _retained(view)
    for revision, live in view.observed.revisions.items():
        in_use = view.selects(revision) or live.pods or (live.deployment_uid and live.replicas)
        if revision in retained or in_use:
            continue
        name = names.revision_object(view.observed.team.name, revision)
        if live.deployment_uid:
            yield DeleteObject("apps/v1", "Deployment", name, live.deployment_uid)
        if live.config_uid:
            yield DeleteObject("v1", "ConfigMap", name, live.config_uid)


def _retained(view: View) -> set[str]:
    rollout, status = view.rollout, view.status
    serving = {status.active_revision, status.candidate_revision}
    if rollout:
        serving |= {rollout.revision, rollout.base_revision} if view.in_progress or _draining(view) else set()

    def kept(entry: RevisionStatus) -> bool:
        return entry.hash not in serving and entry.outcome in {Outcome.SUCCESSFUL, Outcome.FAILED}

    old = [entry.hash for entry in status.revisions if kept(entry)]
    return serving | set(old[: view.settings.revision_history_limit])
