"""Objectives choose the mechanism; what no mechanism reaches is refused with the lowest possible value."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.worlds import document

from plinth.recovery import plan
from plinth.recovery.standby import standby_spec
from plinth.spec import SpecError, load_spec

MINUTES = st.integers(min_value=1, max_value=10_080)
SECTION = {"region": "us-west-2", "cidr": "10.60.0.0/16", "zones": ["a", "b"]}


def two_regions(**objectives):
    # The graph is left out: it reaches the other region as backups alone, which some objectives are too short for.
    return load_spec({**document("prod"), "graph": None, "recovery": {**SECTION, **objectives}})


@pytest.mark.parametrize(
    ("objectives", "standby"),
    [
        ({"answers_rto_minutes": 15}, "warm"),
        ({"answers_rto_minutes": 3}, "warm"),
        ({"answers_rto_minutes": 600}, "rebuild"),
        ({"answers_rto_minutes": 15, "traffic": "nearest"}, "active"),
    ],
)
def test_the_cheapest_standby_that_reaches_the_objective(objectives, standby):
    assert plan.mechanism(two_regions(**objectives)).standby == standby


def sleepers(**objectives):
    """Production, but with one model, which could be without a replica."""
    data = document("prod")
    (model,) = [model for model in data["models"] if model["name"] == "chat-small"]
    model.pop("canary", None)
    data["models"], data["remote_gpus"] = [model], []
    data["gateway"]["routes"] = [{"name": "chat", "targets": [{"model": "chat-small"}]}]
    for tenant in data["tenants"]:
        tenant["routes"] = ["chat"]
    return {**data, "recovery": {**SECTION, **objectives}}


def test_models_sleep_in_the_other_region_where_there_is_time_to_start_them():
    spec = load_spec(sleepers(answers_rto_minutes=60))
    assert plan.mechanism(spec).standby == "pilot"
    (model,) = standby_spec(spec).models
    assert model.replicas.min == 0
    assert model.scale_to_zero.hold_seconds >= 60 * (plan.floors(spec)["pilot"] - plan.DNS_MINUTES)
    assert standby_spec(spec).gateway == spec.gateway.model_copy(update={"image": standby_spec(spec).gateway.image})


def test_the_recovery_time_of_sleeping_models_has_their_start_in_it():
    least = plan.floors(load_spec(sleepers(answers_rto_minutes=60)))["pilot"]
    (model,) = load_spec(sleepers()).models
    assert least == plan.DNS_MINUTES + plan.WAKE_MINUTES + plan.NODE_MINUTES + model.start_minutes
    assert plan.mechanism(load_spec(sleepers(answers_rto_minutes=least))).standby == "pilot"
    assert plan.mechanism(load_spec(sleepers(answers_rto_minutes=least - 1))).standby == "warm"


def test_a_model_that_shares_its_route_is_kept_awake():
    data = sleepers(answers_rto_minutes=60)
    other = next(model for model in document("prod")["models"] if model["kind"] == "hosted")
    data["models"].append(other)
    data["gateway"]["routes"][0]["targets"].append({"model": other["name"]})
    assert plan.mechanism(load_spec(data)).standby == "warm"


def test_instances_outside_aws_are_launched_once():
    home = two_regions(answers_rto_minutes=15)
    there = standby_spec(home)
    assert [gpu.name for gpu in home.remote_gpus] == ["h100-lambda", "colo-h200"]
    assert [gpu.name for gpu in there.remote_gpus] == ["colo-h200"]
    bulk = next(route for route in there.gateway.routes if route.name == "bulk")
    assert [target.model for target in bulk.targets] == ["bedrock-oss", "acme-summarizer"]


def test_backups_are_as_frequent_as_the_objective_needs():
    assert plan.mechanism(two_regions(data_rpo_minutes=120, answers_rto_minutes=15)).schedule_minutes == 60
    assert plan.mechanism(two_regions(data_rpo_minutes=1500, answers_rto_minutes=15)).schedule_minutes == 1440


@pytest.mark.parametrize(
    ("objectives", "databases", "standby"),
    [
        ({"data_rpo_minutes": 120, "answers_rto_minutes": 15}, "backups", "warm"),
        ({"data_rpo_minutes": 119, "answers_rto_minutes": 15}, "global", "warm"),
        ({"database_rpo_minutes": 5, "answers_rto_minutes": 15}, "global", "warm"),
        ({"data_rto_minutes": 30, "answers_rto_minutes": 15}, "global", "warm"),
        ({"data_rpo_minutes": 60, "answers_rto_minutes": 600}, "global", "warm"),
        ({"database_rpo_minutes": 1, "enforce_database_rpo": True, "answers_rto_minutes": 15}, "global", "warm"),
    ],
)
def test_a_database_follows_where_copies_of_backups_come_too_late(objectives, databases, standby):
    chosen = plan.mechanism(two_regions(**objectives))
    assert (chosen.databases, chosen.standby) == (databases, standby)
    assert chosen.rpo_seconds == (60 if objectives.get("enforce_database_rpo") else None)


def test_a_database_that_is_followed_cannot_pause():
    pausing = {**document("prod"), "postgres": {"min_acu": 0}}
    with pytest.raises(SpecError, match=r"postgres.min_acu: 0.0 is not allowed: at least 0.5"):
        load_spec({**pausing, "recovery": {**SECTION, "database_rpo_minutes": 5, "answers_rto_minutes": 15}})


@pytest.mark.parametrize(
    ("objectives", "path", "says"),
    [
        (
            {"data_rpo_minutes": 5, "database_rpo_minutes": 5, "answers_rto_minutes": 15},
            "recovery.data_rpo_minutes",
            "at least 15",
        ),
        ({"database_rpo_minutes": 4, "answers_rto_minutes": 15}, "recovery.database_rpo_minutes", "at least 5"),
        ({"data_rto_minutes": 10, "answers_rto_minutes": 15}, "recovery.data_rto_minutes", "at least 15"),
        ({"answers_rto_minutes": 1}, "recovery.answers_rto_minutes", "at least 3"),
        ({"data_rto_minutes": 180, "answers_rto_minutes": 600}, "recovery.data_rto_minutes", "at least 240"),
        ({"cidr": "10.40.128.0/20", "answers_rto_minutes": 15}, "recovery.cidr", "does not overlap"),
        ({"region": "us-east-1", "answers_rto_minutes": 15}, "recovery.region", "another region"),
    ],
)
def test_what_cannot_be_reached_says_the_lowest_that_can(objectives, path, says):
    with pytest.raises(SpecError) as caught:
        two_regions(**objectives)
    assert [problem.path for problem in caught.value.problems] == [path]
    assert says in str(caught.value)


@settings(max_examples=50, deadline=None)
@given(MINUTES, MINUTES, MINUTES)
def test_any_objectives_give_a_mechanism_that_reaches_them_or_a_clean_error(rto, rpo, data_rto):
    try:
        spec = two_regions(answers_rto_minutes=rto, data_rpo_minutes=rpo, data_rto_minutes=data_rto)
    except SpecError as error:
        assert all(problem.path.startswith("recovery.") for problem in error.problems)
        return
    chosen = plan.mechanism(spec)
    assert plan.floors(spec)[chosen.standby] <= rto
    if chosen.databases == "global":
        assert chosen.standby != "rebuild"
        assert rpo >= plan.GLOBAL_RPO_MINUTES and data_rto >= plan.PROMOTE_MINUTES
        return
    assert chosen.schedule_minutes + 60 <= rpo
    assert data_rto >= plan.RESTORE_MINUTES + (plan.REBUILD_MINUTES if chosen.standby == "rebuild" else 0)


def test_the_other_region_has_its_own_network_capacity_and_images():
    spec = two_regions(answers_rto_minutes=15)
    there = standby_spec(spec)
    assert there.environment.region == "us-west-2" and there.environment.name == spec.environment.name
    assert (there.network.cidr, there.network.zones) == ("10.60.0.0/16", ["a", "b"])
    assert there.snowflake is None and there.recovery is None
    assert "us-east-1" not in there.model_dump_json().replace('"bedrock', "")
    reserved = next(pool for pool in there.gpu_pools if pool.name == "h100-reserved")
    assert reserved.capacity == ["on_demand"] and reserved.reservation_ids == []
    assert there.tenants == spec.tenants
    assert [route.name for route in there.gateway.routes] == [route.name for route in spec.gateway.routes]


def test_a_warm_standby_runs_one_replica_of_each_model_and_an_active_one_all():
    warm = standby_spec(two_regions(answers_rto_minutes=15))
    active = standby_spec(two_regions(answers_rto_minutes=15, traffic="nearest"))
    mins = {
        model.name: model.replicas.min
        for model in two_regions(answers_rto_minutes=15).models
        if model.kind == "self_hosted"
    }
    assert mins and all(count > 1 for count in mins.values())
    assert {model.name: model.replicas.min for model in active.models if model.name in mins} == mins
    assert {model.replicas.min for model in warm.models if model.name in mins} == {1}
