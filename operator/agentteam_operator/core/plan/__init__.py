"""From a status to actions: which objects should exist, with which sizes and which traffic, and what differs.

Derived from the status and the observation alone, so that the same state gives the same actions however it came about.
At most one action a tick is irreversible (traffic, scaling down, deleting a revision's objects), and it is only carried
out on a live read. Traffic comes first: nothing that the API server refuses may keep requests on a bad revision.
"""

from __future__ import annotations

from dataclasses import dataclass

from agentteam_operator.core.decision import Action
from agentteam_operator.core.plan import checks, children, events, notices, revisions
from agentteam_operator.core.view import View


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do in this tick."""

    actions: tuple[Action, ...]
    needs_live_read: bool
    """One of them can't be taken back, or rests on a document that only a live read brings."""
    more: bool
    """Others wait for the next tick."""


def actions_while_suspended(view: View) -> tuple[Action, ...]:
    """Nothing is done to a suspended team. What people were to be told before, they are told; an alert stays one."""
    return tuple(notices.for_notifiers(view))


def actions(view: View) -> Plan:
    """What brings the cluster to where the status wants it."""
    safe: list[Action] = [
        *children.service_account(view),
        *revisions.creations(view),
        *revisions.scaling_up(view),
        *children.in_place(view),
        *checks.creations(view),
        *children.obsolete(view),
    ]
    traffic = list(children.traffic(view))
    later = [*revisions.scaling_down(view), *revisions.pruning(view)]
    now = [] if traffic else later[:1]
    return Plan(
        actions=(*traffic, *safe, *now, *events.recent(view), *notices.actions(view)),
        needs_live_read=bool(traffic or now) or revisions.lacks_document(view) or checks.lacks_document(view),
        more=len(later) > len(now),
    )
