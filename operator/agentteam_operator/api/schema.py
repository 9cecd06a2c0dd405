"""From pydantic models to the structural schema that Kubernetes wants.

A structural schema (https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/)
has one type a value, no references, no alternatives for optional fields, and OpenAPI v3.0's spelling of bounds.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from agentteam_operator.api.base import ApiModel, Rule

Schema = dict[str, Any]

_UNWANTED = frozenset({"title", "default", "const", "propertyNames", "$ref", "$defs", "anyOf", "additionalProperties"})
_LONGEST_SHOWN_DEFAULT = 40
_FORMATS = {"integer": "int64", "number": "double"}


def structural_schema(model: type[BaseModel]) -> Schema:
    """The structural schema of a model: every field with its description, bounds, default and rules."""
    document = model.model_json_schema(by_alias=True, mode="validation")
    schema = _structural(document, document.get("$defs", {}))
    _add_what_models_know(schema, model)
    return schema


def _structural(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> Schema:
    """One node without references, alternatives and names of Python's."""
    node = _resolved(node, definitions)
    schema: Schema = {key: value for key, value in node.items() if key not in _UNWANTED}
    if "const" in node:
        schema["enum"] = [node["const"]]
    for bound, name in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if bound in schema:
            schema |= {name: schema[bound], bound: True}
    if schema.get("type") in _FORMATS:
        schema.setdefault("format", _FORMATS[schema["type"]])
    if "description" in schema:
        schema["description"] = " ".join(schema["description"].split())
    if "properties" in node:
        schema["properties"] = {name: _structural(value, definitions) for name, value in node["properties"].items()}
    if "items" in node:
        schema["items"] = _structural(node["items"], definitions)
    if isinstance(node.get("additionalProperties"), Mapping):
        schema["additionalProperties"] = _structural(node["additionalProperties"], definitions)
    elif "patternProperties" in schema:
        [(pattern, value)] = schema.pop("patternProperties").items()
        schema["additionalProperties"] = _structural(value, definitions)
        schema["x-kubernetes-validations"] = [_rule_of_keys(pattern, node["propertyNames"])]
    return schema


def _rule_of_keys(pattern: str, bounds: Mapping[str, int]) -> Schema:
    """What a map's keys must be, as CEL: a structural schema says nothing of keys. Length first: it bounds the cost."""
    least, most = bounds["minLength"], bounds["maxLength"]
    return {
        "rule": f"self.all(k, k.size() >= {least} && k.size() <= {most} && k.matches(r'{pattern}'))",
        "message": f"each key must have {least} to {most} characters and match {pattern}: correct or remove the others",
    }


def _resolved(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """The node that a reference or an optional field stands for, with what is said at the place of use on top."""
    merged = dict(node)
    while "$ref" in merged or "anyOf" in merged:
        if "$ref" in merged:
            target = definitions[merged.pop("$ref").removeprefix("#/$defs/")]
        else:
            (target,) = (option for option in merged.pop("anyOf") if option.get("type") != "null")
        merged = {**target, **merged}
    return merged


def _add_what_models_know(schema: Schema, model: type[BaseModel]) -> None:
    """Rules, and the defaults of what people write; what the operator writes is complete by itself."""
    if issubclass(model, ApiModel) and model.rules:
        schema["x-kubernetes-validations"] = [_validation(rule) for rule in model.rules]
    for name, field in model.model_fields.items():
        property_schema = schema["properties"][field.alias or name]
        default = _default_of(field) if issubclass(model, ApiModel) else None
        if default is not None:
            property_schema |= {"default": default, "description": _with_default(property_schema, default)}
        inner = _inner_model(field.annotation)
        if inner is not None:
            _add_what_models_know(property_schema.get("items", property_schema), inner)


def _validation(rule: Rule) -> Schema:
    validation = {"rule": rule.expression, "message": rule.message}
    if rule.message_expression:
        validation["messageExpression"] = rule.message_expression
    if rule.field_path:
        validation["fieldPath"] = rule.field_path
    return validation


def _default_of(field: FieldInfo) -> Any:  # noqa: ANN401 - any JSON value
    """The default that the API server fills in: `{}` for an object, whose own fields it then fills in, as they say."""
    if field.is_required() or field.default_factory is not None:
        return None
    if isinstance(field.default, BaseModel):
        return field.default.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return to_jsonable_python(field.default, by_alias=True, exclude_none=True)


def _with_default(schema: Schema, default: object) -> str:
    """The description with the default at its end, since `kubectl explain` doesn't show defaults by itself."""
    description: str = schema["description"]
    shown = str(default).lower() if isinstance(default, bool) else str(default)
    is_shown = not isinstance(default, dict | list) and 0 < len(shown) <= _LONGEST_SHOWN_DEFAULT
    return f"{description} Default: {shown}" if is_shown else description


def _inner_model(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - annotations are of any kind
    """The model that a field holds, directly, optionally or as a list's entries."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (Union, types.UnionType, tuple, list):
        return next((inner for arg in get_args(annotation) if (inner := _inner_model(arg)) is not None), None)
    return None
