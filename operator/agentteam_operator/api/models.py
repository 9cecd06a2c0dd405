"""`spec.models`: the language models that a team's agents talk to."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from agentteam_operator.api.base import ATOMIC, ApiModel, DnsLabel, KeyRef, Rule

URL_PATTERN = r'^https?://[!"$-.0->A-~]+([/?#][!-~]*)?$'
"""Printable ASCII, and no user in front of the host. Never \\s in a pattern: to the API server it means ASCII's
white space alone, and to pydantic Unicode's."""


PRICE_MEND = "set its price, or remove the metric"


class Provider(StrEnum):
    """Who answers."""

    OPENAI = "OpenAI"
    REPLAY = "Replay"


class ModelParameters(ApiModel):
    """What is sent with each call; a parameter left out is left to the model's own default."""

    temperature: float | None = Field(default=None, ge=0, le=2)
    """Randomness of the answers, 0 to 2."""
    top_p: float | None = Field(default=None, ge=0, le=1)
    """Nucleus sampling: only the most likely tokens that together have this probability, 0 to 1."""
    max_tokens: int | None = Field(default=None, ge=1, le=1_000_000)
    """Most tokens in one answer of the model."""
    seed: int | None = Field(default=None, ge=0, le=2_147_483_647)
    """Asks the model for repeatable answers, where it can give them."""


class ModelInfo(ApiModel):
    """What a model can do; needed for models that AutoGen doesn't know by name."""

    vision: bool = False
    """The model accepts images."""
    function_calling: bool = False
    """The model can call functions."""
    json_output: bool = False
    """The model can be told to answer in JSON."""
    structured_output: bool = False
    """The model can be told to answer by a JSON schema."""
    family: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9][-a-z0-9._]*$")] = "unknown"
    """The model's family as AutoGen names it, such as gpt-4o, claude-3-haiku or unknown."""


class Price(ApiModel):
    """What a model's tokens cost, in the currency of your choice: the same one for all models of the team."""

    input_per_million_tokens: Annotated[float, Field(ge=0, le=1_000_000)]
    """Price of a million tokens that are sent to the model."""
    output_per_million_tokens: Annotated[float, Field(ge=0, le=1_000_000)]
    """Price of a million tokens that the model answers with."""


class ReplaySettings(ApiModel):
    """Scripted answers."""

    answers: Annotated[
        tuple[Annotated[str, Field(max_length=8192)], ...],
        Field(min_length=1, max_length=100, json_schema_extra=ATOMIC),
    ]
    """The answers, in the order in which they are given; each run starts with the first. A run that needs more than
    there are fails."""


class ModelSpec(ApiModel):
    """One language model, by a name that agents refer to."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.provider != 'OpenAI' || has(self.model) && self.model != ''",
            "provider OpenAI needs model: set it to the model's name at that endpoint, such as gpt-4o",
            field_path=".model",
        ),
        Rule(
            "self.provider != 'OpenAI' || has(self.apiKeySecretRef) || has(self.baseURL)",
            "provider OpenAI needs apiKeySecretRef (the key of the public API) or baseURL (an endpoint of your own): "
            "set one of them",
        ),
        Rule(
            "self.provider != 'Replay' || has(self.replay)",
            "provider Replay needs replay.answers: list the answers to give",
            field_path=".replay",
        ),
        Rule(
            "self.provider == 'Replay' || !has(self.replay)",
            "replay belongs to provider Replay: remove replay, or set provider to Replay",
            field_path=".replay",
        ),
        Rule(
            "self.provider != 'Replay' || !has(self.baseURL) && !has(self.apiKeySecretRef)",
            "provider Replay calls no endpoint: remove baseURL and apiKeySecretRef, or set provider to OpenAI",
        ),
    )

    name: DnsLabel
    """Name by which agents and the selector refer to this model; unique in the team."""
    provider: Provider
    """Who answers: OpenAI (OpenAI's API or any endpoint compatible with it, by baseURL) or Replay (scripted answers,
    for demos and tests)."""
    model: Annotated[str, Field(max_length=128)] = ""
    """Name of the model at the endpoint, such as gpt-4o; required for OpenAI. With Replay it is only a name for people
    and metrics."""
    base_url: Annotated[str, Field(min_length=8, max_length=2048, pattern=URL_PATTERN)] | None = None
    """Base URL of an OpenAI-compatible endpoint, such as http://llm.example/v1; without it, OpenAI's public API. It may
    hold no user name or password: those belong into a Secret."""
    api_key_secret_ref: KeyRef | None = None
    """The Secret's key that holds the API key. It is mounted as a file and read again when it changes, so rotating a
    key needs no restart."""
    parameters: ModelParameters = ModelParameters()
    """Sampling parameters sent with each call."""
    model_info: ModelInfo | None = None
    """What the model can do; needed for models that AutoGen doesn't know by name."""
    timeout_seconds: Annotated[int, Field(ge=1, le=3600)] = 60
    """Longest time for one call to the model, in seconds; the run fails when it's over."""
    price: Price | None = None
    """What the model's tokens cost; gives the cost metrics."""
    replay: ReplaySettings | None = None
    """Scripted answers, for provider Replay only."""
