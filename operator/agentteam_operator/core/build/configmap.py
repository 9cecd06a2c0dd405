"""The immutable ConfigMap of one revision: its whole configuration, kept for as long as the revision."""

from __future__ import annotations

from agentteam_operator.api.revision import RevisionDocument
from agentteam_operator.core import names
from agentteam_operator.core.build import common
from agentteam_operator.core.observed import (Manifest, TeamRef)


def build(team: TeamRef, document: RevisionDocument) -> Manifest:
    """The ConfigMap `<team>-<hash>` with the document as readable YAML; it rolls back with the code."""
    name = names.revision_object(team.name, document.metadata.revision)
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": common.metadata(team, name, common.revision_labels(team, document)),
        "immutable": True,
        "data": {names.CONFIG_KEY: document.to_text()},
    }
