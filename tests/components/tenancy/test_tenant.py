import json

import pytest
import yaml
from support.platforms import recorded_platform
from support.worlds import ROOT

from plinth import naming
from plinth.spec import SpecError, load_spec
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
        "requests.cpu": "400",
        "requests.memory": "4096Gi",
        "limits.memory": "4096Gi",
        "requests.nvidia.com/gpu": "24",
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
    assert made - {naming.BATCH_PRIORITY} | {"system-cluster-critical", "system-node-critical"} == set(scope["values"])


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


def test_the_teams_role_is_in_its_group_and_no_other(prod):
    entries = {entry.name: entry.inputs for entry in prod.of("aws:eks/accessEntry:AccessEntry")}
    entry = entries["tenant-search-access-team-search"]
    assert entry["principalArn"] == "arn:aws:iam::777788889999:role/team-search"
    assert entry["kubernetesGroups"] == ["tenant:search"]
    assert not [name for name in entries if name.startswith("tenant-search-access-") and "search" not in name[14:]]


def test_a_tenant_reads_and_writes_its_own_place_in_its_buckets_and_no_other(prod):
    document = json.loads(prod.one("aws:iam/rolePolicy:RolePolicy", "tenant-search-data-buckets").inputs["policy"])
    statements = {statement["Sid"]: statement for statement in document["Statement"]}
    assert statements["List"]["Condition"] == {"StringLike": {"s3:prefix": ["tenants/search/*"]}}
    assert statements["Objects"]["Resource"] == [
        f"{bucket}/tenants/search/*" for bucket in statements["List"]["Resource"]
    ]
    through = statements["Key"]["Condition"]["StringEquals"]
    assert through["kms:ViaService"] == "s3.us-east-1.amazonaws.com"
    assert through["kms:EncryptionContext:aws:s3:arn"] == statements["List"]["Resource"]
    association = prod.one("aws:eks/podIdentityAssociation:PodIdentityAssociation", "tenant-search-data-association")
    account = prod.one("kubernetes:core/v1:ServiceAccount", "tenant-search-data-account").inputs
    assert association.inputs["namespace"] == account["metadata"]["namespace"] == "tenant-search"
    assert association.inputs["serviceAccount"] == account["metadata"]["name"]
    assert account["automountServiceAccountToken"] is False


def test_only_pods_that_say_so_reach_aws(prod):
    spec = prod.one(POLICY, "tenant-search-aws").inputs["spec"]
    assert spec["podSelector"] == {"matchLabels": {plan.AWS_LABEL: "true"}}
    assert spec["policyTypes"] == ["Egress"]
    alone = recorded_platform("dev")  # where support was granted nothing
    assert not [policy for policy in alone.of(POLICY) if policy.name == "tenant-support-aws"]


def test_traces_of_a_tenant_carry_its_project(prod):
    text = prod.one("kubernetes:core/v1:ConfigMap", "tenant-search-telemetry").inputs["data"]
    attributes = dict(item.split("=") for item in text["OTEL_RESOURCE_ATTRIBUTES"].split(","))
    space = prod.one("kubernetes:core/v1:Namespace", "tenant-search-namespace").inputs["metadata"]
    assert attributes["plinth.trace.project"] == space["annotations"][plan.TRACE_PROJECT] == "prod-search"
    config = json.loads(prod.one("kubernetes:core/v1:ConfigMap", "gateway-config").inputs["data"]["runtime.json"])
    assert {tenant["name"]: tenant["trace_project"] for tenant in config["tenants"]}["search"] == "prod-search"


def refused(**changes):
    document = yaml.safe_load((ROOT / "Pulumi.prod.yaml").read_text())["config"]["plinth:platform"]
    document["tenants"][0] |= changes
    with pytest.raises(SpecError) as caught:
        load_spec(document)
    return str(caught.value)


def test_a_bucket_that_is_not_there_and_a_role_with_two_places_are_mistakes():
    assert "tenants[0].buckets[0]: 'dataset' is not allowed" in refused(buckets=["dataset"])
    assert "Did you mean 'datasets'?" in refused(buckets=["dataset"])
    oncall = "arn:aws:iam::777788889999:role/platform-oncall"
    assert "a role that the cluster section does not have already" in refused(team_roles=[oncall])
    support = "arn:aws:iam::777788889999:role/team-support"
    assert "tenants[1].team_roles[0]" in refused(team_roles=[support])
