"""The operator's settings: read once from the environment, checked, and never changed."""

from __future__ import annotations

import socket
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

DEFAULT_AGENT_IMAGE = "agentteam/agentteam-agent:0.1.0"


class InvalidSettingsError(Exception):
    """The environment can't be used; one line for each variable, with its value and the mend."""


class LogFormat(StrEnum):
    """How log lines are written."""

    JSON = "json"
    TEXT = "text"


class LogLevel(StrEnum):
    """Least important log lines that are written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Settings(BaseSettings):
    """Each field is the environment variable of its name in capitals. An empty variable counts as not set."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, use_attribute_docstrings=True, extra="ignore")

    agent_image: Annotated[str, Field(min_length=1)] = DEFAULT_AGENT_IMAGE
    """the image that teams without spec.image run"""
    watch_namespaces: Annotated[tuple[str, ...], NoDecode] = ()
    """namespaces to serve, separated by commas; empty for all"""
    cluster_domain: Annotated[str, Field(min_length=1, max_length=253)] = "cluster.local"
    """the cluster's DNS domain, such as cluster.local"""
    resync_seconds: Annotated[float, Field(gt=0)] = 600.0
    """seconds between two full looks at all teams, such as 600"""

    log_level: LogLevel = LogLevel.INFO
    """debug, info, warning or error"""
    log_format: LogFormat = LogFormat.JSON
    """json or text"""
    health_port: Annotated[int, Field(ge=0, le=65_535)] = 8080
    """a port number for /livez and /readyz, such as 8080"""
    metrics_port: Annotated[int, Field(ge=0, le=65_535)] = 9090
    """a port number for /metrics, such as 9090"""

    prometheus_url: Annotated[str, Field(pattern=r"^(https?://[^\s]+)?$")] = ""
    """the address of Prometheus, such as http://prometheus.monitoring:9090; empty for none"""
    prometheus_bearer_token_file: Path | None = None
    """a file with the bearer token for Prometheus"""
    prometheus_ca_file: Path | None = None
    """a file with the authority of Prometheus' certificate"""
    prometheus_tenant: str = ""
    """the tenant, sent as X-Scope-OrgID; empty for none"""
    prometheus_timeout_seconds: Annotated[float, Field(gt=0, le=120)] = 10.0
    """longest time for one query in seconds, such as 10"""

    notifiers_file: Path | None = None
    """a YAML file with the notifiers that teams may name, as docs/incidents.md has it"""

    leader_election: bool = True
    """true (of several replicas one acts) or false (there is only one)"""
    lease_name: Annotated[str, Field(min_length=1, max_length=253)] = "agentteam-operator"
    """the name of the Lease that keeps a second replica from acting"""
    lease_namespace: str = ""
    """the namespace of that Lease; empty for POD_NAMESPACE"""
    lease_duration_seconds: Annotated[float, Field(ge=1)] = 15.0
    """seconds after which others may take a lease that isn't renewed, such as 15"""
    lease_renew_deadline_seconds: Annotated[float, Field(gt=0)] = 10.0
    """seconds after which the holder stops acting when it can't renew, less than LEASE_DURATION_SECONDS"""
    lease_retry_seconds: Annotated[float, Field(gt=0)] = 2.0
    """seconds between two tries to get or renew the lease, less than LEASE_RENEW_DEADLINE_SECONDS"""
    pod_name: str = Field(default_factory=socket.gethostname)
    """the name of the operator's pod, by which it holds the lease: a restarted container goes on at once"""
    pod_namespace: str = ""
    """the namespace of the operator's pod"""

    @field_validator("watch_namespaces", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.lease_retry_seconds < self.lease_renew_deadline_seconds < self.lease_duration_seconds:
            raise ValueError(
                f"LEASE_RETRY_SECONDS ({self.lease_retry_seconds:g}) must be less than LEASE_RENEW_DEADLINE_SECONDS "
                f"({self.lease_renew_deadline_seconds:g}), and that less than LEASE_DURATION_SECONDS "
                f"({self.lease_duration_seconds:g}): leave all three out for 2, 10 and 15"
            )
        return self


def load_settings() -> Settings:
    """The settings of this process.

    Raises:
        InvalidSettingsError: naming each variable that can't be used.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise InvalidSettingsError("\n".join(_line(details["loc"], details) for details in error.errors())) from error


def _line(location: tuple[int | str, ...], details: object) -> str:
    fields = details if isinstance(details, dict) else {}
    if not location:
        return str(fields.get("ctx", {}).get("error", fields.get("msg", "")))
    name = str(location[0])
    mend = Settings.model_fields[name].description or "another value"
    return f"{name.upper()} is {fields.get('input')!r}: {fields.get('msg')}; set it to {mend}"
