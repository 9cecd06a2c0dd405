"""What a revision is called: by the `spec.version` that it was made from, whatever the spec asks for now."""

from __future__ import annotations

from agentteam_operator.core.view import View


def named(view: View, revision: str) -> str:
    """A revision as people know it, by its version if it has one; its hash tells it from others of that version."""
    version = version_of(view, revision)
    return f"version {version} ({revision})" if version else f"revision {revision}"


def version_of(view: View, revision: str) -> str:
    """`spec.version` of a revision, as far as the spec, the history or its Deployment knows it; empty if none does."""
    if _is_the_specs(view, revision):
        return view.spec.version
    recorded = next((known.version for known in view.status.revisions if known.hash == revision), "")
    live = view.observed.revisions.get(revision)
    return recorded or (live.version if live else "")


def _is_the_specs(view: View, revision: str) -> bool:
    """The spec makes it, as it is or restarted. What is ordered to serve instead is of another spec."""
    asked, restarted = view.observed.spec_target, view.status.restarted
    again = restarted is not None and restarted.of == asked and restarted.revision == revision
    return revision == asked or again
