"""Objects that come, change and go with the phases: Services, autoscalers, budgets, Ingress, PodMonitor."""

from __future__ import annotations

from collections.abc import Iterator

from agentteam_operator.api.status import Phase
from agentteam_operator.core import names
from agentteam_operator.core.build import diff, hpa, ingress, pdb, podmonitor, service, serviceaccount
from agentteam_operator.core.decision import Action, ApplyObject, CreateObject, DeleteObject
from agentteam_operator.core.observed import Manifest
from agentteam_operator.core.plan import checks
from agentteam_operator.core.plan.revisions import wanted_sizes
from agentteam_operator.core.view import JUDGED, View

_BOTH_SERVE = frozenset({Phase.SHIFTING, Phase.WATCHING, Phase.AWAITING_PROMOTION, Phase.SWITCHING})
_PREVIEWED = frozenset({Phase.TESTING, Phase.HEALTH_CHECKING}) | _BOTH_SERVE


def service_account(view: View) -> Iterator[Action]:
    """The pods' account, before the pods."""
    if wanted_sizes(view) and not view.spec.pod.service_account_name:
        yield from _apply_if_different(view, serviceaccount.build(view.observed.team))


def traffic_selector(view: View) -> dict[str, str] | None:
    """Whose pods the active Service should select; None before the first revision serves.

    Both colours are selected while the shift goes on. On the way back the candidate is kept in only while none of the
    old revision's pods is ready and some of its are: a Service without any endpoint helps nobody. While a pod of
    neither could slip in, one colour is selected alone: the old one, unless only the candidate answers.
    """
    team = view.observed.team.name
    active = view.status.active_revision
    if not active:
        return None
    both = view.gradual and view.phase in _BOTH_SERVE and not view.awaits_first_traffic
    shared = view.stranded or (both and not view.committed)
    if shared and not view.stray_pods:
        return names.server_selector(team)
    if shared and view.rollout and view.only_green_answers:
        return names.server_selector(team, view.rollout.revision)
    return names.server_selector(team, active)


def traffic(view: View) -> Iterator[Action]:
    """The active Service when its selector changes."""
    selector = traffic_selector(view)
    live = view.observed.active_service
    if selector is None or live is None or dict(live.selector) == selector:
        return
    manifest = service.build(view.observed.team, view.spec, selector=selector)
    if _ours(view, manifest):
        yield ApplyObject(manifest, live.resource_version)


def in_place(view: View) -> Iterator[Action]:
    """What may change in place, applied where the live object differs."""
    for manifest in _manifests(view):
        yield from _apply_if_different(view, manifest)


def _manifests(view: View) -> Iterator[Manifest]:
    team, spec = view.observed.team, view.spec
    selector = traffic_selector(view)
    live = view.observed.active_service
    if selector and (live is None or dict(live.selector) == selector):
        yield service.build(team, spec, selector=selector)
    if _has_preview(view) and view.rollout:
        yield service.build(team, spec, selector=names.server_selector(team.name, view.rollout.revision), preview=True)
    for revision, frozen in _autoscaled(view).items():
        size = view.observed.revisions[revision].replicas
        if spec.autoscaling and size:
            yield hpa.build(team, revision, spec.autoscaling, frozen=frozen, current=size)
    for revision in _guarded(view):
        yield pdb.build(team, revision, spec)
    if view.status.active_revision and spec.ingress:
        yield ingress.build(team, spec.ingress)
    if view.status.active_revision and view.environment.pod_monitors_available:
        yield podmonitor.build(team, interval_seconds=view.settings.analysis.interval_seconds)


def _has_preview(view: View) -> bool:
    """The preview Service exists only while there is something ready behind it, and it isn't the active one's twin."""
    return view.phase in _PREVIEWED and not view.committed and bool(view.green and view.green.ready_pods)


def _autoscaled(view: View) -> dict[str, bool]:
    """Revisions with an autoscaler, and whether it is frozen: nothing shrinks while a candidate is on trial."""
    if not view.spec.autoscaling:
        return {}
    wanted: dict[str, bool] = {}
    if view.active:
        wanted[view.active.hash] = view.in_progress
    if view.in_progress and view.blue:
        wanted[view.blue.hash] = True
    if view.phase is Phase.SWITCHING and view.green and view.green.deployment_uid:
        wanted[view.green.hash] = True
    return wanted


def _guarded(view: View) -> list[str]:
    """Revisions with a disruption budget: those that serve with more than one pod."""
    serving = [view.active, view.blue if view.in_progress else None]
    if view.phase in JUDGED:
        serving.append(view.green)
    return sorted({revision.hash for revision in serving if revision and revision.replicas > 1})


def _apply_if_different(view: View, manifest: Manifest) -> Iterator[Action]:
    """Create what is missing, apply what differs, and leave alone what belongs to somebody else."""
    if not _ours(view, manifest):
        return
    live = view.observed.children.get((manifest["kind"], manifest["metadata"]["name"]))
    if live is None:
        yield CreateObject(manifest)
    elif diff.differs(manifest, live):
        yield ApplyObject(manifest, live.get("metadata", {}).get("resourceVersion", ""))


def _ours(view: View, manifest: Manifest) -> bool:
    """Nobody else's object bears the name, nor one that is about to go."""
    return (manifest["kind"], manifest["metadata"]["name"]) not in view.observed.foreign | view.observed.former


_API_VERSIONS = {
    "Service": "v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "PodDisruptionBudget": "policy/v1",
    "Ingress": "networking.k8s.io/v1",
    "PodMonitor": "monitoring.coreos.com/v1",
    "Job": "batch/v1",
}
"""Kinds that come and go with the phases; what belongs to a revision is pruned with it."""

_FIELDS = {"HorizontalPodAutoscaler": "autoscaling", "Ingress": "ingress"}
"""Fields of the spec whose absence means that there is none: which nobody knows of a field that can't be read."""


def obsolete(view: View) -> Iterator[Action]:
    """What this team made in place and no longer wants. The active Service stays for as long as the team does."""
    wanted = {(manifest["kind"], manifest["metadata"]["name"]) for manifest in _manifests(view)}
    wanted.add(("Service", names.active_service(view.observed.team.name)))
    wanted |= {("Job", name) for name in checks.kept_jobs(view)}
    for key, live in sorted(view.observed.children.items()):
        kind, name = key
        if key in wanted or kind not in _API_VERSIONS or _FIELDS.get(kind) in view.observed.unread:
            continue
        yield DeleteObject(_API_VERSIONS[kind], kind, name, live.get("metadata", {}).get("uid", ""))
