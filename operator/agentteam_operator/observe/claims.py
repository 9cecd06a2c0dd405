"""What a team lays claim to: the labels by which its objects are found, and the names that it uses."""

from __future__ import annotations

from agentteam_operator.api.spec import AgentTeamSpec
from agentteam_operator.api.status import AgentTeamStatus
from agentteam_operator.core import names
from agentteam_operator.kube.resources import POD, Resource

ObjectKey = tuple[str, str]
"""Kind and name of an object in the team's namespace."""


def label_selector(resource: Resource, team: str = "") -> str:
    """Of one team's objects of a kind, or of all teams'.

    Pods are found by what the Services select them by, nothing more: a pod that gets traffic has to be seen, whoever
    made it. All else is made by the operator, and says so.
    """
    whose = f"{names.LABEL_TEAM}={team}" if team else names.LABEL_TEAM
    if resource == POD:
        return f"{whose},{names.LABEL_ROLE} in ({names.ROLE_PROBE},{names.ROLE_SERVER})"
    return f"{whose},{names.LABEL_MANAGED_BY}={names.MANAGED_BY}"


def fixed_names(team: str, spec: AgentTeamSpec, target: str) -> frozenset[ObjectKey]:
    """(kind, name) of all that a rollout of this spec will make, whatever comes of it."""
    revision = names.revision_object(team, target)
    wanted = {
        ("ConfigMap", revision),
        ("Deployment", revision),
        ("Service", names.active_service(team)),
        ("Service", names.preview_service(team)),
    }
    if not spec.pod.service_account_name:
        wanted.add(("ServiceAccount", team))
    if spec.ingress:
        wanted.add(("Ingress", team))
    return frozenset(wanted)


def claimed_names(team: str, spec: AgentTeamSpec, target: str, status: AgentTeamStatus) -> frozenset[ObjectKey]:
    """(kind, name) of all that this team uses now or may come to use in the rollout that the spec asks for.

    An object of another name that merely bears the team's labels is in nobody's way.
    """
    rollout = status.rollout
    revisions = {target, status.active_revision, status.stable_revision, status.candidate_revision}
    claimed = set(fixed_names(team, spec, target))
    if rollout is not None:
        revisions |= {rollout.revision, rollout.base_revision}
        claimed |= {("Job", names.check_job(team, rollout.revision, check, rollout.attempt)) for check in _checks(spec)}
    kinds = ["ConfigMap", "Deployment", "PodDisruptionBudget"]
    if spec.autoscaling:
        kinds.append("HorizontalPodAutoscaler")
    claimed |= {(kind, names.revision_object(team, revision)) for revision in revisions - {""} for kind in kinds}
    claimed |= {("Service", names.active_service(team)), ("Service", names.preview_service(team))}
    claimed |= {("Job", names.check_job(team, target, check)) for check in _checks(spec)} | {("PodMonitor", team)}
    return frozenset(claimed)


def _checks(spec: AgentTeamSpec) -> list[str]:
    hooks = (names.hook_check(hook.name) for hook in spec.rollout.hooks)
    return [names.CHECK_HEALTH, names.CHECK_CONVERSATIONS, *hooks]
