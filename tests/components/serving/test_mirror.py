"""Public weights are copied by a Job that may do that and nothing else, before the model that needs them."""

import json

import pytest
from pydantic import ValidationError
from support.models import self_hosted
from support.platforms import recorded_platform

from plinth.serving import mirror
from plinth.spec.models import Canary
from plinth.spec.weights import HuggingFaceSource
from plinth_runtime.mirror.config import WeightsMirror

REVISION = "0e9e39f249a16976918f6564b8830bc894c89659"
PATH = f"hugging-face/meta-llama/Llama-3.1-8B-Instruct/{REVISION}"


def source(**changes):
    facts = {"kind": "hugging_face", "repository": "openai/gpt-oss-20b", "revision": REVISION, **changes}
    return HuggingFaceSource.model_validate(facts)


@pytest.fixture(scope="module")
def staging():
    return recorded_platform("staging")


@pytest.fixture(scope="module")
def name(staging):
    (job,) = [item for item in staging.of("kubernetes:batch/v1:Job") if item.name.startswith("mirror-")]
    return job.name.removesuffix("-job")


def test_the_job_copies_what_the_spec_says_to_where_the_model_reads(staging, name):
    config = WeightsMirror.model_validate_json(
        staging.one("kubernetes:core/v1:ConfigMap", f"{name}-config").inputs["data"]["mirror.json"]
    )
    assert (config.repository, config.revision, config.path) == (
        "meta-llama/Llama-3.1-8B-Instruct",
        REVISION,
        PATH,
    )
    assert config.hub == "https://huggingface.co"
    assert config.bucket == "storage-models-id"
    assert PATH in json.dumps(
        [item.inputs for item in staging.of("kubernetes:ray.io/v1:RayService") if "summaries" in item.name]
    )


def test_the_token_is_a_file_and_comes_from_secrets_manager(staging, name):
    pod = staging.one("kubernetes:batch/v1:Job", f"{name}-job").inputs["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert [variable["name"] for variable in container["env"]] == ["AWS_REGION"]
    (mounted,) = [volume for volume in pod["volumes"] if volume["name"] == "token"]
    secret = staging.one("kubernetes:external-secrets.io/v1:ExternalSecret", f"{name}-token").inputs
    assert mounted["secret"]["secretName"] == secret["spec"]["target"]["name"]
    assert secret["spec"]["data"] == [
        {"secretKey": "token", "remoteRef": {"key": "plinth/staging/providers/hugging-face"}}
    ]


def test_it_writes_to_its_prefix_alone(staging, name):
    policy = json.loads(staging.one("aws:iam/rolePolicy:RolePolicy", f"{name}-identity-weights").inputs["policy"])
    statements = {each["Sid"]: each for each in policy["Statement"]}
    assert statements["WriteMirror"]["Resource"].endswith(f"/{PATH}/*")
    assert statements["ListMirror"]["Condition"] == {"StringLike": {"s3:prefix": f"{PATH}/*"}}
    assert not [action for each in policy["Statement"] for action in each["Action"] if "Delete" in action]


def test_the_model_comes_after_its_weights(staging, name):
    (service,) = [item for item in staging.of("kubernetes:ray.io/v1:RayService") if "summaries" in item.name]
    assert f"{name}-job" in service.depends_on


def test_what_two_models_share_is_copied_once():
    models = [
        self_hosted(source=source()),
        self_hosted(name="m2", source=source()),
        self_hosted(name="m3", source=source(revision="f" * 40)),
        self_hosted(name="m4", canary=Canary(weight=1, source=source())),
    ]
    found = mirror.mirrored(models)
    assert [item.revision for item in found] == [REVISION, "f" * 40]
    assert len({mirror.short_name(item) for item in found}) == 2


@pytest.mark.parametrize(
    "change", [{"revision": "main"}, {"repository": "gpt-oss-20b"}, {"repository": "../x/y"}], ids=str
)
def test_what_could_change_or_is_no_repository_is_refused(change):
    (field,) = change
    with pytest.raises(ValidationError, match=field):
        source(**change)
