"""Revision identity: what makes a revision, its hash, and the document that its pods read.

The hash covers what the user wrote that differs from a default. A new field with a default, a default that the API
server fills in, or a new operator that builds pods another way leaves it as it is; so does everything that changes in
place. A default therefore never changes within an API version: its meaning is part of every hash.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Annotated, Literal, Self

import yaml
from pydantic import Field

from agentteam_operator.api.base import ApiModel
from agentteam_operator.api.resource import API_VERSION
from agentteam_operator.api.spec import RevisionSpec

HASH_LENGTH = 10

EXIT_CONFIG = 78
"""The agent server's exit status for a revision that can't be served, however often it is tried.

EX_CONFIG of BSD's sysexits.h. A revision is given up at its first pod that ends so.
"""

_LINE_BREAKS_THAT_YAML_CHANGES = re.compile("[\\r\\x85\\u2028\\u2029]")


class _ReadableDumper(yaml.SafeDumper):
    """Writes texts of several lines as such, where YAML allows it, and nothing by reference."""

    def ignore_aliases(self, _data: object) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    if _LINE_BREAKS_THAT_YAML_CHANGES.search(text):
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_ReadableDumper.add_representer(str, _represent_text)


class RevisionMetadata(ApiModel):
    """Whose revision it is, and who wrote it down."""

    name: str
    """Name of the team."""
    namespace: str
    """Namespace of the team."""
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{10}$")]
    """The revision's hash."""
    builder_version: str
    """Version of the operator that wrote the document."""
    restart: str | None = None
    """What tells it from other revisions of the same spec; only there when a person had it made anew."""


class RevisionDocument(ApiModel):
    """One revision with every default filled in: what the agent server reads, kept for as long as the revision."""

    api_version: Literal["agentteam.dev/v1alpha1"] = API_VERSION
    """Version of the API that it was written by."""
    kind: Literal["AgentTeamRevision"] = "AgentTeamRevision"
    """Kind of the document; it is the text of a ConfigMap's key, not an object of the API server."""
    metadata: RevisionMetadata
    """Whose revision it is."""
    image: str
    """Image of the agent server as it was resolved."""
    spec: RevisionSpec
    """What decides how the team behaves, defaults filled in."""

    @classmethod
    def parse(cls, document: object) -> Self:
        """The document of its YAML text, or of a plain JSON-like value.

        Fields that aren't known are passed over, unlike in a manifest: a newer operator writes the defaults of its own
        fields, too, and an agent image or an operator that is older must still be able to serve the revision.

        Raises:
            yaml.YAMLError: if the text is no YAML.
            pydantic.ValidationError: with every problem, each located by field names.
        """
        value = yaml.safe_load(document) if isinstance(document, str) else document
        return cls.model_validate_json(json.dumps(value, default=str), strict=True, extra="ignore")

    def to_text(self) -> str:
        """The document as YAML, in the order of the models: the same text for the same revision, always."""
        return yaml.dump(self.to_document(), Dumper=_ReadableDumper, sort_keys=False, allow_unicode=True, width=120)


def revision_hash(spec: RevisionSpec) -> str:
    """The revision's identity: 10 hexadecimal digits of SHA-256 over canonical JSON of what differs from a default."""
    written = spec.model_dump(mode="json", by_alias=True, exclude_defaults=True, include=set(RevisionSpec.model_fields))
    canonical = json.dumps(written, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:HASH_LENGTH]


def restarted_hash(spec_hash: str, nonce: str) -> str:
    """The identity of what a person had made anew of the same spec: a revision of its own, with gates of its own."""
    return hashlib.sha256(f"{spec_hash}/{nonce}".encode()).hexdigest()[:HASH_LENGTH] if nonce else spec_hash


def identity(document: RevisionDocument) -> str:
    """The hash that a document's revision must have."""
    return restarted_hash(revision_hash(document.spec), document.metadata.restart or "")


def revision_document(
    spec: RevisionSpec, *, name: str, namespace: str, default_image: str, builder_version: str, restart: str = ""
) -> RevisionDocument:
    """The document of a revision. An empty `spec.image` is resolved to `default_image`, now and for good."""
    return RevisionDocument(
        metadata=RevisionMetadata(
            name=name,
            namespace=namespace,
            revision=restarted_hash(revision_hash(spec), restart),
            builder_version=builder_version,
            restart=restart or None,
        ),
        image=spec.image or default_image,
        spec=_revision_part(spec),
    )


def _revision_part(spec: RevisionSpec) -> RevisionSpec:
    return RevisionSpec.model_construct(**{field: getattr(spec, field) for field in RevisionSpec.model_fields})
