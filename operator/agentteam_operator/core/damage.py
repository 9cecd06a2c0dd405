"""What was done by hand to the objects of a revision that serves, and that only a person can mend."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from agentteam_operator.core import names
from agentteam_operator.core.gates import Finding
from agentteam_operator.core.plan.revisions import document_of
from agentteam_operator.core.view import View, stuck_words


def of_serving(view: View) -> Finding | None:
    """The first thing that is wrong, with what to do about it: what can't start again comes before what runs astray."""
    return next(chain(_lost(view), _edited(view)), None)


def _serving(view: View) -> list[str]:
    """Revisions that traffic is meant for, or may go back to at once."""
    base = view.rollout.base_revision if view.rollout and view.in_progress else ""
    return [revision for revision in dict.fromkeys((view.status.active_revision, base)) if revision]


def _lost(view: View) -> Iterator[Finding]:
    """A ConfigMap that is gone, and that nobody knows any more while the spec asks for something else."""
    for revision in _serving(view):
        live = view.observed.revisions.get(revision)
        if (live and live.config_uid) or document_of(view, revision, live) is not None:
            continue
        what = "ConfigMap" if live and live.deployment_uid else "Deployment and ConfigMap"
        said = f"{what} {names.revision_object(view.observed.team.name, revision)} of the serving revision"
        said += " are gone" if live is None else " is gone"
        yield Finding("ConfigMapGone", f"{said}: its pods can't start again. Apply {_its_spec(view, revision)}")


def _edited(view: View) -> Iterator[Finding]:
    """A Deployment whose pods aren't what passed the gates, or won't be once they are replaced."""
    for revision in _serving(view):
        live = view.observed.revisions.get(revision)
        if live is None or not live.edited:
            continue
        name = names.revision_object(view.observed.team.name, revision)
        why = stuck_words(live)
        said = f"the pod template of Deployment {name} was edited" + (f" ({why})" if why else "")
        command = f"kubectl -n {view.observed.team.namespace} delete deployment {name} --cascade=orphan"
        mend = f"{command} has it made anew; its pods serve on until the new ones are ready"
        yield Finding("DeploymentEdited", f"{said}. {mend}")


def _its_spec(view: View, revision: str) -> str:
    """What brings the ConfigMap back: the very spec that it was made from; or else what replaces it."""
    version = next((known.version for known in view.status.revisions if known.hash == revision), "")
    named = f"the spec of version {version}" if version else f"the spec that {revision} was made from"
    return f"{named} again, or another one that works"
