"""What is refused across fields, and in which words: the same by the API server (CEL) and by `validate` (Python)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.unit.api.manifests import MINIMAL, Document, merged, team


@dataclass(frozen=True)
class Rejection:
    """A manifest with one thing wrong."""

    id: str
    manifest: Document
    field: str
    """Path that the API server names; Python names the same one or a more exact one below it."""
    message: str
    in_front: str = ""
    """What the API server says before it, where it's the evaluation of a rule that fails."""


def _team(spec: dict[str, Any]) -> Document:
    return team({"team": spec})


def _model(**fields: object) -> Document:
    return team({"models": [{"name": "main", **fields}]})


def _replay(**fields: object) -> Document:
    return _model(provider="Replay", replay={"answers": ["yes"]}, **fields)


def _metric(**fields: object) -> Document:
    return team({"rollout": {"analysis": {"metrics": [fields]}}})


def _steps(*weights: int, **spec: object) -> Document:
    return team({"rollout": {"traffic": {"steps": [{"weight": weight} for weight in weights]}}, **spec})


def _conversation(**fields: object) -> Document:
    entry = {"name": "refund", "turns": [{"user": "my money back"}], **fields}
    return team({"rollout": {"conversations": [entry]}})


def _conversation_settings(conversation: dict[str, Any], **rollout: object) -> Document:
    """The first of two conversations is plain, so that a message must find the right one."""
    entries = [{"name": name, "turns": [{"user": "my money back"}]} for name in ("greet", "refund")]
    return team({"rollout": {"conversations": [entries[0], {**entries[1], **conversation}], **rollout}})


def _repeated(**rollout: object) -> Document:
    """A conversation that is repeated, by a team whose model has a price."""
    found = _conversation_settings({"repeatDuringWatch": True}, **rollout)
    price = {"inputPerMillionTokens": 2.5, "outputPerMillionTokens": 10}
    found["spec"]["models"] = [{**model, "price": price} for model in found["spec"]["models"]]
    return found


def _hook(**fields: object) -> Document:
    return team({"rollout": {"hooks": [{"name": "smoke", "job": {"image": "smoke:1", **fields}}]}})


def _pod(**fields: object) -> Document:
    return team({"pod": fields})


_TWO = [{"name": "router", "model": "main"}, {"name": "clerk", "model": "main"}]
_NAME = "must have at most 40 characters, a-z, 0-9 and '-', and begin with a letter: shorten or correct it"
_REF = {"name": "some", "key": "key"}
_METRIC = "spec.rollout.analysis.metrics[0]"
_BRACES = "prompt may hold no braces but {roles}, {history} and {participants}: write others twice, as {{ and }}"
_NO_END = (
    "a run must have an end: set maxTurns, or maxMessages or timeoutSeconds in termination.any "
    "(textMention and tokenUsage may never be met)"
)
_ONE_CONDITION = (
    "a termination condition has exactly one of maxMessages, textMention, timeoutSeconds and tokenUsage: "
    "write one entry of the list for each"
)
_SORT = "weights must rise from step to step: sort steps by weight and give each weight once"
_SCRATCH = "/tmp"  # noqa: S108 - a path in the container, not on this machine
_OWN_PATHS = (
    "/etc/agentteam and /var/run/secrets/agentteam belong to the operator, and so does what is in or above them: "
    "mount elsewhere"
)

REJECTIONS = (
    Rejection(
        "name too long", merged(MINIMAL, {"metadata": {"name": "n" * 41}}), "", f"metadata.name {'n' * 41} {_NAME}"
    ),
    Rejection("name with a dot", merged(MINIMAL, {"metadata": {"name": "a.b"}}), "", f"metadata.name a.b {_NAME}"),
    Rejection(
        "name with a digit first", merged(MINIMAL, {"metadata": {"name": "1a"}}), "", f"metadata.name 1a {_NAME}"
    ),
    # spec.models
    Rejection(
        "OpenAI without model",
        _model(provider="OpenAI", baseURL="http://llm/v1"),
        "spec.models[0].model",
        "provider OpenAI needs model: set it to the model's name at that endpoint, such as gpt-4o",
    ),
    Rejection(
        "OpenAI with neither key nor endpoint",
        _model(provider="OpenAI", model="gpt-4o"),
        "spec.models[0]",
        "provider OpenAI needs apiKeySecretRef (the key of the public API) or baseURL (an endpoint of your own): "
        "set one of them",
    ),
    Rejection(
        "OpenAI with replay",
        _model(provider="OpenAI", model="gpt-4o", baseURL="http://llm/v1", replay={"answers": ["yes"]}),
        "spec.models[0].replay",
        "replay belongs to provider Replay: remove replay, or set provider to Replay",
    ),
    Rejection(
        "Replay without answers",
        _model(provider="Replay"),
        "spec.models[0].replay",
        "provider Replay needs replay.answers: list the answers to give",
    ),
    *(
        Rejection(
            f"Replay with {field}",
            _replay(**{field: value}),
            "spec.models[0]",
            "provider Replay calls no endpoint: remove baseURL and apiKeySecretRef, or set provider to OpenAI",
        )
        for field, value in (("baseURL", "http://llm/v1"), ("apiKeySecretRef", _REF))
    ),
    # spec.team
    Rejection(
        "agent's model unknown",
        _team({"agents": [{"name": "a", "model": "main"}, {"name": "b", "model": "other"}]}),
        "spec.team.agents",
        "agent b speaks with model other, which is not in spec.models: correct the name or add the model",
    ),
    Rejection(
        "agent called user",
        _team({"agents": [{"name": "user", "model": "main"}]}),
        "spec.team.agents[0].name",
        "the name user stands for the person who gives the task: give the agent another name",
    ),
    Rejection(
        "selector's model unknown",
        _team({"type": "Selector", "agents": _TWO, "selector": {"model": "other"}}),
        "spec.team.selector",
        "the selector's model other is not in spec.models: correct the name or add the model",
    ),
    Rejection(
        "Selector with one agent",
        _team({"type": "Selector", "selector": {"model": "main"}}),
        "spec.team.agents",
        "a Selector team needs at least 2 agents to choose from: add one, or set type to RoundRobin",
    ),
    Rejection(
        "Selector without selector",
        _team({"type": "Selector", "agents": _TWO}),
        "spec.team.selector",
        "a Selector team needs selector.model: name the entry of spec.models that chooses the next speaker",
    ),
    Rejection(
        "RoundRobin with selector",
        _team({"selector": {"model": "main"}}),
        "spec.team.selector",
        "selector belongs to type Selector: remove selector, or set type to Selector",
    ),
    *(
        Rejection(
            f"selector prompt with {what}",
            _team({"type": "Selector", "agents": _TWO, "selector": {"model": "main", "prompt": prompt}}),
            "spec.team.selector.prompt",
            _BRACES,
        )
        for what, prompt in (
            ("an unknown placeholder", "{role} of {participants}"),
            ("a lone brace", "a } of {participants}"),
            ("a conversion", "{participants!r}"),
            ("an escape left open", "{{roles}"),
        )
    ),
    Rejection("no bound at all", _team({"maxTurns": None}), "spec.team.maxTurns", _NO_END),
    *(
        Rejection(
            f"only {next(iter(condition))} as a bound",
            _team({"maxTurns": None, "termination": {"any": [condition]}}),
            "spec.team.maxTurns",
            _NO_END,
        )
        for condition in ({"textMention": "DONE"}, {"tokenUsage": 1000})
    ),
    Rejection(
        "termination with two conditions in one entry",
        _team({"termination": {"any": [{"maxMessages": 3, "textMention": "DONE"}]}}),
        "spec.team.termination.any[0]",
        _ONE_CONDITION,
    ),
    Rejection(
        "termination with an empty entry",
        _team({"termination": {"any": [{"maxMessages": 3}, {}]}}),
        "spec.team.termination.any[1]",
        _ONE_CONDITION,
    ),
    # replicas, autoscaling, resources
    Rejection(
        "replicas and autoscaling",
        team({"replicas": 3, "autoscaling": {"maxReplicas": 5}}),
        "spec.replicas",
        "replicas and autoscaling exclude each other: remove replicas to let load decide, or remove autoscaling",
    ),
    *(
        Rejection(
            f"autoscaling with {what}",
            team({"autoscaling": autoscaling}),
            "spec.autoscaling.minReplicas",
            "minReplicas must not exceed maxReplicas: lower minReplicas or raise maxReplicas",
        )
        for what, autoscaling in (
            ("min over max", {"minReplicas": 6, "maxReplicas": 5}),
            ("the default min over max", {"maxReplicas": 2}),
        )
    ),
    Rejection(
        "memory request over limit",
        team({"resources": {"requests": {"memory": "2Gi"}, "limits": {"memory": "2G"}}}),
        "spec.resources.requests.memory",
        "requests.memory is 2Gi but limits.memory is 2G: lower the request or raise the limit",
    ),
    Rejection(
        "memory request over the default limit",
        team({"resources": {"requests": {"memory": "1025Mi"}}}),
        "spec.resources.requests.memory",
        "requests.memory is 1025Mi but limits.memory is 1Gi: lower the request or raise the limit",
    ),
    Rejection(
        "cpu request over limit",
        team({"resources": {"requests": {"cpu": 2}, "limits": {"cpu": "1500m"}}}),
        "spec.resources.requests.cpu",
        "requests.cpu is 2 but limits.cpu is 1500m: lower the request or raise the limit",
    ),
    # spec.pod
    *(
        Rejection(
            f"pod {field} of the operator's: {key}",
            _pod(**{field: {key: "mine"}}),
            f"spec.pod.{field}",
            f"{field} under agentteam.dev/ or app.kubernetes.io/ belong to the operator: choose other keys",
        )
        for field in ("labels", "annotations")
        for key in ("agentteam.dev/team", "app.kubernetes.io/name")
    ),
    *(
        Rejection(
            f"variable of the operator's: {name}",
            _pod(env=[{"name": name, "value": "x"}]),
            "spec.pod.env[0].name",
            f"variable {name} belongs to the operator: remove it",
        )
        for name in (
            "AUTOGEN_REVISION",
            "AUTOGEN_GRACE_PERIOD_SECONDS",
            "AUTOGEN_CONFIG",
            "AUTOGEN_SECRETS_DIR",
            "AUTOGEN_HOST",
            "AUTOGEN_PORT",
            "AUTOGEN_METRICS_PORT",
            "autogen_port",
        )
    ),
    *(
        Rejection(
            f"variable with {what}",
            _pod(env=[{"name": "A", **fields}]),
            "spec.pod.env[0]",
            "variable A has exactly one of value and valueFrom: keep one of them",
        )
        for what, fields in (
            ("neither value nor source", {}),
            ("value and source", {"value": "x", "valueFrom": {"secretKeyRef": _REF}}),
        )
    ),
    *(
        Rejection(
            f"source of {what}",
            _pod(env=[{"name": "A", "valueFrom": source}]),
            "spec.pod.env[0].valueFrom",
            "valueFrom has exactly one of secretKeyRef and configMapKeyRef: keep one of them",
        )
        for what, source in (("no kind", {}), ("two kinds", {"secretKeyRef": _REF, "configMapKeyRef": _REF}))
    ),
    *(
        Rejection(
            f"volume of {what}",
            _pod(volumes=[{"name": "data", **sources}]),
            "spec.pod.volumes[0]",
            "volume data has exactly one of configMap, secret, emptyDir and persistentVolumeClaim: keep one of them",
        )
        for what, sources in (("no kind", {}), ("two kinds", {"emptyDir": {}, "secret": {"secretName": "s"}}))
    ),
    Rejection(
        "volume of the operator's",
        _pod(volumes=[{"name": "agentteam-config", "emptyDir": {}}]),
        "spec.pod.volumes[0].name",
        "names of volumes that start with agentteam- belong to the operator: choose another name",
    ),
    Rejection(
        "mount of no volume",
        _pod(
            volumes=[{"name": "data", "emptyDir": {}}],
            volumeMounts=[{"name": "data", "mountPath": "/data"}, {"name": "date", "mountPath": "/date"}],
        ),
        "spec.pod.volumeMounts",
        "no entry of volumes has the name date: add the volume or correct the name",
    ),
    *(
        Rejection(
            f"mount at {path}",
            _pod(volumes=[{"name": "data", "emptyDir": {}}], volumeMounts=[{"name": "data", "mountPath": path}]),
            "spec.pod.volumeMounts[0].mountPath",
            _OWN_PATHS,
        )
        for path in ("/", "/etc", "/etc/agentteam", "/etc/agentteam/app.yaml", "/var/run/secrets/agentteam/llm", "/var")
    ),
    *(
        Rejection(
            f"mount with mountPath {path}",
            _pod(volumes=[{"name": "data", "emptyDir": {}}], volumeMounts=[{"name": "data", "mountPath": path}]),
            "spec.pod.volumeMounts[0].mountPath",
            f"mountPath {path} may have no part '.' or '..': write the path that it leads to",
        )
        for path in ("/data/../etc/agentteam", "/./etc/agentteam", "/data/..")
    ),
    *(
        Rejection(
            f"mount with subPath {path}",
            _pod(
                volumes=[{"name": "data", "emptyDir": {}}],
                volumeMounts=[{"name": "data", "mountPath": "/data", "subPath": path}],
            ),
            "spec.pod.volumeMounts[0].subPath",
            f"subPath {path} may have no part '..': name a path within the volume",
        )
        for path in ("..", "../etc", "a/..", "a/../b")
    ),
    *(
        Rejection(
            f"toleration with {what}", _pod(tolerations=[toleration]), f"spec.pod.tolerations[0].{field}", message
        )
        for what, toleration, field, message in (
            (
                "Exists and a value",
                {"key": "dedicated", "operator": "Exists", "value": "agents"},
                "value",
                "operator Exists takes no value: remove value agents, or set operator to Equal",
            ),
            (
                "no key and a value",
                {"value": "agents"},
                "key",
                "operator Equal needs key: set it, or set operator to Exists to tolerate every taint",
            ),
            (
                "seconds for every effect",
                {"key": "dedicated", "value": "agents", "tolerationSeconds": 60},
                "tolerationSeconds",
                "tolerationSeconds belongs to effect NoExecute: remove it, or set effect to NoExecute",
            ),
            (
                "seconds for NoSchedule",
                {"key": "dedicated", "operator": "Exists", "effect": "NoSchedule", "tolerationSeconds": 60},
                "tolerationSeconds",
                "tolerationSeconds belongs to effect NoExecute: remove it, or set effect to NoExecute",
            ),
        )
    ),
    Rejection(
        "mount at /tmp",
        _pod(volumes=[{"name": "data", "emptyDir": {}}], volumeMounts=[{"name": "data", "mountPath": _SCRATCH}]),
        "spec.pod.volumeMounts[0].mountPath",
        f"{_SCRATCH} is the container's own scratch directory: mount elsewhere, such as {_SCRATCH}/files",
    ),
    # spec.rollout
    Rejection(
        "Immediate with steps",
        merged(_steps(25), {"spec": {"rollout": {"traffic": {"mode": "Immediate"}}}}),
        "spec.rollout.traffic.steps",
        "mode Immediate has no steps: remove steps, or set mode to Gradual",
    ),
    Rejection("weights falling", _steps(40, 25), "spec.rollout.traffic.steps", _SORT),
    Rejection("weights repeated", _steps(25, 25), "spec.rollout.traffic.steps", _SORT),
    *(
        Rejection(
            f"weight {weight} with {pods}",
            _steps(weight, **spec),
            "spec.rollout.traffic.steps",
            f"weight {weight} can't be made with that many pods: the nearest that can is {nearest}",
        )
        for weight, nearest, pods, spec in (
            (10, 25, "the default of 3 pods", {}),
            (33, 40, "3 pods", {"replicas": 3}),
            (32, 25, "3 pods", {"replicas": 3}),
            (40, 50, "1 pod", {"replicas": 1}),
            (5, 9, "at least 10 pods", {"autoscaling": {"minReplicas": 10, "maxReplicas": 20}}),
        )
    ),
    *(
        Rejection(
            f"{name} judged {wrong}",
            _metric(name=name, judge=wrong, **fields),
            f"{_METRIC}.judge",
            f"{name} is judged {right}, not {wrong}: remove judge or correct it",
        )
        for name, wrong, right, fields in (
            ("errorRate", "Threshold", "Sequential", {}),
            ("slowness", "Threshold", "Sequential", {}),
            ("p95LatencySeconds", "Sequential", "Threshold", {"max": 2}),
            ("memoryUtilization", "Sequential", "Threshold", {}),
            ("agentsOffline", "Sequential", "Threshold", {}),
            ("tokensPerRun", "Threshold", "Sequential", {}),
            ("maxTurnHitRate", "Threshold", "Sequential", {}),
            ("refunds", "Sequential", "Threshold", {"query": "app_refunds", "max": 2}),
        )
    ),
    *(
        Rejection(
            f"{name} with minEffect",
            _metric(name=name, minEffect=0.1, max=1),
            f"{_METRIC}.minEffect",
            "minEffect belongs to metrics judged Sequential: remove it, or set max instead",
        )
        for name in ("p95LatencySeconds", "memoryUtilization", "cpuUtilization", "queueDepth", "agentsOffline")
    ),
    Rejection(
        "slowness with max",
        _metric(name="slowness", max=2),
        f"{_METRIC}.max",
        "slowness is judged against the active revision and has no max: remove it, or set minEffect instead",
    ),
    *(
        Rejection(
            f"{name} with max {value}",
            _metric(name=name, max=value),
            f"{_METRIC}.max",
            f"the max of {name} {message}",
        )
        for name, value, message in (
            *(("errorRate", value, "is a share of runs: set it above 0 and below 1") for value in (0, 1, 5)),
            ("maxTurnHitRate", 50, "is a share of runs: set it above 0 and below 1"),
            *(
                (name, value, "is a share of the container's limit: set it above 0 and at most 1")
                for name in ("memoryUtilization", "cpuUtilization")
                for value in (0, 80, -1)
            ),
            *((name, 0, "is an average over runs: set it above 0") for name in ("turnsPerRun", "tokensPerRun")),
            *(
                (name, -1, "is never negative: set it to 0 or more")
                for name in ("p50LatencySeconds", "p99LatencySeconds", "queueDepth", "agentsOffline")
            ),
        )
    ),
    *(
        Rejection(
            f"{name} without a limit",
            _metric(name=name),
            _METRIC,
            f"{name} needs a limit: set max (seconds), maxIncreasePercent, or both",
        )
        for name in ("p50LatencySeconds", "p95LatencySeconds", "p99LatencySeconds")
    ),
    Rejection(
        "queueDepth without a limit",
        _metric(name="queueDepth"),
        _METRIC,
        "queueDepth needs a limit: set max (waiting runs of one pod)",
    ),
    *(
        Rejection(
            f"{name} with maxIncreasePercent",
            _metric(name=name, maxIncreasePercent=5, **fields),
            f"{_METRIC}.maxIncreasePercent",
            "maxIncreasePercent belongs to latencies: remove it, or set max instead",
        )
        for name, fields in (("errorRate", {}), ("refunds", {"query": "app_refunds", "max": 2}))
    ),
    Rejection(
        "errorRate with min",
        _metric(name="errorRate", min=0.1),
        f"{_METRIC}.min",
        "min belongs to metrics with a query: remove it, or set max instead",
    ),
    Rejection(
        "a built-in metric with a query",
        _metric(name="errorRate", query="app_refunds", max=0.1),
        f"{_METRIC}.query",
        "a built-in metric takes no query: remove query, or give the metric a name of your own",
    ),
    Rejection(
        "no built-in metric",
        _metric(name="errorrate"),
        f"{_METRIC}.name",
        "errorrate is no built-in metric: correct the name, or give a query",
    ),
    Rejection(
        "a query's name in camel case",
        _metric(name="refundRate", query="app_refunds", max=2),
        f"{_METRIC}.name",
        "the name of a metric with a query has a-z, 0-9 and '-' only, and begins with a letter: correct it",
    ),
    Rejection(
        "a query without a limit",
        _metric(name="refunds", query="app_refunds"),
        _METRIC,
        "a metric with a query needs a limit: set min, max, or both",
    ),
    Rejection(
        "a query's limits crossed",
        _metric(name="refunds", query="app_refunds", min=2, max=1),
        f"{_METRIC}.min",
        "min is above max: no value is good; swap them",
    ),
    Rejection(
        "too many queries",
        team(
            {
                "rollout": {
                    "analysis": {
                        "metrics": [{"name": f"m{number}", "query": "app_refunds", "max": 2} for number in range(11)]
                    }
                }
            }
        ),
        "spec.rollout.analysis.metrics",
        "at most 10 metrics may have a query: remove some",
    ),
    Rejection(
        "cost without a price",
        _metric(name="costPerRun"),
        "spec.models",
        "metric costPerRun needs the price of model main: set its price, or remove the metric",
    ),
    *(
        Rejection(
            f"{name} with failureLimit",
            _metric(name=name, failureLimit=2),
            f"{_METRIC}.failureLimit",
            "failureLimit belongs to metrics judged Threshold: remove it",
        )
        for name in ("errorRate", "slowness")
    ),
    # spec.rollout.conversations
    Rejection(
        "repeated conversation without a cap",
        _repeated(),
        "spec.rollout.conversations",
        "conversation refund is repeated during the watch, which costs: set maxSyntheticCost to the most that it may "
        "cost",
    ),
    Rejection(
        "repeated conversation with mode Immediate",
        _repeated(maxSyntheticCost=2, traffic={"mode": "Immediate"}),
        "spec.rollout.traffic",
        "conversation refund is repeated while both revisions serve, which they never do with mode Immediate: set mode "
        "to Gradual",
    ),
    Rejection(
        "repeated conversation without a watch",
        _repeated(maxSyntheticCost=2, watchSeconds=0),
        "spec.rollout.watchSeconds",
        "conversation refund is repeated during the watch, but watchSeconds is 0: set watchSeconds to how long it may "
        "take",
    ),
    Rejection(
        "repeated conversation without a price",
        _conversation_settings({"repeatDuringWatch": True}, maxSyntheticCost=2),
        "spec.models",
        "model main has no price, so that nobody knows what repeatDuringWatch costs: set its price, or remove "
        "repeatDuringWatch",
    ),
    Rejection(
        "hook sets a variable of the operator",
        _hook(env=[{"name": "PREVIEW_URL", "value": "http://elsewhere"}]),
        "spec.rollout.hooks[0].job.env",
        "ACTIVE_URL, NAMESPACE, PREVIEW_URL, REVISION, TEAM are set by the operator: give the variable another name",
    ),
    Rejection(
        "conversation expects an unknown agent",
        _conversation(expect={"agentsSpoke": ["clerk", "expert"]}),
        "spec.rollout.conversations",
        "conversation refund expects agent expert to speak, which is not in spec.team.agents: correct the name or add "
        "the agent",
    ),
    *(
        Rejection(
            f"conversation matches {what}",
            _conversation(expect={"matches": pattern}),
            "spec.rollout.conversations[0].expect",
            "matches must be a regular expression in RE2's syntax: correct it",
            in_front=f'"object": error parsing regexp: {error} evaluating rule: ',
        )
        for what, pattern, error in (
            ("an open group", "a(", "missing closing ): `a(`"),
            ("what looks ahead", "(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
        )
    ),
)
"""One row a way in which fields can contradict one another."""

_REPEATED = (
    ("models", team({"models": [MINIMAL["spec"]["models"][0]] * 2}), "spec.models", "name main"),
    ("agents", _team({"agents": [{"name": "clerk", "model": "main"}] * 2}), "spec.team.agents", "name clerk"),
    ("variables", _pod(env=[{"name": "A", "value": "x"}] * 2), "spec.pod.env", "name A"),
    ("volumes", _pod(volumes=[{"name": "data", "emptyDir": {}}] * 2), "spec.pod.volumes", "name data"),
    (
        "mount paths",
        _pod(volumes=[{"name": "d", "emptyDir": {}}], volumeMounts=[{"name": "d", "mountPath": "/d"}] * 2),
        "spec.pod.volumeMounts",
        "mountPath /d",
    ),
    ("pull secrets", _pod(imagePullSecrets=[{"name": "r"}] * 2), "spec.pod.imagePullSecrets", "name r"),
    (
        "spread keys",
        _pod(topologySpreadConstraints=[{"topologyKey": "zone"}] * 2),
        "spec.pod.topologySpreadConstraints",
        "topologyKey zone",
    ),
    (
        "metrics",
        team({"rollout": {"analysis": {"metrics": [{"name": "slowness"}] * 2}}}),
        "spec.rollout.analysis.metrics",
        "name slowness",
    ),
    (
        "conversations",
        team({"rollout": {"conversations": [{"name": "refund", "turns": [{"user": "a"}]}] * 2}}),
        "spec.rollout.conversations",
        "name refund",
    ),
    (
        "hooks",
        team({"rollout": {"hooks": [{"name": "smoke", "job": {"image": "smoke:1"}}] * 2}}),
        "spec.rollout.hooks",
        "name smoke",
    ),
    ("variables of a hook", _hook(env=[{"name": "A", "value": "x"}] * 2), "spec.rollout.hooks[0].job.env", "name A"),
    (
        "expected agents",
        _conversation(expect={"agentsSpoke": ["clerk"] * 2}),
        "spec.rollout.conversations[0].expect.agentsSpoke",
        "entry clerk",
    ),
    (
        "health components",
        team({"rollout": {"health": {"required": ["models", "models"]}}}),
        "spec.rollout.health.required",
        "entry models",
    ),
    (
        "notifiers",
        team({"rollout": {"notifications": ["pager", "pager"]}}),
        "spec.rollout.notifications",
        "entry pager",
    ),
)
REPETITIONS = tuple(
    Rejection(f"{what} repeated", manifest, field, f"{entry} is there 2 times: give each entry its own")
    for what, manifest, field, entry in _REPEATED
)
"""One row a list whose entries are told apart; the API server says "Duplicate value" of them."""
