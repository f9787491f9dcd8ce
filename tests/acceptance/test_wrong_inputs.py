"""Mistakes: in the spec, in a component, against policy. Each is told in words, with where it is and what to do."""

import pytest
from acceptance import observe
from acceptance.checkout import Checkout, Ran

PROVIDERS = """
import pulumi, pulumi_aws as aws, pulumi_kubernetes as k8s
from plinth.program import read_spec
from plinth.providers import base_providers
given = base_providers(read_spec().environment, None)
opts = pulumi.ResourceOptions(provider=given.aws)
"""


@pytest.fixture(scope="module")
def checkout(make_checkout) -> Checkout:
    return make_checkout("wrong")


def refused(run: Ran, code: int = 1) -> str:
    assert run.code == code, run.said
    assert "Traceback" not in run.said and 'File "' not in run.said
    assert "grpc" not in run.said.lower()
    return run.said


@pytest.mark.parametrize("command", [("validate", "staging"), ("preview", "staging", "--rehearse")], ids=lambda c: c[0])
def test_every_mistake_of_a_spec_is_told_at_once_with_the_nearest_word(checkout, command):
    def wrong(spec):
        spec["gpu_pool"] = spec.pop("gpu_pools")
        spec["network"] |= {"nat": "per_zon", "cidr": "10.20.0.0/33"}
        spec["postgres"]["max_acu"] = "two"
        del spec["environment"]["owner"]

    original = checkout.spec("staging")
    checkout.edit_spec("staging", wrong)
    try:
        said = refused(checkout.plinth(*command))
    finally:
        checkout.edit_spec("staging", lambda spec: (spec.clear(), spec.update(original)))
    assert "5 mistakes in Pulumi.staging.yaml" in said
    lines = {line.strip().removeprefix("- ").partition(": ")[0]: line for line in said.splitlines() if "  - " in line}
    assert set(lines) == {"gpu_pool", "network.nat", "network.cidr", "postgres.max_acu", "environment.owner"}
    assert "Did you mean 'gpu_pools'?" in lines["gpu_pool"]
    assert "Did you mean 'per_zone'?" in lines["network.nat"] and "'per_zon'" in lines["network.nat"]
    assert "'10.20.0.0/33'" in lines["network.cidr"]
    assert "number" in lines["postgres.max_acu"]


def test_references_to_nothing_are_told_at_once(checkout):
    def wrong(spec):
        spec["tenants"][0]["routes"] = ["chatt"]
        spec["gateway"]["routes"][0]["targets"][0]["model"] = "chat-smal"

    original = checkout.spec("dev")
    checkout.edit_spec("dev", wrong)
    try:
        said = refused(checkout.plinth("validate", "dev"))
    finally:
        checkout.edit_spec("dev", lambda spec: (spec.clear(), spec.update(original)))
    assert "2 mistakes" in said
    assert "tenants[0].routes[0]" in said and "Did you mean 'chat'?" in said
    assert "gateway.routes[0].targets[0].model" in said and "Did you mean 'chat-small'?" in said


CASES = {
    "misspelt, nested": (
        "aws.s3.BucketVersioning('wrong', bucket='b', versioning_configuration={'statuss': 'Enabled'}, opts=opts)",
        "aws:s3/bucketVersioning:BucketVersioning wrong",
        ["versioningConfiguration.statuss", "did you mean 'status'?"],
    ),
    "misspelt argument": (
        "aws.s3.Bucket('wrong', bukket='b', opts=opts)",
        "Bucket",
        ["no argument 'bukket'", "Did you mean 'bucket'?", "__main__.py:7"],
    ),
    "missing": (
        "aws.eks.Addon('wrong', cluster_name='c', addon_name=None, opts=opts)",
        "Addon wrong",
        ["lacks the argument 'addon_name'", "__main__.py:7"],
    ),
    "missing, nested": (
        "aws.ec2.SecurityGroup('wrong', ingress=[{'protocol': 'tcp', 'from_port': 443}], opts=opts)",
        "aws:ec2/securityGroup:SecurityGroup wrong",
        ["ingress[0].toPort", "required but missing"],
    ),
    "wrong type": (
        "aws.sqs.Queue('wrong', visibility_timeout_seconds='soon', opts=opts)",
        "aws:sqs/queue:Queue wrong",
        ["visibilityTimeoutSeconds", "must be an integer", "'soon'"],
    ),
    "no provider": (
        "aws.sqs.Queue('wrong')",
        "aws:sqs/queue:Queue wrong",
        ["explicit provider"],
    ),
    "unknown Kubernetes field": (
        "kube = k8s.Provider('kube', kubeconfig='{}')\n"
        "k8s.core.v1.Namespace('wrong', metadata={'name': 'x', 'labelss': {}}, "
        "opts=pulumi.ResourceOptions(provider=kube))",
        "kubernetes:core/v1:Namespace wrong",
        ["metadata.labelss", "did you mean labels?"],
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_wrong_input_fails_the_rehearsal_and_names_resource_and_property(checkout, case):
    program, resource, words = case
    checkout.program(f"{PROVIDERS}{program}\n")
    run = checkout.plinth("preview", "dev", "--rehearse", "--json")
    said = refused(run)
    error = run.doc["error"]
    assert resource in error["what"]
    assert all(word in said for word in words), error


VIOLATIONS = {
    "of one resource": (
        "aws.s3.BucketPublicAccessBlock('wide', bucket=good.bucket, block_public_acls=False, opts=opts)",
        "stores-encrypted-and-private",
        ("BucketPublicAccessBlock wide", "blockPublicAcls is false", "Fix: set it to true"),
    ),
    "of the whole stack": (
        "aws.s3.BucketVersioning('versions', bucket=good.bucket, "
        "versioning_configuration={'status': 'Enabled'}, opts=opts)",
        "stores-encrypted-and-private-complete",
        ("Bucket good", "no BucketServerSideEncryptionConfiguration", "Fix: declare the bucket in storage.buckets"),
    ),
}


@pytest.mark.parametrize("case", VIOLATIONS.values(), ids=VIOLATIONS.keys())
def test_a_mandatory_violation_stops_the_update_before_anything_is_made(checkout, case):
    program, rule, words = case
    checkout.program(f"{PROVIDERS}good = aws.s3.Bucket('good', opts=opts)\n{program}\n")
    plain = checkout.plinth("up", "dev", "--rehearse")
    said = refused(plain, code=3)
    assert f"policy {rule} " in said
    assert all(word in said for word in words), said
    as_json = checkout.plinth("preview", "dev", "--rehearse", "--json")
    refused(as_json, code=3)
    assert rule in {found["policy"] for found in as_json.doc["policy"]["violations"] if found["level"] == "mandatory"}
    assert observe.ledger(checkout, "dev") == {}, "it was made although policy forbids it"
    assert observe.made(checkout, "dev") == {}
