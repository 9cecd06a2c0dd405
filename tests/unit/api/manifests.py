"""Manifests that the tables of the API's tests start from."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

Document = dict[str, Any]

MINIMAL: Document = {
    "apiVersion": "agentteam.dev/v1alpha1",
    "kind": "AgentTeam",
    "metadata": {"name": "team", "namespace": "default"},
    "spec": {
        "models": [{"name": "main", "provider": "Replay", "replay": {"answers": ["yes"]}}],
        "team": {"type": "RoundRobin", "maxTurns": 1, "agents": [{"name": "clerk", "model": "main"}]},
    },
}
"""The least that makes a team."""

_FREE = {"inputPerMillionTokens": 0, "outputPerMillionTokens": 0}

FULL: Document = {
    "apiVersion": "agentteam.dev/v1alpha1",
    "kind": "AgentTeam",
    "metadata": {"name": "team", "namespace": "default"},
    "spec": {
        "version": "1.4.0",
        "image": "registry.example/team/agents:1.4.0",
        "models": [
            {
                "name": "main",
                "provider": "OpenAI",
                "model": "gpt-4o",
                "baseURL": "https://llm.example/v1",
                "apiKeySecretRef": {"name": "llm", "key": "api-key"},
                "parameters": {"temperature": 0.7, "topP": 0.9, "maxTokens": 4096, "seed": 7},
                "modelInfo": {
                    "vision": True,
                    "functionCalling": True,
                    "jsonOutput": True,
                    "structuredOutput": True,
                    "family": "gpt-4o",
                },
                "timeoutSeconds": 30,
                "price": {"inputPerMillionTokens": 2.5, "outputPerMillionTokens": 10},
            },
            {"name": "script", "provider": "Replay", "replay": {"answers": ["one", "two"]}, "price": _FREE},
        ],
        "team": {
            "type": "Selector",
            "selector": {"model": "main", "prompt": "One of {participants}:\n{history}", "allowRepeatedSpeaker": True},
            "maxTurns": 20,
            "termination": {
                "any": [{"maxMessages": 15}, {"textMention": "APPROVE"}, {"timeoutSeconds": 120}, {"tokenUsage": 20000}]
            },
            "agents": [
                {
                    "name": "router",
                    "kind": "Assistant",
                    "description": "Routes",
                    "systemMessage": "You route.",
                    "model": "main",
                },
                {"name": "clerk-2", "model": "script"},
            ],
        },
        "runs": {"maxConcurrent": 10, "maxQueued": 0, "timeoutSeconds": 60},
        "telemetry": {"logLevel": "debug", "logFormat": "text"},
        "autoscaling": {
            "minReplicas": 4,
            "maxReplicas": 10,
            "targetCPUUtilization": 60,
            "targetMemoryUtilization": 80,
        },
        "resources": {"requests": {"cpu": "500m", "memory": "512Mi"}, "limits": {"cpu": 1, "memory": "2Gi"}},
        "pod": {
            "labels": {"team": "support"},
            "annotations": {"example.com/note": "anything at all"},
            "env": [
                {"name": "HTTPS_PROXY", "value": "http://proxy:3128"},
                {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "token", "key": "value"}}},
                {"name": "REGION", "valueFrom": {"configMapKeyRef": {"name": "region", "key": "name"}}},
            ],
            "nodeSelector": {"kubernetes.io/os": "linux"},
            "tolerations": [
                {
                    "key": "agents",
                    "operator": "Equal",
                    "value": "only",
                    "effect": "NoExecute",
                    "tolerationSeconds": 30,
                },
            ],
            "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
            "topologySpreadConstraints": [
                {"topologyKey": "kubernetes.io/hostname", "maxSkew": 2, "whenUnsatisfiable": "DoNotSchedule"}
            ],
            "serviceAccountName": "agents",
            "imagePullSecrets": [{"name": "registry"}],
            "priorityClassName": "high",
            "terminationGracePeriodSeconds": 90,
            "volumes": [
                {"name": "settings", "configMap": {"name": "settings", "optional": True}},
                {"name": "keys", "secret": {"secretName": "keys", "optional": True}},
                {"name": "scratch", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}},
                {"name": "manuals", "persistentVolumeClaim": {"claimName": "manuals", "readOnly": True}},
            ],
            "volumeMounts": [{"name": "scratch", "mountPath": "/scratch", "subPath": "a/b", "readOnly": True}],
            "probes": {
                "startup": {"periodSeconds": 2, "timeoutSeconds": 2, "failureThreshold": 60},
                "liveness": {"periodSeconds": 5, "timeoutSeconds": 2, "failureThreshold": 2},
                "readiness": {"periodSeconds": 2, "timeoutSeconds": 1, "failureThreshold": 1},
            },
        },
        "service": {"type": "NodePort", "port": 8080, "annotations": {"example.com/lb": "internal"}},
        "ingress": {
            "host": "chat.example",
            "className": "nginx",
            "tlsSecretName": "chat-tls",
            "annotations": {"example.com/body-size": "8m"},
        },
        "disruptionBudget": {"maxUnavailable": 2},
        "rollout": {
            "readyTimeoutSeconds": 120,
            "conversations": [
                {
                    "name": "refund",
                    "turns": [{"user": "I want my money back"}, {"user": "Order 17"}],
                    "samples": 5,
                    "repeatDuringWatch": True,
                    "minPassRate": 0.8,
                    "expect": {
                        "contains": ["order 17"],
                        "notContains": ["as an AI"],
                        "matches": "(?i)refund(ed)?",
                        "agentsSpoke": ["clerk-2"],
                        "stopReason": "APPROVE",
                        "jsonSchema": '{"type": "object", "required": ["amount"]}',
                        "maxTurns": 10,
                        "maxTokens": 4000,
                        "maxLatencySeconds": 20,
                    },
                }
            ],
            "conversationsTimeoutSeconds": 300,
            "maxSyntheticCost": 2.5,
            "hooks": [
                {
                    "name": "smoke",
                    "when": "AfterSwitch",
                    "job": {
                        "image": "registry.example/smoke:1",
                        "command": ["pytest"],
                        "args": ["-q"],
                        "env": [
                            {"name": "MODE", "value": "short"},
                            {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "smoke", "key": "token"}}},
                            {"name": "PLAN", "valueFrom": {"configMapKeyRef": {"name": "smoke", "key": "plan"}}},
                        ],
                        "resources": {
                            "limits": {"cpu": "300m", "memory": "256Mi"},
                            "requests": {"cpu": "20m", "memory": "64Mi"},
                        },
                    },
                    "timeoutSeconds": 120,
                }
            ],
            "health": {"retries": 2, "intervalSeconds": 3, "required": ["runtime"]},
            "traffic": {"mode": "Gradual", "steps": [{"weight": 20, "holdSeconds": 30}, {"weight": 50}]},
            "analysis": {
                "alpha": 0.01,
                "intervalSeconds": 10,
                "minSamples": 50,
                "metrics": [
                    {"name": "errorRate", "judge": "Sequential", "max": 0.02, "minEffect": 0.01},
                    {"name": "p95LatencySeconds", "max": 2, "maxIncreasePercent": 50, "failureLimit": 2},
                    {"name": "refunds", "query": "sum(rate(app_refunds_total{$selector}[1m]))", "min": 0.1, "max": 9},
                ],
                "onInconclusive": "Rollback",
                "providerErrorLimit": 3,
            },
            "autoPromote": False,
            "promotionTimeoutSeconds": 3600,
            "watchSeconds": 300,
            "settleSeconds": 60,
            "drainSeconds": 30,
            "revisionHistoryLimit": 3,
            "guard": {"enabled": True, "onDegraded": "Rollback"},
            "notifications": ["pager"],
        },
        "suspend": True,
    },
}
"""Every field that there is (with autoscaling, which excludes replicas), none at its default."""


def merged(document: Mapping[str, Any], patch: Mapping[str, Any]) -> Document:
    """The document with a merge patch (RFC 7396) applied: null removes, objects merge, all else replaces."""
    result: Document = copy.deepcopy(dict(document))
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            below = result.get(key)
            result[key] = merged(below if isinstance(below, Mapping) else {}, value)
        else:
            result[key] = copy.deepcopy(value)
    return result


def team(spec: Mapping[str, Any]) -> Document:
    """The minimal team with a merge patch applied to its spec."""
    return merged(MINIMAL, {"spec": dict(spec)})
