"""`AgentTeamSpec`: what a user asks for."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from agentteam_operator.api.base import ApiModel, Rule, list_map
from agentteam_operator.api.models import PRICE_MEND, ModelSpec
from agentteam_operator.api.pod import PodSettings
from agentteam_operator.api.repeat_rules import IN_SPEC, NEEDS_PRICE
from agentteam_operator.api.rollout import RolloutSettings
from agentteam_operator.api.team import RunsSettings, TeamSpec, TelemetrySettings
from agentteam_operator.api.weight_rule import WEIGHTS_CAN_BE_MADE
from agentteam_operator.api.workload import (
    DEFAULT_REPLICAS,
    Autoscaling,
    DisruptionBudget,
    IngressSettings,
    Resources,
    ServiceSettings,
)

IMAGE_PATTERN = r"^([A-Za-z0-9][-A-Za-z0-9._:/@]*)?$"
VERSION_PATTERN = r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"

_LOST_AGENT = "self.team.agents[self.team.agents.map(a, self.models.exists(m, m.name == a.model)).indexOf(false)]"

_CONVERSATIONS = "self.rollout.conversations"
_IS_THERE = "self.team.agents.exists(a, a.name == n)"
_ALL_ARE_THERE = f"c.expect.agentsSpoke.all(n, {_IS_THERE})"
_FIRST_BAD = f"{_CONVERSATIONS}[{_CONVERSATIONS}.map(c, {_ALL_ARE_THERE}).indexOf(false)]"
_LOST_SPEAKER = f"{_FIRST_BAD}.expect.agentsSpoke[{_FIRST_BAD}.expect.agentsSpoke.map(n, {_IS_THERE}).indexOf(false)]"
_UNPRICED = "self.models[self.models.map(m, has(m.price)).indexOf(false)]"

GRACE_AFTER_RUN_SECONDS = 30
"""How much longer than its longest run a pod may take to go, unless the pod's settings say otherwise."""


class RevisionSpec(ApiModel):
    """What decides how a team behaves: a change of any of it makes a new revision, which goes out as a rollout."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.team.agents.all(a, self.models.exists(m, m.name == a.model))",
            "each agent's model must be the name of an entry of spec.models: correct the name or add the model",
            message_expression=f"'agent ' + {_LOST_AGENT}.name + ' speaks with model ' + {_LOST_AGENT}.model"
            " + ', which is not in spec.models: correct the name or add the model'",
            field_path=".team.agents",
        ),
        Rule(
            "!has(self.team.selector) || self.models.exists(m, m.name == self.team.selector.model)",
            "selector.model must be the name of an entry of spec.models: correct the name or add the model",
            message_expression="'the selector\\'s model ' + self.team.selector.model"
            " + ' is not in spec.models: correct the name or add the model'",
            field_path=".team.selector",
        ),
    )

    version: Annotated[str, Field(max_length=63, pattern=VERSION_PATTERN)] = ""
    """Version for people, such as 1.4.0; shown in the status, on pods and in logs."""
    image: Annotated[str, Field(max_length=512, pattern=IMAGE_PATTERN)] = ""
    """Image of the agent server; empty means the one that the operator brings. A reference with a digest is kept as it
    is written."""
    models: Annotated[tuple[ModelSpec, ...], Field(min_length=1, max_length=20, json_schema_extra=list_map("name"))]
    """The language models that agents can speak with."""
    team: TeamSpec
    """The agents and how they work together."""
    runs: RunsSettings = RunsSettings()
    """How many runs one pod takes, and how long one may last."""
    telemetry: TelemetrySettings = TelemetrySettings()
    """What the agent server tells about itself."""
    resources: Resources = Resources()
    """Processor time and memory of each pod."""
    pod: PodSettings = PodSettings()
    """What of the pods can be set, in Kubernetes' own terms."""

    def grace_period_seconds(self) -> int:
        """How long a pod that is told to go may take to finish its runs, in seconds."""
        chosen = self.pod.termination_grace_period_seconds
        return self.runs.timeout_seconds + GRACE_AFTER_RUN_SECONDS if chosen is None else chosen


class AgentTeamSpec(RevisionSpec):
    """What a user asks for: a team of agents, how it runs, and how a change to it goes out.

    The fields that are added here change in place, without a rollout.
    """

    rules: ClassVar[tuple[Rule, ...]] = (
        *RevisionSpec.rules,
        Rule(
            "!has(self.replicas) || !has(self.autoscaling)",
            "replicas and autoscaling exclude each other: remove replicas to let load decide, or remove autoscaling",
            field_path=".replicas",
        ),
        WEIGHTS_CAN_BE_MADE,
        Rule(
            f"{_CONVERSATIONS}.all(c, {_ALL_ARE_THERE})",
            "expect.agentsSpoke must hold names of spec.team.agents: correct the name or add the agent",
            message_expression=f"'conversation ' + {_FIRST_BAD}.name + ' expects agent ' + {_LOST_SPEAKER}"
            " + ' to speak, which is not in spec.team.agents: correct the name or add the agent'",
            field_path=".rollout.conversations",
        ),
        Rule(
            "!self.rollout.analysis.metrics.exists(m, m.name == 'costPerRun') || self.models.all(m, has(m.price))",
            f"metric costPerRun needs the price of each model: {PRICE_MEND}",
            message_expression=f"'metric costPerRun needs the price of model ' + {_UNPRICED}.name + ': {PRICE_MEND}'",
            field_path=".models",
        ),
        Rule(
            f"!{IN_SPEC} || self.models.all(m, has(m.price))",
            f"a model {NEEDS_PRICE}",
            message_expression=f"'model ' + {_UNPRICED}.name + ' {NEEDS_PRICE}'",
            field_path=".models",
        ),
    )

    replicas: Annotated[int, Field(ge=1, le=500)] | None = None
    """Number of pods; not together with autoscaling. Without both, 3."""
    autoscaling: Autoscaling | None = None
    """Lets load decide on the number of pods; not together with replicas."""
    service: ServiceSettings = ServiceSettings()
    """The Service that the team is reached by; it has the team's name."""
    ingress: IngressSettings | None = None
    """An Ingress to the team's Service; without it none is made."""
    disruption_budget: DisruptionBudget = DisruptionBudget()
    """How many pods of a revision may be away at once when nodes are drained."""
    rollout: RolloutSettings = RolloutSettings()
    """How a change goes out, how it is judged, and when it is taken back."""
    suspend: bool = False
    """Stops the operator's work on this team; what runs keeps running."""

    def desired_replicas(self) -> int:
        """The least number of pods of a serving revision: `replicas`, or autoscaling's least, or 3."""
        if self.autoscaling is not None:
            return self.autoscaling.min_replicas
        return DEFAULT_REPLICAS if self.replicas is None else self.replicas
