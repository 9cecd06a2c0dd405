"""The schema of `spec.pod.affinity`: Kubernetes' own, told to the API server, which refuses and prunes by it.

Left open, it would take objects of any depth: deep enough, no reader of JSON gets through the list of all teams.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

_MOST = 100
"""Entries of each list."""


def _described(schema: Schema) -> Schema:
    return {**schema, "description": "As in a pod's spec: see kubectl explain pod.spec.affinity."}


def _text(most: int = 317) -> Schema:
    return _described({"type": "string", "maxLength": most})


def _choice(*values: str) -> Schema:
    return _described({"type": "string", "enum": list(values)})


def _list(items: Schema) -> Schema:
    return _described({"type": "array", "items": items, "maxItems": _MOST, "x-kubernetes-list-type": "atomic"})


def _object(*required: str, **properties: Schema) -> Schema:
    schema = _described({"type": "object", "properties": properties})
    return {**schema, "required": list(required)} if required else schema


_SET_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")
_WEIGHT = _described({"type": "integer", "minimum": 1, "maximum": 100})


def _expressions(*operators: str) -> Schema:
    return _list(_object("key", "operator", key=_text(), operator=_choice(*operators), values=_list(_text())))


_LABELS = _described({"type": "object", "additionalProperties": _text(63), "maxProperties": _MOST})
_SELECTOR = _object(matchLabels=_LABELS, matchExpressions=_expressions(*_SET_OPERATORS))
_NODES = _object(
    matchExpressions=_expressions(*_SET_OPERATORS, "Gt", "Lt"),
    matchFields=_expressions(*_SET_OPERATORS, "Gt", "Lt"),
)
_PODS = _object(
    "topologyKey",
    topologyKey=_text(),
    labelSelector=_SELECTOR,
    namespaceSelector=_SELECTOR,
    namespaces=_list(_text(63)),
    matchLabelKeys=_list(_text()),
    mismatchLabelKeys=_list(_text()),
)
_BY_PODS = _object(
    requiredDuringSchedulingIgnoredDuringExecution=_list(_PODS),
    preferredDuringSchedulingIgnoredDuringExecution=_list(
        _object("weight", "podAffinityTerm", weight=_WEIGHT, podAffinityTerm=_PODS)
    ),
)
_BY_NODES = _object(
    requiredDuringSchedulingIgnoredDuringExecution=_object("nodeSelectorTerms", nodeSelectorTerms=_list(_NODES)),
    preferredDuringSchedulingIgnoredDuringExecution=_list(
        _object("weight", "preference", weight=_WEIGHT, preference=_NODES)
    ),
)

AFFINITY: Schema = {
    "type": "object",
    "properties": {"nodeAffinity": _BY_NODES, "podAffinity": _BY_PODS, "podAntiAffinity": _BY_PODS},
}
