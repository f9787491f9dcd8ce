"""A Lambda Cloud instance: launched once, found again, never paid twice, ended when it is not wanted."""

import base64
import pickle
from collections.abc import Iterator

import dill
import pytest
from pulumi.dynamic import Config, ConfigureRequest
from pulumi.dynamic.dynamic import serialize_provider
from support.fake_lambda import KEY, FakeLambda, refusal

from plinth.serving.remote import api
from plinth.serving.remote.instance import IDENTITY_TAG, KEY_CONFIG, InstanceProvider, identity_of

LAUNCH, TERMINATE = "POST /instance-operations/launch", "POST /instance-operations/terminate"


class Impatient(InstanceProvider):
    """Does not wait, but counts how long it would have."""

    waited = 0.0

    def pause(self, seconds: float) -> None:
        self.waited += seconds


@pytest.fixture
def cloud() -> Iterator[FakeLambda]:
    with FakeLambda() as fake:
        yield fake


@pytest.fixture
def provider() -> Impatient:
    return configured(KEY)


def configured(key: str) -> Impatient:
    provider = Impatient()
    provider.configure(ConfigureRequest(Config({KEY_CONFIG: key}, "plinth")))
    return provider


def props(cloud: FakeLambda, **changes: object) -> dict[str, object]:
    return {
        "endpoint": cloud.url,
        "owner": "123456789012/prod/h100",
        "region": "us-east-3",
        "instanceType": "gpu_1x_h100_sxm5",
        "imageFamily": "lambda-stack-24-04",
        "sshKey": "platform",
        "instanceName": "plinth-prod-h100",
        "userData": "#cloud-config\n{}",
        "sources": ["203.0.113.5/32"],
        "maxCentsPerHour": 400,
        "startMinutes": 10,
        **changes,
    }


# --- launch -----------------------------------------------------------------------------------------------------


def test_an_instance_is_launched_with_a_wall_and_waited_for(cloud, provider):
    made = provider.create(props(cloud))
    assert made.outs["ip"] == "198.51.100.7"
    [launch] = cloud.launches
    assert launch["ssh_key_names"] == ["platform"]
    assert launch["image"] == {"family": "lambda-stack-24-04"}
    assert launch["tags"] == [{"key": IDENTITY_TAG, "value": identity_of(props(cloud))}]
    [rule] = cloud.rulesets[launch["firewall_rulesets"][0]["id"]]["rules"]
    assert (rule["protocol"], rule["port_range"], rule["source_network"]) == ("tcp", [443, 443], "203.0.113.5/32")


def test_an_update_that_was_killed_takes_over_what_it_had_launched(cloud, provider):
    first = provider.create(props(cloud))
    again = configured(KEY).create(props(cloud))
    assert again.id == first.id
    assert again.outs == first.outs
    assert len(cloud.launches) == 1
    assert len(cloud.rulesets) == 1


def test_an_instance_of_another_kind_is_not_taken_over(cloud, provider):
    provider.create(props(cloud))
    provider.create(props(cloud, userData="#cloud-config\n{} # another model"))
    assert len(cloud.launches) == 2


def test_a_launch_whose_answer_was_lost_is_found_and_not_repeated(cloud, provider):
    cloud.faults[LAUNCH] = ["drop"]
    made = provider.create(props(cloud))
    assert cloud.running() == [made.id]
    assert cloud.asked.count(LAUNCH) == 1


def test_a_launch_that_got_lost_itself_is_not_repeated_unseen(cloud, provider):
    cloud.faults[LAUNCH] = ["lose"]
    with pytest.raises(api.LambdaError, match="the next update looks again before it launches"):
        provider.create(props(cloud))
    assert cloud.asked.count(LAUNCH) == 1
    assert cloud.running() == []


def test_a_failing_lambda_is_not_asked_to_launch_twice(cloud, provider):
    cloud.faults[LAUNCH] = [refusal(500, "global/internal-error")]
    with pytest.raises(api.LambdaError, match="nothing seems to have been launched"):
        provider.create(props(cloud))
    assert cloud.asked.count(LAUNCH) == 1


def test_haste_is_the_one_refusal_that_is_followed_by_another_launch(cloud, provider):
    cloud.faults[LAUNCH] = [refusal(429, "global/too-many-requests")]
    provider.create(props(cloud))
    assert cloud.asked.count(LAUNCH) == 2
    assert len(cloud.launches) == 1
    assert provider.waited >= api.LAUNCH_PAUSE_SECONDS


def test_two_instances_of_one_identity_stop_everything(cloud, provider):
    provider.create(props(cloud))
    [id] = cloud.running()
    cloud.instances["twin"] = dict(cloud.instances[id])
    with pytest.raises(api.LambdaError, match="end all but one"):
        provider.create(props(cloud))


# --- refusals ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["", "wrong"])
def test_without_a_good_key_nothing_is_done_and_the_key_is_not_shown(cloud, key):
    with pytest.raises(api.BadKeyError) as caught:
        configured(key).create(props(cloud))
    assert cloud.launches == []
    assert "wrong" not in str(caught.value)


def test_a_region_without_capacity_is_told_where_there_is_some(cloud, provider):
    cloud.regions = ["us-west-1"]
    with pytest.raises(api.NoCapacityError, match="it is in us-west-1"):
        provider.create(props(cloud))
    assert LAUNCH not in cloud.asked


def test_capacity_that_goes_between_look_and_launch(cloud, provider):
    cloud.faults[LAUNCH] = [refusal(400, "instance-operations/launch/insufficient-capacity", "Not enough capacity.")]
    with pytest.raises(api.NoCapacityError, match="Not enough capacity"):
        provider.create(props(cloud))
    assert cloud.asked.count(LAUNCH) == 1


def test_a_quota_is_its_own_error(cloud, provider):
    cloud.faults[LAUNCH] = [refusal(400, "global/quota-exceeded", "Quota exceeded.", "Contact Support")]
    with pytest.raises(api.QuotaError, match="Contact Support"):
        provider.create(props(cloud))


def test_a_price_above_the_fuse_launches_nothing(cloud, provider):
    cloud.price_cents = 401
    with pytest.raises(api.LambdaError, match=r"4\.01 USD an hour now, more than the 4\.00 USD that max_hourly_usd"):
        provider.create(props(cloud))
    assert cloud.launches == []


def test_reads_are_repeated(cloud, provider):
    cloud.faults["GET /instance-types"] = ["lose", refusal(503, "provider/internal-unavailable"), refusal(429, "x")]
    assert provider.create(props(cloud)).outs["ip"]


# --- boot -------------------------------------------------------------------------------------------------------


def test_a_slow_boot_is_waited_for(cloud, provider):
    cloud.boots_after = 40
    assert provider.create(props(cloud)).outs["ip"]
    assert 300 < provider.waited <= 600


@pytest.mark.parametrize(("boots_after", "status"), [(10_000, "active"), (3, "unhealthy"), (3, "preempted")])
def test_what_does_not_come_up_is_ended_and_costs_no_more(cloud, provider, boots_after, status):
    cloud.boots_after, cloud.status_after_boot = boots_after, status
    with pytest.raises(api.LambdaError):
        provider.create(props(cloud))
    assert cloud.running() == []
    assert provider.waited <= 610


def test_what_cannot_be_ended_is_named(cloud, provider):
    cloud.boots_after = 10_000
    cloud.faults[TERMINATE] = ["lose"] * api.ATTEMPTS
    with pytest.raises(api.LambdaError, match="goes on costing; the next update takes it over"):
        provider.create(props(cloud))
    cloud.boots_after = 0
    assert provider.create(props(cloud)).id == cloud.running()[0]


# --- afterwards -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["region", "instanceType", "imageFamily", "sshKey", "userData", "instanceName"])
def test_another_machine_image_or_start_is_another_instance(cloud, provider, name):
    old = provider.create(props(cloud)).outs
    found = provider.diff("id", old, props(cloud, **{name: "another"}))
    assert found.replaces == [name]
    assert found.delete_before_replace is True


@pytest.mark.parametrize("change", [{"sources": ["198.51.100.1/32"]}, {"maxCentsPerHour": 500}, {"startMinutes": 5}])
def test_walls_and_fuses_change_in_place(cloud, provider, change):
    old = provider.create(props(cloud))
    news = props(cloud, **change)
    found = provider.diff(old.id, old.outs, news)
    assert (found.changes, found.replaces) == (True, [])
    kept = provider.update(old.id, old.outs, news).outs
    assert kept["ip"] == "198.51.100.7"
    assert provider.diff(old.id, kept, news).changes is False
    [ruleset] = cloud.rulesets.values()
    assert [rule["source_network"] for rule in ruleset["rules"]] == news["sources"]


def test_nothing_changes_unasked(cloud, provider):
    old = provider.create(props(cloud)).outs
    assert provider.diff("id", old, props(cloud)).changes is False


def test_deleting_ends_the_instance_and_its_wall(cloud, provider):
    made = provider.create(props(cloud))
    provider.delete(made.id, made.outs)
    assert cloud.running() == []
    assert cloud.rulesets == {}
    provider.delete(made.id, made.outs)


def test_an_end_without_answer_is_asked_for_again(cloud, provider):
    made = provider.create(props(cloud))
    cloud.faults[TERMINATE] = ["drop", "lose"]
    provider.delete(made.id, made.outs)
    assert cloud.running() == []


def test_a_refresh_sees_an_instance_that_is_gone(cloud, provider):
    made = provider.create(props(cloud))
    assert provider.read(made.id, made.outs).outs["ip"] == "198.51.100.7"
    cloud.instances[made.id]["status"] = "preempted"
    assert provider.read(made.id, made.outs).id == ""
    del cloud.instances[made.id]
    assert provider.read(made.id, made.outs).id == ""


# --- how Pulumi keeps it ----------------------------------------------------------------------------------------


def test_the_state_holds_the_provider_by_name_and_without_its_key():
    provider = InstanceProvider()
    text = serialize_provider(provider)
    assert len(text) < 400
    assert b"InstanceProvider" in base64.b64decode(text)
    again = dill.loads(base64.b64decode(text))
    assert type(again) is InstanceProvider
    assert KEY.encode() not in pickle.dumps(again)


def test_an_endpoint_without_tls_never_gets_the_key():
    with pytest.raises(api.LambdaError, match="https"):
        api.LambdaClient(KEY, "http://cloud.lambda.example")
