import json
from pathlib import Path

import pulumi
import pulumi_kubernetes as k8s
import pytest
from support.recorder import record
from support.snapshot import check_identities
from support.worlds import environment

from plinth.base import Component
from plinth.security.identity import WorkloadIdentity
from plinth.security.keys import Keys
from plinth.security.secrets import RemoteSecret, SecretsBridge, external_secret, managed_secret

KEY = "aws:kms/key:Key"
STORE = "kubernetes:external-secrets.io/v1:ClusterSecretStore"


def keys(stage="development"):
    return lambda: Keys("keys", environment=environment(stage))


def bridge(stage="development"):
    return lambda: SecretsBridge(
        "secrets",
        environment=environment(stage),
        cluster_name="plinth-dev",
        namespace="plinth-system",
        secrets_key_arn="arn:aws:kms:us-east-1:123456789012:key/secrets",
    )


@pytest.mark.parametrize(("build", "file"), [(keys, "keys"), (bridge, "secrets")])
def test_identities_are_pinned_and_the_same_in_a_preview(build, file):
    recorded = record(build())
    check_identities(recorded, Path(__file__).with_name(f"{file}.json"))
    assert record(build(), preview=True).identities == recorded.identities


@pytest.mark.parametrize(
    ("stage", "protect", "retain", "days"),
    [
        ("local", False, False, 7),
        ("development", False, False, 7),
        ("staging", True, False, 30),
        ("production", True, True, 30),
    ],
)
def test_keys_rotate_and_the_stage_decides_how_hard_they_are_to_lose(stage, protect, retain, days):
    for key in record(keys(stage)).of(KEY):
        assert key.inputs["enableKeyRotation"] is True
        assert (key.protect, key.retain_on_delete) == (protect, retain)
        assert key.inputs["deletionWindowInDays"] == days


def test_each_domain_has_its_key_and_its_alias():
    recorded = record(keys())
    assert {domain: recorded.value(arn) for domain, arn in recorded.result.arn.items()} == {
        domain: f"arn:aws:kms:us-east-1:123456789012:keys-{domain}" for domain in ("data", "secrets", "logs", "cluster")
    }
    aliases = {alias.inputs["name"] for alias in recorded.of("aws:kms/alias:Alias")}
    assert aliases == {f"alias/plinth/dev/{domain}" for domain in ("data", "secrets", "logs", "cluster")}


def test_only_keys_that_services_need_admit_a_service():
    sids = {
        key.name: [statement["Sid"] for statement in json.loads(key.inputs["policy"])["Statement"][1:]]
        for key in record(keys()).of(KEY)
    }
    assert sids == {
        "keys-data": ["ServicesSend", "S3Vectors"],
        "keys-secrets": [],
        "keys-logs": ["CloudWatchLogs"],
        "keys-cluster": ["EbsVolumes", "EbsGrants"],
    }


@pytest.mark.parametrize("policy", [{"Version": "1"}, '{"Version": "1"}', "output"])
def test_a_workload_identity_takes_a_policy_in_any_form(policy):
    recorded = record(
        lambda: WorkloadIdentity(
            "loader",
            environment=environment(),
            cluster_name="plinth-dev",
            namespace="plinth-serving",
            service_account="loader",
            # An Output belongs to the event loop that it was made in, so it is made here.
            policies={"read": pulumi.Output.from_input({"Version": "1"}) if policy == "output" else policy},
        )
    )
    assert json.loads(recorded.one("aws:iam/rolePolicy:RolePolicy").inputs["policy"]) == {"Version": "1"}
    association = recorded.one("aws:eks/podIdentityAssociation:PodIdentityAssociation")
    assert association.inputs["serviceAccount"] == "loader"
    assert "loader-read" in association.depends_on
    trust = json.loads(recorded.one("aws:iam/role:Role").inputs["assumeRolePolicy"])
    assert trust["Statement"][0]["Condition"]["ArnEquals"] == {
        "aws:SourceArn": "arn:aws:eks:us-east-1:123456789012:cluster/plinth-dev"
    }


def test_the_bridge_reads_this_environments_secrets_and_no_others():
    recorded = record(bridge())
    policy = json.loads(recorded.one("aws:iam/rolePolicy:RolePolicy", "secrets-identity-read").inputs["policy"])
    assert policy["Statement"][0]["Resource"] == ["arn:aws:secretsmanager:us-east-1:123456789012:secret:plinth/dev/*"]
    store = recorded.one(STORE).inputs["spec"]
    assert store["conditions"] == [{"namespaces": ["plinth-system", "plinth-serving", "plinth-monitoring"]}]
    assert recorded.value(recorded.result.store_name) == "platform"


def test_the_operator_comes_after_its_identity_and_before_its_store():
    recorded = record(bridge("production"))
    release = recorded.one("kubernetes:helm.sh/v3:Release")
    assert "secrets-identity-association" in release.depends_on
    assert "secrets-operator" in recorded.one(STORE).depends_on
    assert release.inputs["version"]
    values = release.inputs["values"]
    assert values["replicaCount"] == 2
    for pod in (values, values["webhook"], values["certController"]):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["capabilities"] == {"drop": ["ALL"]}


class Owner(Component):
    def __init__(self, stage):
        super().__init__("Owner", "owner", {}, environment=environment(stage), opts=None)
        self.arn = managed_secret(
            self,
            "owner-token",
            environment=environment(stage),
            secret_name="plinth/dev/token",
            value="canary-value",
            key_arn="arn:key",
            description="A token",
        )
        self.register_outputs({})


@pytest.mark.parametrize(("stage", "days"), [("local", 0), ("production", 30)])
def test_a_managed_secret_travels_as_a_secret(stage, days):
    recorded = record(lambda: Owner(stage))
    version = recorded.one("aws:secretsmanager/secretVersion:SecretVersion")
    assert version.inputs["secretString"] == "canary-value"
    assert version.secrets == {"secretString"}
    assert recorded.leaks("canary") == []
    assert recorded.one("aws:secretsmanager/secret:Secret").inputs["recoveryWindowInDays"] == days
    assert (
        recorded.value(recorded.result.arn) == "arn:aws:secretsmanager:us-east-1:123456789012:secret:owner-token-value"
    )


def test_an_external_secret_says_where_each_key_comes_from():
    recorded = record(
        lambda: external_secret(
            "gateway-keys",
            namespace="plinth-system",
            target="gateway-keys",
            entries={"keys.json": RemoteSecret("plinth/dev/gateway/keys"), "user": RemoteSecret("arn:db", "username")},
            store_name="platform",
            opts=pulumi.ResourceOptions(),
        )
    )
    spec = recorded.one("kubernetes:external-secrets.io/v1:ExternalSecret").inputs["spec"]
    assert spec["secretStoreRef"] == {"kind": "ClusterSecretStore", "name": "platform"}
    assert spec["data"] == [
        {"secretKey": "keys.json", "remoteRef": {"key": "plinth/dev/gateway/keys"}},
        {"secretKey": "user", "remoteRef": {"key": "arn:db", "property": "username"}},
    ]
    assert isinstance(recorded.result, k8s.apiextensions.CustomResource)
