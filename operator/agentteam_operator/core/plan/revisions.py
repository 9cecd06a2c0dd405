"""Each revision's Deployment and ConfigMap: made once, scaled, and pruned when nobody can go back to them."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError

from agentteam_operator.api.revision import RevisionDocument, identity, revision_document
from agentteam_operator.api.spec import RevisionSpec
from agentteam_operator.api.status import Phase
from agentteam_operator.core import history, names
from agentteam_operator.core.build import configmap, deployment
from agentteam_operator.core.decision import Action, CreateObject, DeleteObject, ScaleDeployment
from agentteam_operator.core.observed import RevisionObserved
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
    """What the revision is: as its ConfigMap keeps it, or kept it; only where nobody read it, as the spec says now.

    None if nobody knows: the ConfigMap wasn't read in this tick, or can't be, or is gone while the spec moved on.
    """
    if live is not None and live.config_uid:
        return _read(live)
    kept = _read(live) if live is not None else None
    if kept is not None and live is not None and _is_of(kept, live):
        return kept
    restart = _restart_of(view, revision)
    if restart is None or view.observed.unread & set(RevisionSpec.model_fields):
        return None
    return revision_document(
        view.spec,
        name=view.observed.team.name,
        namespace=view.observed.team.namespace,
        default_image=view.environment.default_image,
        builder_version=view.environment.builder_version,
        restart=restart,
    )


def _restart_of(view: View, revision: str) -> str | None:
    """The nonce with which the spec makes this revision: mostly none (""); None if the spec doesn't make it."""
    if revision == view.observed.spec_target:
        return ""
    restarted = view.status.restarted
    if restarted is None or (restarted.revision, restarted.of) != (revision, view.observed.spec_target):
        return None
    return restarted.nonce


def _read(live: RevisionObserved) -> RevisionDocument | None:
    try:
        return RevisionDocument.parse(dict(live.document)) if live.document is not None else None
    except ValidationError:
        return None


def _is_of(document: RevisionDocument, live: RevisionObserved) -> bool:
    """A document from memory is the one that the live Deployment's pods were made to read."""
    return document.metadata.revision == live.hash == identity(document) and document.image == live.image


def lacks_document(view: View) -> bool:
    """A Deployment is to be made again as its ConfigMap says, which only a live read tells."""
    held = (view.observed.revisions.get(revision) for revision, size in wanted_sizes(view).items() if size)
    return any(live and live.config_uid and not live.deployment_uid and live.document is None for live in held)


def wanted_sizes(view: View) -> dict[str, int]:
    """Pods of each revision that should have some; of all others none."""
    rollout, status = view.rollout, view.status
    sizes: dict[str, int] = {}
    if status.active_revision:
        sizes[status.active_revision] = _size_of_active(view)
    if rollout is None:
        return sizes
    if rollout.base_revision and view.in_progress:
        sizes[rollout.base_revision] = view.full_size
    if _draining(view) and view.blue:
        sizes[rollout.base_revision] = view.blue.replicas
    on_trial = view.in_progress and rollout.phase is not Phase.VALIDATING
    if rollout.phase is Phase.ROLLING_BACK or view.stranded:
        sizes[rollout.revision] = view.green.replicas if view.green else 0
    elif on_trial or (rollout.phase is Phase.FAILED and status.candidate_revision):
        sizes[rollout.revision] = view.green_size
    return sizes


def _size_of_active(view: View) -> int:
    """What serves doesn't shrink while a candidate is on trial, be it the rollout's base or not."""
    live = view.observed.revisions.get(view.status.active_revision)
    return max(view.full_size, live.replicas) if view.in_progress and live else view.full_size


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
        if size == 0 and _takes_traffic(view, live):
            continue  # traffic leaves first, whatever the status says
        if live.deployment_uid and live.replicas > size:
            yield ScaleDeployment(names.revision_object(view.observed.team.name, revision), size, live.resource_version)


def _takes_traffic(view: View, live: RevisionObserved) -> bool:
    """The active Service selects it: by name, or with all others."""
    service = view.observed.active_service
    if service is None:
        return False
    return view.selects(live.hash) or (view.selects(None) and any(pod.name in service.endpoints for pod in live.pods))


def pruning(view: View) -> Iterator[Action]:
    """Objects of revisions that nobody can go back to: those that never passed, and those beyond the limit.

    And a Deployment that somebody edited while it stood by: who goes back gets it anew, as its ConfigMap says.
    """
    retained = _retained(view)
    for revision, live in view.observed.revisions.items():
        in_use = _takes_traffic(view, live) or live.pods or (live.deployment_uid and live.replicas)
        spoilt = live.edited and live.config_uid and revision not in wanted_sizes(view)
        if in_use or (revision in retained and not spoilt):
            continue
        name = names.revision_object(view.observed.team.name, revision)
        if live.deployment_uid:
            yield DeleteObject("apps/v1", "Deployment", name, live.deployment_uid)
        if live.config_uid and revision not in retained:
            yield DeleteObject("v1", "ConfigMap", name, live.config_uid)


def _retained(view: View) -> set[str]:
    rollout, status = view.rollout, view.status
    serving = {status.active_revision, status.candidate_revision}
    if rollout and (view.in_progress or _draining(view)):
        serving |= {rollout.revision, rollout.base_revision}
    return serving | {entry.hash for entry in history.to_go_back_to(status.revisions, serving, view.settings)}
