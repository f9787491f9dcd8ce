import copy
from collections import Counter

import yaml
from hypothesis import given
from hypothesis import strategies as st
from support.worlds import ROOT

from plinth.batch import plan
from plinth.batch.plan import GENERAL
from plinth.spec import PlatformSpec, SpecError, load_spec
from plinth.spec.capacity import pool_capacity

POOLS = ["h100-reserved", "l40s-spot", "a100-training"]


PRODUCTION = yaml.safe_load((ROOT / "Pulumi.prod.yaml").read_text())["config"]["plinth:platform"]


def document():
    return copy.deepcopy(PRODUCTION)


def planned(spec: PlatformSpec) -> plan.BatchPlan:
    assert spec.batch
    return plan.plan(spec.batch, spec.gpu_pools, spec.cluster.general_pools, spec.models, spec.tenants)


@st.composite
def documents(draw):
    """Environments like production, with other pools, tenants and shares: some of them ask for too much."""
    chosen = draw(st.lists(st.sampled_from(POOLS), unique=True, min_size=1))
    data = document()
    for pool in data["gpu_pools"]:
        pool["max_gpus"] += draw(st.integers(0, 64))
    data["batch"] = {"pools": chosen, "cpus": draw(st.integers(1, 100)), "memory_gib": draw(st.integers(1, 400))}
    data["tenants"] = []
    data |= {"postgres": {}, "cache": {}, "graph": None, "streams": []}  # production's name its own tenants
    for number in range(draw(st.integers(0, 5))):
        shares = []
        for pool in draw(st.lists(st.sampled_from(chosen), unique=True)):
            most = draw(st.integers(1, 24))
            shares.append({"pool": pool, "max_gpus": most, "guaranteed_gpus": draw(st.integers(0, most))})
        data["tenants"].append(
            {
                "name": f"team-{number}",
                "owner_email": "team@acme.example.com",
                "cost_center": "CC-1",
                "monthly_budget_usd": 1,
                "routes": ["chat"],
                "quota": {
                    "cpus": draw(st.sampled_from([40, 4000])),
                    "memory_gib": draw(st.sampled_from([200, 20000])),
                    "gpus": sum(share["max_gpus"] for share in shares),
                },
                "batch": {
                    "gpus": shares,
                    "guaranteed_cpus": draw(st.integers(0, 30)),
                    "guaranteed_memory_gib": draw(st.integers(0, 100)),
                },
            }
        )
    return data


@given(documents())
def test_guarantees_never_exceed_what_models_leave_and_borrowing_is_bounded(data):
    try:
        spec = load_spec(data)
    except SpecError as error:
        assert all(problem.path.startswith(("tenants[", "gpu_pools[", "batch.")) for problem in error.problems)
        return
    queues, capacity = planned(spec), pool_capacity(spec.gpu_pools, spec.models)
    own, tenants = Counter[str](), {tenant.name: tenant for tenant in spec.tenants}
    for name, queue in queues.queues.items():
        own.update({flavor: amount.gpus for flavor, amount in queue.own.items()})
        for flavor, most in queue.most.items():
            assert queue.own[flavor].gpus <= most.gpus
            assert queue.own[flavor].cpus <= most.cpus
            assert queue.own[flavor].memory_gib <= most.memory_gib
            if flavor != GENERAL:
                assert most.gpus <= capacity[flavor].lendable
        # What is admitted can start: the namespace's quota has room for all of it.
        quota = tenants[name].quota
        assert sum(amount.gpus for amount in queue.most.values()) <= quota.gpus
        assert sum(amount.cpus for amount in queue.most.values()) <= quota.cpus
        assert sum(amount.memory_gib for amount in queue.most.values()) <= quota.memory_gib
    for flavor, shared in queues.shared.items():
        assert min(shared.cpus, shared.memory_gib, shared.gpus) >= 0
        if flavor != GENERAL:
            assert own[flavor] <= capacity[flavor].guaranteeable
            assert own[flavor] + shared.gpus == capacity[flavor].lendable


def refused(change):
    data = document()
    change(data)
    try:
        load_spec(data)
    except SpecError as error:
        return str(error)
    raise AssertionError("it was taken")


def test_a_promise_that_does_not_fit_says_who_was_promised_what():
    def promise(data):
        data["tenants"][0]["batch"]["gpus"][0] |= {"guaranteed_gpus": 24, "max_gpus": 24}
        data["gpu_pools"][2]["max_gpus"] = 24

    text = refused(promise)
    assert (
        "gpu_pools[2].max_gpus: 24 is not allowed: at least 32: tenants are guaranteed 32 (search 24 + analytics 8)"
        in text
    )


def test_models_come_before_promises():
    text = refused(lambda data: data["batch"]["pools"].append("l40s-spot") or share(data, "l40s-spot"))
    assert "gpu_pools[1].max_gpus: 12 is not allowed: at least 14: tenants are guaranteed 2 (search 2)" in text
    assert "beside 12 that its models may want" in text


def share(data, pool):
    data["tenants"][0]["batch"]["gpus"].append({"pool": pool, "max_gpus": 2, "guaranteed_gpus": 2})
    data["tenants"][0]["quota"]["gpus"] += 2


def test_a_queue_hands_out_no_more_than_the_quota_admits():
    text = refused(lambda data: data["tenants"][0]["quota"].update(gpus=8, cpus=100))
    assert "tenants[0].quota.gpus: 8 is not allowed: at least 24" in text
    assert "tenants[0].quota.cpus: 100 is not allowed: at least" in text


def test_gpus_beside_the_queues_are_refused():
    text = refused(lambda data: data["tenants"][1]["quota"].update(gpus=1))
    assert "tenants[1].quota.gpus: 1 is not allowed: 0 without batch.gpus" in text


def test_a_queue_needs_the_section_and_a_pool_of_it():
    assert "tenants[0].batch" in refused(lambda data: data.pop("batch"))
    text = refused(lambda data: data["tenants"][0]["batch"]["gpus"][0].update(pool="a100-trainings"))
    assert "tenants[0].batch.gpus[0].pool" in text
    assert "Did you mean 'a100-training'?" in text
