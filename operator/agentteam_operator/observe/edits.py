"""Whether somebody edited the pod template of a Deployment, which the operator writes once and never again.

The Deployment's revision number grows with each change of its template, and never by scaling; `managedFields` tell who
wrote what. Annotations are no edit: `kubectl rollout restart` writes one, and the pods stay what they are. What was
only taken out of the template is nobody's field, and isn't seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentteam_operator.core import names

ANNOTATION_REVISION = "deployment.kubernetes.io/revision"


def is_edited(deployment: Mapping[str, Any]) -> bool:
    """Somebody else wrote a field of the template other than its annotations. Takes the whole object, untrimmed."""
    metadata = deployment.get("metadata", {})
    if (metadata.get("annotations") or {}).get(ANNOTATION_REVISION, "1") == "1":
        return False
    return any(_wrote_template(entry) for entry in metadata.get("managedFields") or [])


def _wrote_template(entry: Mapping[str, Any]) -> bool:
    if entry.get("manager") == names.FIELD_MANAGER:
        return False
    template = entry.get("fieldsV1", {}).get("f:spec", {}).get("f:template", {})
    return "f:spec" in template or any(key != "f:annotations" for key in template.get("f:metadata", {}))
