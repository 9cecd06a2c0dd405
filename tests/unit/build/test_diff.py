from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from agentteam_operator.core import names
from agentteam_operator.core.build import service
from agentteam_operator.core.build.diff import differs
from agentteam_operator.core.observed import (Manifest)

from tests.unit.build.teams import TEAM, spec_of

Change = Callable[[dict[str, Any]], object]


def desired() -> Manifest:
    spec = spec_of(service={"annotations": {"example.com/a": "1"}})
    return service.build(TEAM, spec, selector=names.server_selector("chat", "0123456789"))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(lambda _: None, False, id="as-built"),
        pytest.param(lambda live: live["spec"].update(clusterIP="10.0.0.1"), False, id="field-of-the-server"),
        pytest.param(lambda live: live["spec"].pop("publishNotReadyAddresses"), False, id="false-is-left-out"),
        pytest.param(lambda live: live["metadata"]["labels"].update(other="x"), False, id="label-of-others"),
        pytest.param(
            lambda live: live["spec"]["ports"].append({"name": "more", "port": 9999}), False, id="port-of-others"
        ),
        pytest.param(lambda live: live["spec"]["selector"].update(extra="x"), True, id="selector-narrowed"),
        pytest.param(lambda live: live["spec"]["selector"].popitem(), True, id="selector-widened"),
        pytest.param(lambda live: live["spec"].update(selector={}), True, id="selector-emptied"),
        pytest.param(lambda live: live["spec"].pop("selector"), True, id="selector-gone"),
        pytest.param(lambda live: live["spec"]["ports"][0].update(port=81), True, id="port-changed"),
        pytest.param(lambda live: live["spec"].update(type="NodePort"), True, id="type-changed"),
        pytest.param(lambda live: live["metadata"]["labels"].popitem(), True, id="label-gone"),
        pytest.param(
            lambda live: live["metadata"]["annotations"].update({"example.com/a": "2"}), True, id="annotation-changed"
        ),
        pytest.param(
            lambda live: live["metadata"]["annotations"].update({names.ANNOTATION_MANIFEST_HASH: "x"}),
            True,
            id="built-otherwise",
        ),
        pytest.param(lambda live: live["metadata"].pop("annotations"), True, id="never-applied"),
    ],
)
def test_differs(change: Change, *, expected: bool) -> None:
    live = copy.deepcopy(dict(desired()))
    change(live)
    assert differs(desired(), live) is expected


def test_a_field_that_is_no_longer_set_shows_in_the_hash() -> None:
    before = desired()
    after = service.build(TEAM, spec_of(), selector=names.server_selector("chat", "0123456789"))
    assert differs(after, before)
