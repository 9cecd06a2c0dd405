"""Settings of the process, from environment variables with the prefix AUTOGEN_. What the team's spec says, wins."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from agent_server.runtime.secrets import SECRETS_DIR


class Settings(BaseSettings):
    """Read once, at start."""

    model_config = SettingsConfigDict(env_prefix="AUTOGEN_", frozen=True, extra="ignore", use_attribute_docstrings=True)

    config: Path = Path("/etc/agentteam/app.yaml")
    """The file to serve: a revision's app.yaml, or an AgentTeam manifest."""
    revision: str = Field(default="", max_length=63)
    """Hash of the revision that this pod belongs to; the file must be of that revision."""
    secrets_dir: Path = SECRETS_DIR
    """Where Secrets are mounted, as <secret>/<key>."""
    host: str = ""
    """Address to listen on; empty means all, IPv4 and IPv6."""
    port: int = Field(default=8000, ge=0, le=65_535)
    """Port of the HTTP surfaces; 0 lets the system choose."""
    metrics_port: int = Field(default=9090, ge=0, le=65_535)
    """Port of /metrics; 0 lets the system choose."""
    max_body_bytes: int = Field(default=4 * 1024 * 1024, ge=1024)
    """Largest request body, in bytes."""
    health_timeout_seconds: float = Field(default=5, gt=0, le=60)
    """Longest time for one component's check in /health, in seconds."""
    stream_comment_seconds: float = Field(default=15, gt=0)
    """A stream on which nothing came for this long gets a comment, so that proxies keep it open; in seconds."""
    max_connection_age_seconds: float = Field(default=10, ge=0)
    """A connection older than this is told `Connection: close` with its next answer, so that clients move on to where
    the Service points by now; in seconds."""
    drain_delay_seconds: float = Field(default=3, ge=0)
    """After SIGTERM new connections are still taken for this long, since the Service's change takes a moment to reach
    every node; in seconds."""
    idle_linger_seconds: float = Field(default=15, ge=0)
    """After that, idle connections are kept for this long, since a request may be on its way on one; in seconds."""
    grace_period_seconds: float = Field(default=30, gt=0)
    """From SIGTERM to the end at the latest, running runs included; the pod's terminationGracePeriodSeconds; in
    seconds."""
