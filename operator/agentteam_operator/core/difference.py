"""What kind of change a rollout brings: one of how pods run, or one of what they do."""

from __future__ import annotations

from agentteam_operator.api.pod import PodSettings
from agentteam_operator.api.revision import RevisionDocument
from agentteam_operator.api.spec import RevisionSpec
from agentteam_operator.api.team import TelemetrySettings
from agentteam_operator.api.workload import Resources
from agentteam_operator.core.plan.revisions import document_of
from agentteam_operator.core.view import View

_OF_PODS = (
    "labels",
    "annotations",
    "node_selector",
    "tolerations",
    "affinity",
    "topology_spread_constraints",
    "priority_class_name",
)
"""Fields of `spec.pod` that say where pods run and how they are marked, and nothing of what they answer."""


def only_operational(view: View) -> bool:
    """The target differs from what serves in nothing but resources, telemetry, labels and scheduling.

    Such a change has readiness and health as its gates: there is no other behaviour to test, or to compare. What can't
    be compared, since a document isn't there, counts as another behaviour.
    """
    active, target = view.status.active_revision, view.observed.target
    old = document_of(view, active, view.observed.revisions.get(active)) if active else None
    new = document_of(view, target, view.observed.revisions.get(target)) if target != active else None
    return old is not None and new is not None and old.image == new.image and _behaviour(old) == _behaviour(new)


def _behaviour(document: RevisionDocument) -> RevisionSpec:
    """The spec without what only tells how pods run. A restart has its own revision of one and the same behaviour."""
    untouched = {field: PodSettings.model_fields[field].get_default(call_default_factory=True) for field in _OF_PODS}
    return document.spec.model_copy(
        update={
            "resources": Resources(),
            "telemetry": TelemetrySettings(),
            "pod": document.spec.pod.model_copy(update=untouched),
        }
    )
