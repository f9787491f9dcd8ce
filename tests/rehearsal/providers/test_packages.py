"""The stand-ins without an engine: names, made-up outputs, random values, Snowflake's rules."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plinth_cli.rehearsal import schema
from plinth_cli.rehearsal.aws import AwsPackage
from plinth_cli.rehearsal.package import Call, Naming, Refusal, Urn
from plinth_cli.rehearsal.random_ import RandomPackage
from plinth_cli.rehearsal.snowflake import SnowflakePackage
from plinth_cli.rehearsal.values import UNKNOWN, Secret

SDKS = schema.installed()
AWS, RANDOM, SNOWFLAKE = (
    AwsPackage(SDKS["aws"], None),
    RandomPackage(SDKS["random"]),
    SnowflakePackage(SDKS["snowflake"]),
)
BUCKET = "aws:s3/bucket:Bucket"
ROLE = "aws:iam/role:Role"
PLAIN = Naming()


def call(token, name="thing", preview=False, **config):
    return Call(Urn.parse(f"urn:pulumi:dev::acme::{token}::{name}"), config, preview)


def checked(package, token, inputs, old=None, name="thing", naming=PLAIN):
    answer = package.check(call(token, name), inputs, old or {}, naming)
    assert not answer.failures, answer.failures
    return answer.inputs


# --- names -----------------------------------------------------------------------------------------------------


def test_a_missing_name_is_made_up_once_and_kept():
    first = checked(AWS, BUCKET, {}, name="Data_Lake")
    assert re.fullmatch(r"data-lake-[0-9a-f]{7}|data_lake-[0-9a-f]{7}", first["bucket"])
    assert first["__defaults"] == ["bucket"]
    again = checked(AWS, BUCKET, {"tags": {"a": "b"}}, old=first, name="Renamed")
    assert again["bucket"] == first["bucket"]
    given_name = checked(AWS, BUCKET, {"bucket": "mine"}, old=first)
    assert given_name["bucket"] == "mine"
    assert "__defaults" not in given_name


@given(st.text(alphabet=string.ascii_lowercase + "-", min_size=1, max_size=200))
@settings(max_examples=50)
def test_names_fit_the_limit_of_the_service(name):
    assert len(checked(AWS, ROLE, {"assumeRolePolicy": "{}"}, name=name)["name"]) <= 64
    assert len(checked(AWS, BUCKET, {}, name=name)["bucket"]) <= 63


def test_auto_naming_can_be_configured():
    assert checked(AWS, BUCKET, {}, naming=Naming("acme-prod-data", "enforce"))["bucket"] == "acme-prod-data"
    (failure,) = AWS.check(call(BUCKET), {}, {}, Naming(None, "disable")).failures
    assert failure.path == "bucket"
    assert "auto-naming is disabled" in failure.reason


def test_a_name_prefix_is_completed():
    name = checked(AWS, ROLE, {"assumeRolePolicy": "{}", "namePrefix": "acme-"})["name"]
    assert re.fullmatch(r"acme-[0-9a-f]{26}", name)


def test_a_fifo_queue_gets_the_name_that_its_service_wants():
    queue = "aws:sqs/queue:Queue"
    assert re.fullmatch(r"thing-[0-9a-f]{7}[.]fifo", checked(AWS, queue, {"fifoQueue": True})["name"])
    assert len(checked(AWS, queue, {"fifoQueue": True}, name="long" * 40)["name"]) == 80
    assert re.fullmatch(r"thing-[0-9a-f]{7}", checked(AWS, queue, {"fifoQueue": False})["name"])


# --- changes ---------------------------------------------------------------------------------------------------


def diff(package, token, old, new):
    return package.diff(call(token), "id", old, {}, new)


def test_a_fixed_name_is_deleted_before_it_is_replaced_and_a_made_up_one_after():
    old = checked(AWS, ROLE, {"assumeRolePolicy": "{}", "path": "/a/", "name": "mine"})
    new = checked(AWS, ROLE, {"assumeRolePolicy": "{}", "path": "/b/", "name": "mine"}, old=old)
    assert diff(AWS, ROLE, old, new).replaces == {"path"}
    assert diff(AWS, ROLE, old, new).delete_before_replace
    old = checked(AWS, ROLE, {"assumeRolePolicy": "{}", "path": "/a/"})
    new = checked(AWS, ROLE, {"assumeRolePolicy": "{}", "path": "/b/"}, old=old)
    assert diff(AWS, ROLE, old, new).replaces == {"path"}
    assert not diff(AWS, ROLE, old, new).delete_before_replace


@pytest.mark.parametrize(
    ("token", "old", "new", "replaces"),
    [
        ("aws:ec2/subnet:Subnet", {"vpcId": "v", "cidrBlock": "a"}, {"vpcId": "v", "cidrBlock": "b"}, {"cidrBlock"}),
        ("aws:kms/key:Key", {"description": "a"}, {"description": "b"}, set()),
        ("aws:kms/key:Key", {"multiRegion": False}, {"multiRegion": True}, {"multiRegion"}),
        ("aws:sqs/queue:Queue", {"region": "eu-west-1"}, {"region": "eu-west-2"}, {"region"}),
        (
            "aws:eks/cluster:Cluster",
            {"kubernetesNetworkConfig": {"serviceIpv4Cidr": "a"}},
            {"kubernetesNetworkConfig": {"serviceIpv4Cidr": "b"}},
            {"kubernetesNetworkConfig.serviceIpv4Cidr"},
        ),
        ("aws:dynamodb/table:Table", {"hashKey": "a"}, {"hashKey": "b"}, {"hashKey"}),
    ],
)
def test_what_cannot_change_in_place_is_replaced(token, old, new, replaces):
    assert diff(AWS, token, old, new).replaces == replaces


def test_the_sdks_own_documentation_tells_about_other_types():
    token = "aws:fsx/lustreFileSystem:LustreFileSystem"
    found = diff(AWS, token, {"kmsKeyId": "a", "tags": {"a": "b"}}, {"kmsKeyId": "b", "tags": {"a": "c"}})
    assert found.changes.keys() == {"kmsKeyId", "tags.a"}


# --- made-up outputs -------------------------------------------------------------------------------------------


def test_in_a_preview_what_the_cloud_assigns_is_unknown():
    inputs = checked(AWS, "aws:ec2/vpc:Vpc", {"cidrBlock": "10.0.0.0/16"})
    created = AWS.create(call("aws:ec2/vpc:Vpc", preview=True), inputs)
    assert created.id == ""
    assert created.outputs["cidrBlock"] == "10.0.0.0/16"
    assert created.outputs["arn"] is UNKNOWN
    assert created.outputs["defaultSecurityGroupId"] is UNKNOWN


def test_outputs_stay_when_other_inputs_change_and_follow_those_they_are_made_of():
    token = "aws:ec2/vpc:Vpc"
    old = checked(AWS, token, {"cidrBlock": "10.0.0.0/16", "tags": {"a": "1"}})
    created = AWS.create(call(token), old)
    new = checked(AWS, token, {"cidrBlock": "10.0.0.0/16", "tags": {"a": "2"}}, old=old)
    updated = AWS.update(call(token, "other-urn"), created.id, old, created.outputs, new)
    assert updated["tagsAll"] == {"a": "2"}
    assert {k: v for k, v in updated.items() if "tags" not in k} == {
        k: v for k, v in created.outputs.items() if "tags" not in k
    }


def test_a_type_that_no_table_knows_has_outputs_of_the_right_types():
    token = "aws:fsx/lustreFileSystem:LustreFileSystem"
    outputs = AWS.create(call(token), checked(AWS, token, {"subnetIds": "subnet-1"})).outputs
    assert outputs["arn"].startswith("arn:aws:fsx:us-east-1:123456789012:lustreFileSystem/")
    assert isinstance(outputs["networkInterfaceIds"], list)
    assert outputs["ownerId"] == "123456789012"


def test_an_unknown_type_and_function_name_the_nearest():
    (failure,) = AWS.check(call("aws:s3/bucket:Buckett"), {}, {}, Naming()).failures
    assert "did you mean aws:s3/bucket:Bucket" in failure.reason
    with pytest.raises(Refusal, match="has no function"):
        AWS.invoke(call("aws:ec2/getNothing:getNothing"), "aws:ec2/getNothing:getNothing", {})


def test_functions_check_their_arguments():
    answer = AWS.invoke(
        call("aws:index/getAvailabilityZones:getAvailabilityZones"),
        "aws:index/getAvailabilityZones:getAvailabilityZones",
        {"stat": "available"},
    )
    assert "did you mean 'state'" in answer.failures[0].reason


def test_a_cluster_that_is_there_is_found():
    token = "aws:eks/getCluster:getCluster"
    found = AWS.invoke(call(token), token, {"name": "shared"}).result
    assert found["arn"].endswith(":cluster/shared")
    assert found["endpoint"].startswith("https://")
    assert found["certificateAuthorities"][0]["data"]
    assert found["vpcConfig"]["clusterSecurityGroupId"].startswith("sg-")


def test_an_id_is_never_made_of_a_secret():
    inputs = checked(AWS, ROLE, {"assumeRolePolicy": "{}", "name": Secret("canary-role")})
    assert "canary" not in AWS.create(call(ROLE), inputs).id


def test_a_key_alias_must_begin_with_alias():
    (failure,) = AWS.check(call("aws:kms/alias:Alias"), {"name": "data", "targetKeyId": "k"}, {}, Naming()).failures
    assert failure.path == "name"


# --- random ----------------------------------------------------------------------------------------------------

PASSWORD = "random:index/randomPassword:RandomPassword"


def draw(token, inputs):
    return RANDOM.create(call(token), checked(RANDOM, token, inputs))


@given(
    st.fixed_dictionaries({"length": st.integers(8, 40)}, optional={
        "minLower": st.integers(0, 2), "minUpper": st.integers(0, 2), "minNumeric": st.integers(0, 2),
        "minSpecial": st.integers(0, 2), "overrideSpecial": st.just("_~"), "special": st.just(True),
    })
)  # fmt: skip
@settings(max_examples=60)
def test_a_password_keeps_its_rules(inputs):
    result = draw(PASSWORD, inputs).outputs["result"]
    assert isinstance(result, Secret)
    text, special = result.value, inputs.get("overrideSpecial", "!@#$%&*()-_=+[]{}<>:?")
    assert len(text) == inputs["length"]
    counts = {
        "minLower": sum(c in string.ascii_lowercase for c in text),
        "minUpper": sum(c in string.ascii_uppercase for c in text),
        "minNumeric": sum(c in string.digits for c in text),
        "minSpecial": sum(c in special for c in text),
    }
    assert sum(counts.values()) == len(text)
    assert all(counts[name] >= inputs.get(name, 0) for name in counts)


def test_two_draws_differ_and_a_password_has_no_false_hash():
    one, other = draw(PASSWORD, {"length": 30}), draw(PASSWORD, {"length": 30})
    assert one.outputs["result"] != other.outputs["result"]
    assert "bcryptHash" not in one.outputs


def test_every_kind_of_randomness():
    assert draw("random:index/randomPet:RandomPet", {"length": 3, "prefix": "acme"}).id.count("-") == 3
    number = draw("random:index/randomInteger:RandomInteger", {"min": 5, "max": 7})
    assert number.outputs["result"] in (5, 6, 7)
    assert number.id == str(number.outputs["result"])
    id = draw("random:index/randomId:RandomId", {"byteLength": 4, "prefix": "p-"}).outputs
    assert id["hex"] == f"p-{int(id['dec'][2:]):08x}"
    assert re.fullmatch(r"[0-9a-f-]{36}", draw("random:index/randomUuid:RandomUuid", {}).outputs["result"])
    assert len(draw("random:index/randomBytes:RandomBytes", {"length": 8}).outputs["hex"].value) == 16
    shuffled = draw("random:index/randomShuffle:RandomShuffle", {"inputs": ["a", "b", "c"]}).outputs["results"]
    assert sorted(shuffled) == ["a", "b", "c"]
    assert draw("random:index/randomString:RandomString", {"length": 9, "upper": False, "special": False}).id.islower()


def test_impossible_rules_are_refused():
    (failure,) = RANDOM.check(call(PASSWORD), {"length": 3, "minLower": 4}, {}, Naming()).failures
    assert (failure.path, "at least 4" in failure.reason) == ("length", True)
    nothing = dict.fromkeys(["lower", "upper", "numeric", "special"], False)
    assert RANDOM.check(call(PASSWORD), {"length": 3, **nothing}, {}, Naming()).failures
    with pytest.raises(Refusal):
        draw("random:index/randomInteger:RandomInteger", {"min": 2, "max": 1})


def test_a_keeper_draws_anew():
    found = diff(RANDOM, PASSWORD, {"length": 8, "keepers": {"a": "1"}}, {"length": 8, "keepers": {"a": "2"}})
    assert found.replaces == {"keepers.a"}


# --- Snowflake -------------------------------------------------------------------------------------------------


def test_snowflake_names_and_ids():
    database = checked(SNOWFLAKE, "snowflake:index/database:Database", {}, name="raw-data")
    assert re.fullmatch(r"RAW_DATA_[0-9A-F]{7}", database["name"])
    token = "snowflake:index/schema:Schema"
    created = SNOWFLAKE.create(call(token), checked(SNOWFLAKE, token, {"name": "EVENTS", "database": "RAW"}))
    assert created.id == created.outputs["fullyQualifiedName"] == '"RAW"."EVENTS"'
    (failure,) = SNOWFLAKE.check(call(token), {"name": 'a"b', "database": "RAW"}, {}, Naming()).failures
    assert failure.path == "name"


def test_snowflake_says_who_it_is_to_aws():
    token = "snowflake:index/storageIntegrationAws:StorageIntegrationAws"
    wanted = {
        "name": "LAKE",
        "enabled": True,
        "storageProvider": "S3",
        "storageAwsRoleArn": "arn:aws:iam::123456789012:role/lake",
        "storageAllowedLocations": ["s3://lake/events/"],
    }
    (said,) = SNOWFLAKE.create(call(token), checked(SNOWFLAKE, token, wanted)).outputs["describeOutputs"]
    assert re.fullmatch(r"arn:aws:iam::\d{12}:user/[0-9a-f]{8}-s", said["iamUserArn"])
    assert re.fullmatch(r"REHEARSAL_SFCRole=2_[0-9a-f]{16}=", said["externalId"])
    token = "snowflake:index/pipe:Pipe"
    pipe = {"name": "LOAD", "database": "LAKE", "schema": "RAW", "copyStatement": "COPY INTO A FROM @B"}
    created = SNOWFLAKE.create(call(token), checked(SNOWFLAKE, token, pipe)).outputs
    assert re.fullmatch(r"arn:aws:sqs:us-east-1:\d{12}:sf-snowpipe-[0-9A-F]{20}", created["notificationChannel"])


@pytest.mark.parametrize(
    ("token", "old", "new", "replaces"),
    [
        ("pipe:Pipe", {"copyStatement": "A"}, {"copyStatement": "B"}, {"copyStatement"}),
        ("dynamicTable:DynamicTable", {"query": "A", "warehouse": "W"}, {"query": "B", "warehouse": "V"}, {"query"}),
        ("maskingPolicy:MaskingPolicy", {"body": "A"}, {"body": "B"}, set()),
        ("task:Task", {"name": "A", "sqlStatement": "A"}, {"name": "B", "sqlStatement": "B"}, {"name"}),
        ("warehouse:Warehouse", {"name": "A"}, {"name": "B"}, set()),
        ("resourceMonitor:ResourceMonitor", {"name": "A"}, {"name": "B"}, {"name"}),
        ("schema:Schema", {"database": "A"}, {"database": "B"}, {"database"}),
        ("grantAccountRole:GrantAccountRole", {"roleName": "A"}, {"roleName": "B"}, {"roleName"}),
    ],
)
def test_what_snowflake_can_rename(token, old, new, replaces):
    assert diff(SNOWFLAKE, f"snowflake:index/{token}", old, new).replaces == replaces
