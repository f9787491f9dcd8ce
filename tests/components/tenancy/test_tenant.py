import json

import pytest
from support.platforms import recorded_platform

from plinth.tenancy import plan

POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
EXTERNAL = "kubernetes:external-secrets.io/v1:ExternalSecret"
STORE = "kubernetes:external-secrets.io/v1:ClusterSecretStore"


@pytest.fixture(scope="module")
def prod():
    return recorded_platform("prod")


def test_the_namespace_enforces_the_restricted_standard(prod):
    labels = prod.one("kubernetes:core/v1:Namespace", "tenant-search-namespace").inputs["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert labels[plan.TENANT_LABEL] == "search"


def test_the_quota_is_the_specs_and_nothing_opens_the_cluster(prod):
    hard = prod.one("kubernetes:core/v1:ResourceQuota", "tenant-search-quota").inputs["spec"]["hard"]
    assert hard == {
        "requests.cpu": "64",
        "requests.memory": "256Gi",
        "limits.memory": "256Gi",
        "requests.nvidia.com/gpu": "4",
        "pods": "200",
        "services.loadbalancers": "0",
        "services.nodeports": "0",
    }


def test_no_pod_of_a_tenant_can_evict_the_platforms(prod):
    spec = prod.one("kubernetes:core/v1:ResourceQuota", "tenant-search-priorities").inputs["spec"]
    assert spec["hard"] == {"pods": "0"}
    (scope,) = spec["scopeSelector"]["matchExpressions"]
    assert (scope["scopeName"], scope["operator"]) == ("PriorityClass", "In")
    made = {r.inputs["metadata"]["name"] for r in prod.of("kubernetes:scheduling.k8s.io/v1:PriorityClass")}
    assert made | {"system-cluster-critical", "system-node-critical"} == set(scope["values"])


def test_nothing_gets_in_or_out_but_names_the_gateway_and_neighbors(prod):
    deny = prod.one(POLICY, "tenant-search-deny").inputs["spec"]
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    allow = prod.one(POLICY, "tenant-search-allow").inputs["spec"]
    assert allow["ingress"] == [{"from": [{"podSelector": {}}]}]
    dns, gateway, neighbors = allow["egress"]
    assert {port["port"] for port in dns["ports"]} == {53}
    assert [port["port"] for port in gateway["ports"]] == [8080]
    assert gateway["to"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "gateway"
    assert neighbors == {"to": [{"podSelector": {}}]}


def test_the_team_edits_its_own_namespace_only(prod):
    binding = prod.one("kubernetes:rbac.authorization.k8s.io/v1:RoleBinding", "tenant-search-team").inputs
    assert binding["metadata"]["namespace"] == "tenant-search"
    assert (binding["roleRef"]["kind"], binding["roleRef"]["name"]) == ("ClusterRole", "edit")
    assert binding["subjects"] == [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "tenant:search"}]
    assert not [kind for kind in {r.type for r in prod.resources} if "ClusterRoleBinding" in kind]


def test_a_tenant_reads_its_own_folder_of_secrets_and_no_other(prod):
    store = prod.one(STORE, "tenant-search-store").inputs["spec"]
    assert store["conditions"] == [{"namespaces": ["tenant-search"]}]
    assert store["provider"]["aws"]["role"].endswith(":tenant-search-reader")
    policy = json.loads(prod.one("aws:iam/rolePolicy:RolePolicy", "tenant-search-read").inputs["policy"])
    read = next(statement for statement in policy["Statement"] if statement["Sid"] == "Read")
    assert read["Resource"] == ["arn:aws:secretsmanager:us-east-1:777788889999:secret:plinth/prod/tenants/search/*"]
    reader = prod.one("aws:iam/role:Role", "tenant-search-reader").inputs
    trust = json.loads(reader["assumeRolePolicy"])
    assert trust["Statement"][0]["Principal"]["AWS"].startswith("arn:aws:iam::777788889999:role/")
    taking_on = json.loads(prod.one("aws:iam/rolePolicy:RolePolicy", "secrets-identity-tenants").inputs["policy"])
    assert taking_on["Statement"][0]["Resource"] == [f"arn:aws:iam::777788889999:role{reader['path']}*"]
    for external in prod.of(EXTERNAL):
        metadata = external.inputs["metadata"]
        expected = metadata["namespace"] if metadata["namespace"].startswith("tenant-") else "platform"
        assert external.inputs["spec"]["secretStoreRef"]["name"] == expected, external.name


def test_the_gateway_key_is_in_the_tenants_namespace(prod):
    external = prod.one(EXTERNAL, "tenant-search-key").inputs
    assert external["metadata"]["namespace"] == "tenant-search"
    (item,) = external["spec"]["data"]
    assert item["secretKey"] == "api-key"
    assert item["remoteRef"]["key"] == "plinth/prod/tenants/search/gateway-key"


def test_the_owner_hears_about_the_budget(prod):
    budget = prod.one("aws:budgets/budget:Budget", "tenant-search-budget").inputs
    assert (budget["limitAmount"], budget["limitUnit"], budget["timeUnit"]) == ("40000", "USD", "MONTHLY")
    assert budget["costFilters"] == [{"name": "TagKeyValue", "values": ["user:tenant$search"]}]
    alerts = [(notice["notificationType"], notice["threshold"]) for notice in budget["notifications"]]
    assert alerts == [("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100)]
    assert {address for n in budget["notifications"] for address in n["subscriberEmailAddresses"]} == {
        "search@acme.example.com"
    }
