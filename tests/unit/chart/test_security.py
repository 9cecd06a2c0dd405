"""What the rendered objects may do, and how their pods run."""

from __future__ import annotations

from itertools import product

import pytest

from tests.unit.chart.chart import NAMESPACE, Manifest, Rendered, render

EVERYTHING: Manifest = {
    "replicas": 2,
    "prometheus": {"install": True},
    "metrics": {"serviceMonitor": {"enabled": True}},
}
OWN_PROMETHEUS: Manifest = {
    "prometheus": {
        "url": "https://prometheus.example",
        "bearerTokenSecret": {"name": "token"},
        "caConfigMap": {"name": "ca"},
        "tenant": "agents",
    }
}
NOTIFIERS: Manifest = {"notifiers": [{"name": "chat", "kind": "Slack", "url": "https://hooks.example/key"}]}
VARIANTS: dict[str, Manifest] = {
    "notifiers": NOTIFIERS,
    "defaults": {},
    "everything": EVERYTHING,
    "own Prometheus": OWN_PROMETHEUS,
    "namespaced": {**EVERYTHING, "watchNamespaces": ["team-a", "team-b"]},
}


@pytest.fixture(params=VARIANTS.values(), ids=list(VARIANTS), scope="module")
def rendered(request: pytest.FixtureRequest) -> Rendered:
    return render(request.param)


def test_pods_meet_the_restricted_standard(rendered: Rendered) -> None:
    for name, pod in rendered.pod_specs():
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys(), name
        assert all({"emptyDir", "configMap", "secret"} & volume.keys() for volume in pod["volumes"]), name
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False, name
            assert context["readOnlyRootFilesystem"] is True, name
            assert context["capabilities"] == {"drop": ["ALL"]}, name


def test_pods_are_bounded_and_probed(rendered: Rendered) -> None:
    for name, pod in rendered.pod_specs():
        for container in pod["containers"]:
            assert {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys(), name
            assert {"cpu", "memory"} <= container["resources"]["requests"].keys(), name
            assert "memory" in container["resources"]["limits"], name


def test_service_account_tokens_are_mounted_by_choice_alone(rendered: Rendered) -> None:
    assert all(account["automountServiceAccountToken"] is False for account in rendered.of_kind("ServiceAccount"))
    assert all(pod["automountServiceAccountToken"] is True for _, pod in rendered.pod_specs())


FORBIDDEN_RESOURCES = {
    "secrets",
    "pods/exec",
    "pods/attach",
    "pods/portforward",
    "pods/log",
    "nodes",
    "namespaces",
    "serviceaccounts/token",
    "roles",
    "rolebindings",
    "clusterroles",
    "clusterrolebindings",
    "mutatingwebhookconfigurations",
    "validatingwebhookconfigurations",
    "*",
}


def test_no_rule_reaches_what_no_one_gave(rendered: Rendered) -> None:
    for role, rule in rendered.rules():
        assert not FORBIDDEN_RESOURCES & set(rule["resources"]), role
        assert "*" not in rule["verbs"], role
        assert "*" not in rule["apiGroups"], role
        assert not {"escalate", "bind", "impersonate", "approve", "sign"} & set(rule["verbs"]), role


def granted(rendered: Rendered) -> dict[str, set[str]]:
    """Verbs by resource of the operator's own roles."""
    verbs: dict[str, set[str]] = {}
    for role, rule in rendered.rules():
        if not role.endswith(("prometheus", ":view", ":edit")):
            for resource, verb in product(rule["resources"], rule["verbs"]):
                verbs.setdefault(resource, set()).add(verb)
    return verbs


@pytest.mark.parametrize(
    ("resource", "verbs"),
    [
        ("agentteams", {"get", "list", "watch"}),
        ("agentteams/status", {"update"}),
        ("deployments", {"get", "list", "watch", "create", "delete"}),
        ("deployments/scale", {"patch"}),
        ("configmaps", {"get", "list", "watch", "create", "delete"}),
        ("jobs", {"get", "list", "watch", "create", "delete"}),
        ("services", {"get", "list", "watch", "create", "patch", "delete"}),
        ("pods", {"list", "watch"}),
        ("endpointslices", {"list", "watch"}),
        ("serviceaccounts", {"get", "list", "watch", "create", "patch"}),
        ("events", {"create", "list"}),
        ("leases", {"create", "get", "update"}),
        ("customresourcedefinitions", {"get"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_operator_gets_exactly(rendered: Rendered, resource: str, verbs: set[str]) -> None:
    assert granted(rendered)[resource] == verbs


def test_cluster_wide_reads_of_definitions_are_bound_to_ours(rendered: Rendered) -> None:
    rules = [rule for _, rule in rendered.rules() if "customresourcedefinitions" in rule["resources"]]
    assert [rule["resourceNames"] for rule in rules] == [["agentteams.agentteam.dev"]]


def test_namespaced_install_grants_nothing_elsewhere() -> None:
    rendered = render(VARIANTS["namespaced"])
    own = [
        role for role in rendered.of_kind("ClusterRole") if not role["metadata"]["name"].endswith((":view", ":edit"))
    ]
    assert [rule["resources"] for role in own for rule in role["rules"]] == [["customresourcedefinitions"]]
    roles = {(role["metadata"]["namespace"], role["metadata"]["name"]) for role in rendered.of_kind("Role")}
    assert roles == {
        ("team-a", "agentteam-operator-teams"),
        ("team-b", "agentteam-operator-teams"),
        (NAMESPACE, "agentteam-operator-leader-election"),
        ("team-a", "agentteam-operator-prometheus"),
        ("team-b", "agentteam-operator-prometheus"),
        (NAMESPACE, "agentteam-operator-prometheus"),
    }
    assert rendered.environment()["WATCH_NAMESPACES"] == "team-a,team-b"


def test_rights_are_the_same_namespaced_or_not() -> None:
    assert granted(render(VARIANTS["namespaced"])) == granted(render({}))


def test_bundled_prometheus_only_lists_and_watches_pods() -> None:
    rules = [rule for role, rule in render(EVERYTHING).rules() if role.endswith("prometheus")]
    assert rules == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]}]


def test_without_rbac_no_role_is_made() -> None:
    rendered = render({**EVERYTHING, "rbac": {"create": False}})
    assert not [manifest["kind"] for manifest in rendered.manifests if "Role" in manifest["kind"]]


@pytest.mark.parametrize("account", [{}, {"serviceAccount": {"create": False, "name": "mine"}}], ids=["own", "given"])
def test_the_operator_alone_may_change_the_selectors(account: Manifest) -> None:
    rendered = render(account)
    policy, binding = rendered.one("ValidatingAdmissionPolicy"), rendered.one("ValidatingAdmissionPolicyBinding")
    assert binding["spec"] == {"policyName": policy["metadata"]["name"], "validationActions": ["Deny"]}
    runs_as = rendered.one("Deployment")["spec"]["template"]["spec"]["serviceAccountName"]
    exempt = [entry["expression"] for entry in policy["spec"]["matchConditions"] if "username" in entry["expression"]]
    assert exempt == [f"request.userInfo.username != 'system:serviceaccount:{NAMESPACE}:{runs_as}'"]
    assert not render({**account, "serviceProtection": {"enabled": False}}).of_kind("ValidatingAdmissionPolicy")


def test_selectors_are_held_only_where_teams_are_run() -> None:
    held = render({"watchNamespaces": ["team-a"]}).one("ValidatingAdmissionPolicy")["spec"]["matchConstraints"]
    assert held["namespaceSelector"]["matchExpressions"] == [
        {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["team-a"]}
    ]
    assert "namespaceSelector" not in render().one("ValidatingAdmissionPolicy")["spec"]["matchConstraints"]
