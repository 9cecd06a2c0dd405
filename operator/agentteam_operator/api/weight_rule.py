"""The rule that a traffic weight can be made by numbers of pods, as CEL; `weights` holds it in Python.

With n pods the new revision's pods that come nearest to weight w are w·n/(100-w) rounded down or up, so two candidates
are enough to look at. Whole numbers throughout: 100k against w(n+k), where one point is n+k.
"""

from __future__ import annotations

from agentteam_operator.api.base import Rule
from agentteam_operator.api.workload import DEFAULT_REPLICAS

_PODS = (
    f"(has(self.autoscaling) ? self.autoscaling.minReplicas : has(self.replicas) ? self.replicas : {DEFAULT_REPLICAS})"
)
_STEPS = "self.rollout.traffic.steps"
_CANDIDATES = "[s.weight * n / (100 - s.weight), s.weight * n / (100 - s.weight) + 1]"
_CAN_BE_MADE = (
    f"{_CANDIDATES}.exists(k, k >= 1 && k <= n && 100 * k - s.weight * (n + k) <= n + k"
    " && s.weight * (n + k) - 100 * k <= n + k)"
)
_FIRST_BAD = f"{_STEPS}[{_STEPS}.map(s, {_CAN_BE_MADE}).indexOf(false)].weight"
_NEAREST = (
    f"[[{_FIRST_BAD}].map(w, [w * n / (100 - w), w * n / (100 - w) + 1]"
    ".map(k, k < 1 ? 1 : k > n ? n : k)"
    ".map(k, [100 * k - w * (n + k) < 0 ? (w * (n + k) - 100 * k) * 1000 / (n + k)"
    " : (100 * k - w * (n + k)) * 1000 / (n + k), (200 * k + n + k) / (2 * (n + k))]))[0]]"
    ".map(c, c[0][0] <= c[1][0] ? c[0][1] : c[1][1])[0]"
)
# The API server can't bound the length of string(n), but that of an entry of a list of texts.
_NUMBERS = "[" + ", ".join(f"'{number}'" for number in range(101)) + "]"

WEIGHTS_CAN_BE_MADE = Rule(
    f"[{_PODS}].all(n, {_STEPS}.all(s, {_CAN_BE_MADE}))",
    "each weight must be one that pods can make, k new ones beside the old ones: k / (old + k)",
    message_expression=f"[{_PODS}].map(n, 'weight ' + {_NUMBERS}[{_FIRST_BAD}] + ' can\\'t be made with that many pods:"
    f" the nearest that can is ' + {_NUMBERS}[{_NEAREST}])[0]",
    field_path=".rollout.traffic.steps",
)
