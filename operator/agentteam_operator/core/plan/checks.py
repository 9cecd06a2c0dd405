"""The Jobs of the present phase's checks: made once there is somebody to ask, and cleared away afterwards."""

from __future__ import annotations

from collections.abc import Iterator

from agentteam_operator.api.hooks import HookStage
from agentteam_operator.api.revision import RevisionDocument
from agentteam_operator.api.status import Phase
from agentteam_operator.core import checks, names, rounds
from agentteam_operator.core.build import checks as build
from agentteam_operator.core.decision import Action, CreateObject
from agentteam_operator.core.observed import Manifest, RevisionObserved
from agentteam_operator.core.plan.revisions import document_of
from agentteam_operator.core.view import BEFORE_TRAFFIC, View


def creations(view: View) -> Iterator[Action]:
    """Jobs that aren't there yet and can begin."""
    rollout, wanted = view.rollout, _missing(view)
    if rollout is None or not (wanted or _lacks_round(view)):
        return
    document = document_of(view, rollout.revision, view.green)
    if document is not None:
        yield from (CreateObject(_manifest(view, check, document, rollout.attempt)) for check in wanted)
        if _lacks_round(view):
            yield CreateObject(_round(view, document))


def lacks_document(view: View) -> bool:
    """A Job is to be made as the candidate's ConfigMap says, which only a live read tells."""
    green, wanted = view.green, bool(_missing(view)) or _lacks_round(view)
    return wanted and green is not None and bool(green.config_uid) and not green.document


def kept_jobs(view: View) -> set[str]:
    """Names of the Jobs that stay: those of the present phase, and those that failed while nothing newer is tried."""
    kept = checks.job_names(view, checks.wanted(view))
    kept |= {rounds.job_name(view)} if rounds.is_running(view) else set()
    if view.phase in {Phase.ROLLING_BACK, Phase.ROLLED_BACK, Phase.FAILED}:
        for name in checks.job_names(view, checks.every(view)):
            job = view.observed.jobs.get(name)
            kept |= {name} if job and job.finished and not job.succeeded else set()
        last = view.observed.jobs.get(rounds.job_name(view))
        kept |= {rounds.job_name(view)} if last and last.finished else set()  # whatever it showed, it may say why
    return kept


def _missing(view: View) -> tuple[str, ...]:
    """Before the traffic, what is asked is all that the spec wants asked, or nothing: half a test passes more."""
    if view.settings_unread and view.phase in BEFORE_TRAFFIC:
        return ()
    return tuple(check for check in checks.wanted(view) if view.job(check) is None and _can_begin(view, check))


def _can_begin(view: View, check: str) -> bool:
    """There is somebody to ask; a hook before the shift asks the preview Service."""
    hook = checks.hook_of(view, check)
    if hook is not None and hook.when is HookStage.BEFORE_SHIFT:
        return bool(view.observed.preview_endpoints)
    return bool(_addresses(view.green))


def _manifest(view: View, check: str, document: RevisionDocument, attempt: int) -> Manifest:
    settings, team = view.settings, view.observed.team
    hook = checks.hook_of(view, check)
    if hook is not None:
        domain, port = view.environment.cluster_domain, view.spec.service.port
        return build.hook(team, document, hook, cluster_domain=domain, port=port, attempt=attempt)
    if check == names.CHECK_CONVERSATIONS:
        return build.conversations(
            team,
            document,
            settings.conversations,
            timeout_seconds=settings.conversations_timeout_seconds,
            addresses=_addresses(view.green),
            control=_addresses(view.blue),
            attempt=attempt,
        )
    return build.health(team, document, settings.health, addresses=_addresses(view.green), attempt=attempt)


def _lacks_round(view: View) -> bool:
    """A round runs, and its Job isn't there, or not yet."""
    missing = rounds.is_running(view) and rounds.job_name(view) not in view.observed.jobs
    return missing and bool(rounds.addresses(view.green)) and bool(rounds.addresses(view.blue))


def _round(view: View, document: RevisionDocument) -> Manifest:
    return build.conversations(
        view.observed.team,
        document,
        rounds.wanted(view),
        timeout_seconds=view.settings.conversations_timeout_seconds,
        addresses=rounds.addresses(view.green),
        control=rounds.addresses(view.blue),
        attempt=rounds.state_of(view).begun,
        check=names.CHECK_ROUND,
    )


def _addresses(revision: RevisionObserved | None) -> list[str]:
    return sorted(pod.ip for pod in revision.ready_pods if pod.ip) if revision else []
