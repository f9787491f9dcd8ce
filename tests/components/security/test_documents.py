import json

import pytest

from plinth.cluster import karpenter_policy
from plinth.security import documents

ACCOUNT, REGION = "123456789012", "eu-west-1"


def statements(document):
    return json.loads(json.dumps(document))["Statement"]


@pytest.mark.parametrize(
    ("region", "partition"), [("eu-west-1", "aws"), ("us-gov-west-1", "aws-us-gov"), ("cn-north-1", "aws-cn")]
)
def test_partition(region, partition):
    assert documents.partition(region) == partition


def test_pod_identity_trusts_one_service_account_of_one_cluster():
    trust = documents.pod_identity_trust(ACCOUNT, "arn:cluster", "plinth-system", "gateway")
    (statement,) = statements(trust)
    assert statement["Principal"] == {"Service": "pods.eks.amazonaws.com"}
    assert statement["Action"] == ["sts:AssumeRole", "sts:TagSession"]
    assert statement["Condition"]["StringEquals"] == {
        "aws:SourceAccount": ACCOUNT,
        "aws:RequestTag/kubernetes-namespace": "plinth-system",
        "aws:RequestTag/kubernetes-service-account": "gateway",
    }
    assert statement["Condition"]["ArnEquals"] == {"aws:SourceArn": "arn:cluster"}


def test_logs_may_use_their_key_for_this_account_only():
    statement = documents.logs_may_use_key(REGION, ACCOUNT)
    assert statement["Principal"] == {"Service": "logs.eu-west-1.amazonaws.com"}
    context = statement["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]
    assert context == "arn:aws:logs:eu-west-1:123456789012:log-group:*"


def test_volumes_use_their_key_through_ec2_in_this_account():
    for statement in documents.volumes_may_use_key(REGION, ACCOUNT):
        assert statement["Condition"]["StringEquals"] == {
            "kms:ViaService": "ec2.eu-west-1.amazonaws.com",
            "kms:CallerAccount": ACCOUNT,
        }


def test_buckets_refuse_what_is_not_tls_12():
    document = documents.tls_only("arn:aws:s3:::bucket")
    assert [(s["Effect"], s["Condition"]) for s in statements(document)] == [
        ("Deny", {"Bool": {"aws:SecureTransport": "false"}}),
        ("Deny", {"NumericLessThan": {"s3:TlsVersion": "1.2"}}),
    ]
    assert statements(document)[0]["Resource"] == ["arn:aws:s3:::bucket", "arn:aws:s3:::bucket/*"]


def test_secrets_are_decrypted_through_secrets_manager_only():
    read, decrypt = statements(documents.read_secrets(["arn:secret"], "arn:key", REGION))
    assert read["Resource"] == ["arn:secret"]
    assert decrypt["Condition"] == {"StringEquals": {"kms:ViaService": "secretsmanager.eu-west-1.amazonaws.com"}}


def karpenter():
    return karpenter_policy.controller_policies(
        cluster_name="plinth-dev", region=REGION, account_id=ACCOUNT, node_role_arn="arn:role", queue_arn="arn:queue"
    )


IDENTITY_DOCUMENTS = {
    "flow logs": documents.write_flow_logs("arn:group"),
    "secrets": documents.read_secrets(["arn:secret"], "arn:key", REGION),
    **{f"karpenter {label}": document for label, document in karpenter().items()},
}


@pytest.mark.parametrize("name", IDENTITY_DOCUMENTS)
def test_no_statement_allows_everything_everywhere(name):
    for statement in statements(IDENTITY_DOCUMENTS[name]):
        assert not any(action == "*" or action.endswith(":*") for action in statement["Action"])
        if statement["Resource"] == ["*"]:
            reads = all(a.partition(":")[2].startswith(("Describe", "Get", "List")) for a in statement["Action"])
            assert reads, statement


def test_karpenter_changes_only_what_carries_the_clusters_tag():
    for statement in statements(karpenter()["nodes"]):
        if statement["Sid"] == "StartFrom":
            # What an instance is started from; the instance itself needs the tag.
            assert not any(":instance/" in resource for resource in statement["Resource"])
            continue
        owners = [
            k for test in statement["Condition"].values() for k in test if "kubernetes.io/cluster/plinth-dev" in k
        ]
        assert owners, statement["Sid"]


def test_karpenter_passes_on_only_the_nodes_role_and_only_to_ec2():
    (passing,) = (s for s in statements(karpenter()["profiles"]) if s["Action"] == ["iam:PassRole"])
    assert passing["Resource"] == ["arn:role"]
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}


def test_karpenters_policies_fit_into_a_role():
    # IAM allows 10,240 characters of inline policies in a role, without white space.
    assert sum(len(json.dumps(document, separators=(",", ":"))) for document in karpenter().values()) < 10_240
