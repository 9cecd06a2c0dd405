"""Who edited a Deployment's pod template: `managedFields` as a real API server writes them."""

from __future__ import annotations

from typing import Any

import pytest
from agentteam_operator.core import names
from agentteam_operator.kube import resources
from agentteam_operator.observe.edits import ANNOTATION_REVISION, is_edited
from agentteam_operator.observe.trim import EDITED, trim

from tests.unit.runtime import objects

JsonObject = dict[str, Any]

MADE: JsonObject = {
    "manager": names.FIELD_MANAGER,
    "operation": "Update",
    "fieldsV1": {"f:spec": {"f:template": {"f:spec": {"f:containers": {}}, "f:metadata": {"f:labels": {}}}}},
}
SCALED: JsonObject = {"manager": "kubectl", "subresource": "scale", "fieldsV1": {"f:spec": {"f:replicas": {}}}}
OBSERVED: JsonObject = {"manager": "kube-controller-manager", "subresource": "status", "fieldsV1": {"f:status": {}}}
RESTARTED: JsonObject = {
    "manager": "kubectl-rollout",
    "fieldsV1": {
        "f:spec": {"f:template": {"f:metadata": {"f:annotations": {"f:kubectl.kubernetes.io/restartedAt": {}}}}}
    },
}
IMAGE_SET: JsonObject = {
    "manager": "kubectl-set",
    "fieldsV1": {
        "f:spec": {"f:template": {"f:spec": {"f:containers": {'k:{"name":"agent"}': {"f:image": {}}}}}},
    },
}
LABELLED: JsonObject = {
    "manager": "kubectl-edit",
    "fieldsV1": {"f:spec": {"f:template": {"f:metadata": {"f:labels": {"f:team": {}}}}}},
}


def deployment(revision: str, *managers: JsonObject) -> JsonObject:
    annotations = {ANNOTATION_REVISION: revision}
    return objects.deployment(annotations=annotations, managedFields=[MADE, OBSERVED, *managers])


@pytest.mark.parametrize(
    ("revision", "managers", "edited"),
    [
        pytest.param("1", [], False, id="as-made"),
        pytest.param("1", [SCALED], False, id="scaled"),
        pytest.param("2", [RESTARTED], False, id="restarted"),
        pytest.param("2", [IMAGE_SET], True, id="another-image"),
        pytest.param("3", [RESTARTED, IMAGE_SET], True, id="restarted-and-edited"),
        pytest.param("2", [LABELLED], True, id="labelled"),
        pytest.param("5", [], False, id="made-anew-beside-its-old-replica-sets"),
        pytest.param("1", [IMAGE_SET], False, id="the-same-image-applied"),
    ],
)
def test_edits_are_told_from_all_else(revision: str, managers: list[JsonObject], *, edited: bool) -> None:
    item = deployment(revision, *managers)
    assert is_edited(item) is edited
    assert trim(resources.DEPLOYMENT, item)[EDITED] is edited
