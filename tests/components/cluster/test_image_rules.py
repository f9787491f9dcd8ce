import json

import pytest
from pydantic import ValidationError
from support.recorder import record
from support.worlds import document, environment, spec

from plinth import naming, pods
from plinth.cluster import image_policy, walls
from plinth.cluster.image_rules import ImageRules
from plinth.spec import load_spec
from plinth.spec.images import IdentitySignature, KeySignature, KmsSignature, NotationSignature, registries
from plinth.spec.images import ImageRules as Section
from plinth.spec.problem import SpecError

OWN = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
PEM = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n"
KEY = KeySignature(kind="key", name="acme", images=["quay.io/acme/*"], public_key=PEM)
IDENTITY = IdentitySignature(
    kind="identity",
    name="release",
    images=[f"{OWN}/plinth-runtime*"],
    issuer="https://token.actions.githubusercontent.com",
    subject="https://github.com/acme/plinth/.github/workflows/release.yml@refs/heads/main",
)
SECTION = Section(registries=["quay.io/acme"], signatures=[KEY, IDENTITY])
POLICIES = (
    "kubernetes:policies.kyverno.io/v1:ValidatingPolicy",
    "kubernetes:policies.kyverno.io/v1:ImageValidatingPolicy",
)


def build(section=SECTION, stage="production"):
    return record(
        lambda: ImageRules(
            "images", section, environment=environment(stage), cluster_name="plinth-prod", namespace="plinth-system"
        )
    )


def origin(**fields):
    return image_policy.origin(Section(**fields), environment("production")).to_object()


def signed(signature, stage="production"):
    return image_policy.signed(signature, SECTION, environment(stage)).to_object()


def test_images_are_by_digest_and_from_the_accounts_registry_and_those_allowed():
    digest, registry = origin(registries=["quay.io/acme"])["validations"]
    assert "@sha256:[0-9a-f]{64}$" in digest["expression"]
    assert f"['{OWN}/', 'quay.io/acme/']" in registry["expression"]
    assert "quay.io/acme" in registry["message"]
    (containers,) = origin()["variables"]
    for kind in ("containers", "initContainers", "ephemeralContainers"):
        assert f"object.spec.{kind}" in containers["expression"].replace("?", "")


def test_a_container_that_is_put_into_a_running_pod_is_looked_at_too():
    (rule,) = origin()["matchConstraints"]["resourceRules"]
    assert rule["resources"] == ["pods", "pods/ephemeralcontainers"]
    assert rule["operations"] == ["CREATE", "UPDATE"]


@pytest.mark.parametrize("policy", [origin(), signed(KEY), signed(IDENTITY)])
def test_a_kyverno_that_is_down_keeps_nothing_down_that_it_stands_on(policy):
    (expression,) = policy["matchConstraints"]["namespaceSelector"]["matchExpressions"]
    assert (expression["key"], expression["operator"]) == ("kubernetes.io/metadata.name", "NotIn")
    platform = {space.name for space in walls.NAMESPACES} - {naming.SERVING_NAMESPACE}
    assert set(expression["values"]) == {"kube-system", "kube-public", "kube-node-lease", *platform}


def test_the_charts_webhooks_leave_the_same_namespaces_alone():
    values = image_policy.chart_values(environment("production"))
    (expression,) = values["config"]["webhooks"]["namespaceSelector"]["matchExpressions"]
    assert expression["values"] == list(image_policy.EXEMPT)
    assert values["global"]["tolerations"] == list(pods.SYSTEM_TOLERATIONS)
    assert values["features"]["policyExceptions"] == {"enabled": False}
    assert values["crds"] == {"install": False}


@pytest.mark.parametrize(("stage", "policy", "replicas"), [("production", "Fail", 3), ("development", "Ignore", 1)])
def test_pods_wait_for_kyverno_only_where_it_has_several_replicas(stage, policy, replicas):
    assert image_policy.failure_policy(environment(stage)) == policy
    assert signed(KEY, stage)["failurePolicy"] == policy
    admission = image_policy.chart_values(environment(stage))["admissionController"]
    assert admission["replicas"] == replicas
    assert admission["podDisruptionBudget"]["enabled"] is (replicas > 1)


def test_a_signature_by_key_is_asked_for():
    policy = signed(KEY)
    (attestor,) = policy["attestors"]
    assert attestor["cosign"]["key"] == {"data": PEM, "hashAlgorithm": "sha256"}
    assert attestor["cosign"]["ctlog"] == {"url": image_policy.REKOR}
    assert policy["matchImageReferences"] == [{"glob": "quay.io/acme/*"}]
    assert policy["validationConfigurations"] == {"mutateDigest": False, "verifyDigest": True, "required": True}
    checked = [rule["expression"] for rule in policy["validations"]]
    assert [text.split(".all(")[0] for text in checked] == [
        "images.containers",
        "images.initContainers",
        "images.ephemeralContainers",
    ]


def test_private_signing_needs_no_public_log():
    policy = signed(KEY.model_copy(update={"transparency_log": False}))
    assert policy["attestors"][0]["cosign"]["ctlog"] == {"insecureIgnoreTlog": True, "insecureIgnoreSCT": True}


def test_a_signature_by_identity_is_asked_for():
    (attestor,) = signed(IDENTITY)["attestors"]
    assert attestor["cosign"]["keyless"] == {
        "identities": [{"issuer": IDENTITY.issuer, "subject": IDENTITY.subject}],
    }


KMS = KmsSignature(
    kind="kms",
    name="vault",
    images=["quay.io/acme/*"],
    key_arn="arn:aws:kms:us-east-1:210987654321:key/1234abcd-12ab-34cd-56ef-1234567890ab",
)
EVERYWHERE = "arn:aws:kms:eu-west-1:210987654321:key/mrk-" + "0123456789abcdef" * 2
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def test_a_signature_by_a_key_in_kms_is_asked_for():
    (attestor,) = signed(KMS)["attestors"]
    assert attestor["cosign"]["key"] == {"kms": f"awskms:///{KMS.key_arn}", "hashAlgorithm": "sha256"}


def test_a_multi_region_key_is_asked_for_where_the_cluster_is():
    (attestor,) = signed(KMS.model_copy(update={"key_arn": EVERYWHERE}))["attestors"]
    assert attestor["cosign"]["key"]["kms"] == f"awskms:///{EVERYWHERE.replace('eu-west-1', 'us-east-1')}"


def test_kyverno_reads_the_public_half_of_the_key_and_does_nothing_else_with_it():
    recorded = build(Section(signatures=[KMS]))
    policy = json.loads(recorded.one("aws:iam/rolePolicy:RolePolicy", "images-identity-keys").inputs["policy"])
    (statement,) = policy["Statement"]
    assert statement["Action"] == ["kms:DescribeKey", "kms:GetPublicKey"]
    assert statement["Resource"] == [KMS.key_arn]


def test_a_key_of_another_region_alone_is_refused():
    data = document("prod")
    data["cluster"]["images"] = {
        **data["cluster"].get("images", {}),
        "signatures": [{**KMS.model_dump(), "key_arn": KMS.key_arn.replace("us-east-1", "eu-west-1")}],
    }
    data.pop("recovery", None)
    with pytest.raises(SpecError, match=r"a key of us-east-1, or a multi-Region key \(mrk-\.\.\.\)"):
        load_spec(data)


def test_a_signature_by_certificate_is_asked_for():
    signature = NotationSignature(kind="notation", name="ca", images=["quay.io/acme/*"], certificates=CERTIFICATE)
    (attestor,) = signed(signature)["attestors"]
    assert attestor == {"name": "signer", "notary": {"certs": {"value": CERTIFICATE}}}
    (attestor,) = signed(signature.model_copy(update={"timestamp_certificates": CERTIFICATE}))["attestors"]
    assert attestor["notary"]["tsaCerts"] == {"value": CERTIFICATE}


def test_rules_can_be_tried_before_they_refuse():
    assert origin()["validationActions"] == ["Deny"]
    assert origin(enforce=False)["validationActions"] == ["Audit"]


def test_rules_come_after_kyverno_and_go_before_it():
    recorded = build()
    policies = [policy for kind in POLICIES for policy in recorded.of(kind)]
    assert {policy.inputs["metadata"]["name"] for policy in policies} == {
        "image-origin",
        "image-signed-acme",
        "image-signed-release",
    }
    assert all("images-kyverno" in policy.depends_on for policy in policies)


def test_only_who_fetches_signatures_reads_the_registry():
    roles = build().of("aws:iam/rolePolicy:RolePolicy")
    (pull, sign_in) = json.loads(roles[0].inputs["policy"])["Statement"]
    assert len(roles) == 1
    assert pull["Resource"] == ["arn:aws:ecr:us-east-1:123456789012:repository/*"]
    assert sign_in["Action"] == ["ecr:GetAuthorizationToken"]
    assert not build(Section()).of("aws:iam/role:Role")


def test_the_accounts_own_registry_has_its_partitions_name():
    assert registries(Section(), environment(region="cn-north-1")) == [
        "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn"
    ]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"registries": ["quay.io/acme/"]}, "pattern"),
        ({"registries": ["docker"]}, "pattern"),
        ({"signatures": [KEY, KEY]}, "same name"),
        ({"signatures": [{**KMS.model_dump(), "key_arn": "alias/acme"}]}, "key_arn"),
        (
            {"signatures": [{"kind": "notation", "name": "ca", "images": ["quay.io/a/*"], "certificates": PEM}]},
            "must be certificates in PEM",
        ),
    ],
)
def test_mistakes_in_rules_are_refused(fields, message):
    with pytest.raises(ValidationError, match=message):
        Section(**fields)


def test_a_private_key_is_refused():
    with pytest.raises(ValidationError, match="must be a public key"):
        KeySignature(kind="key", name="acme", images=["quay.io/acme/*"], public_key="-----BEGIN PRIVATE KEY-----")


def test_the_platforms_own_images_must_be_admitted():
    data = spec("dev").model_dump()
    data["gateway"]["image"] = "quay.io/acme/plinth-runtime@sha256:" + "0" * 64
    with pytest.raises(SpecError) as refused:
        load_spec(data)
    assert "gateway.image" in str(refused.value)
    assert "cluster.images.registries" in str(refused.value)
    data["cluster"]["images"]["registries"] = ["quay.io/acme"]
    load_spec(data)
