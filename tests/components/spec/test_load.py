"""A spec is accepted whole or refused with every mistake named."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from plinth.spec import PlatformSpec, SpecError, load_spec

ENVIRONMENTS = ("local", "dev", "staging", "prod")


def read(environment: str) -> dict:
    text = (Path(__file__).parents[3] / f"Pulumi.{environment}.yaml").read_text()
    return yaml.safe_load(text)["config"]["plinth:platform"]


@pytest.fixture
def platform():
    """The plain data of an environment's spec, free to be changed."""
    return read


def messages(data: object) -> dict[str, str]:
    with pytest.raises(SpecError) as caught:
        load_spec(data)
    return {problem.path: str(problem) for problem in caught.value.problems}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_environment_is_valid(platform, environment):
    spec = load_spec(platform(environment))
    assert spec.environment.name == environment


def test_prod_is_filled_in_as_a_company_would(platform):
    spec = load_spec(platform("prod"))
    assert len(spec.network.zones) == 3
    assert spec.cluster.public_access_cidrs == []
    capacity = {kind for pool in spec.gpu_pools for kind in pool.capacity}
    assert {"spot", "reserved"} <= capacity
    kinds = [model.kind for model in spec.models]
    assert kinds.count("self_hosted") == 2
    assert kinds.count("hosted") == 8
    assert len(spec.tenants) == 3
    assert spec.snowflake is not None
    assert len(spec.snowflake.warehouses) == 4


def test_every_mistake_is_listed_at_once(platform):
    data = platform("prod")
    data["netwrok"] = {}
    data["network"]["nat"] = "per_zon"
    data["network"]["cidr"] = "8.8.0.0/16"
    data["gpu_pools"][0]["instance_types"] = ["p5.48xlrge"]
    data["models"][0]["parallelism"]["tensro"] = 2
    data["models"][2]["kind"] = "hostd"
    del data["tenants"][0]["owner_email"]
    data["tenants"][1]["routes"] = ["chatt"]
    found = messages(data)
    assert "Did you mean 'network'?" in found["netwrok"]
    assert "Did you mean 'per_zone'?" in found["network.nat"]
    assert "private network" in found["network.cidr"]
    assert "did you mean p5.48xlarge" in found["gpu_pools[0].instance_types"]
    assert "Did you mean 'tensor'?" in found["models[0].parallelism.tensro"]
    assert "Did you mean 'hosted'?" in found["models[2].kind"]
    assert "missing" in found["tenants[0].owner_email"]
    assert len(found) == 7  # tenants is not valid, so what it refers to is not checked yet


def test_cross_checks_of_valid_sections_run_beside_other_mistakes(platform):
    data = platform("prod")
    data["network"]["nat"] = "never"
    data["gpu_pools"][1]["max_gpus"] = 3
    found = messages(data)
    assert "network.nat" in found
    assert "at least 12" in found["gpu_pools[1].max_gpus"]


@pytest.mark.parametrize("data", [None, [], "text", 3])
def test_what_is_no_mapping_is_refused(data):
    assert "mapping of sections" in messages(data)["(root)"]


def test_direct_construction_is_checked_too(platform):
    data = platform("prod")
    data["gateway"]["routes"][0]["targets"][0]["model"] = "nobody"
    with pytest.raises(ValueError, match=r"gateway\.routes\[0\]\.targets\[0\]\.model"):
        PlatformSpec.model_validate(data)


def cases():
    def change(path, value):
        def apply(data):
            *parents, last = path
            for key in parents:
                data = data[key]
            data[last] = value

        return apply

    models, pools = "models", "gpu_pools"
    return {
        "pool": (change((models, 0, "pool"), "h100-resreved"), "models[0].pool", "h100-reserved"),
        "too wide": (change((models, 1, "parallelism"), {"tensor": 2}), "models[1].parallelism.tensor", "at most 1"),
        "too much memory": (
            change((models, 0, "parallelism"), {}),
            "models[0]",
            "what would fit: parallelism.tensor 4;",
        ),
        "fits nowhere": (
            change((models, 0, "concurrent_requests"), 512),
            "models[0]",
            "what would fit: concurrent_requests 17; or max_context_tokens 2048.",
        ),
        "pool too small": (change((pools, 0, "max_gpus"), 16), "gpu_pools[0].max_gpus", "at least 32"),
        "spot alone": (
            lambda data: (
                data[pools][1].update(capacity=["spot"]),
                data[models][1].update(replicas={"min": 1, "max": 2}),
            ),
            "models[1].replicas.min",
            "at least 2",
        ),
        "mixed GPUs": (change((pools, 0, "instance_types"), ["p5.48xlarge", "g6.xlarge"]), "gpu_pools[0]", "mix GPUs"),
        "no reservation": (change((pools, 0, "reservation_ids"), []), "gpu_pools[0]", "go together"),
        "zone": (change((pools, 0, "zones"), ["f"]), "gpu_pools[0].zones", "zones of the network"),
        "reservation twice": (
            lambda data: data[pools][1].update(capacity=["reserved"], reservation_ids=["cr-0a1b2c3d4e5f60718"]),
            "gpu_pools[1].reservation_ids",
            "gpu_pools[0] does not draw from",
        ),
        "parts do not add up": (
            lambda data: data[models][0].update(pool="h100-slices"),
            "models[0].parallelism.tensor",
            "1: pool h100-slices gives out parts of GPUs (mig)",
        ),
        "a part is too small": (
            lambda data: data[models][1].update(pool="h100-slices"),
            "models[1]",
            "what would fit: another pool",
        ),
        "reserved elsewhere": (
            lambda data: data[pools][0].update(
                zones=[],
                new_reservation={"instance_type": "p5.48xlarge", "instances": 1, "zones": ["f"]},
            ),
            "gpu_pools[0].new_reservation.zones",
            "one of the zones of the network",
        ),
        "claims and a model": (
            lambda data: (
                data[pools][1].update(image="al2023", sharing={"kind": "dra"}, fixed_nodes=12),
                data[pools][1].pop("capacity"),
            ),
            "models[1].pool",
            "without sharing dra",
        ),
        "twice": (change(("tenants", 1, "name"), "search"), "tenants[1].name", "tenants[0] does not have"),
        "tenant route": (change(("tenants", 0, "routes"), ["fronteir"]), "tenants[0].routes[0]", "'frontier'"),
        "development in production": (
            lambda data: data[models].append({"kind": "development", "name": "toy"}),
            "models[10].kind",
            "in production",
        ),
        "laptop in the cloud": (change(("laptop",), {}), "laptop", "'local'"),
        "no weights": (
            change(("storage", "buckets", 0, "name"), "weights"),
            "storage.buckets",
            "self-hosted models load their weights",
        ),
        "restricted": (change(("environment", "data_class"), "restricted"), "models[2].provider", "must not leave"),
        "open API": (
            change(("cluster", "public_access_cidrs"), ["0.0.0.0/0"]),
            "cluster.public_access_cidrs",
            "open to the world",
        ),
        "snowflake role": (
            change(("snowflake", "roles", 0, "warehouses"), ["BI"]),
            "snowflake",
            "role ANALYST uses warehouse BI",
        ),
        "tag": (
            change((pools, 0, "reservation_ids"), ["r-1"]),
            "gpu_pools[0].reservation_ids[0]",
            "capacity reservation",
        ),
    }


@pytest.mark.parametrize("name", cases())
def test_a_mistake_says_where_and_what_is_allowed(platform, name):
    apply, path, text = cases()[name]
    data = platform("prod")
    apply(data)
    found = messages(data)
    assert text in found[path], found


WORDING = {
    "account_id": (("environment", "account_id"), 123456789012, "text: put it in quotes"),
    "abbreviated": (("environment", "stage"), "prod", "Did you mean 'production'?"),
    "no number": (("gateway", "replicas"), "one", "is not allowed: a whole number."),
    "yes for a number": (("postgres", "min_acu"), True, "a number"),
    "number in quotes": (("gpu_pools", 0, "max_gpus"), "32", "a whole number"),
    "fraction": (("tenants", 0, "monthly_budget_usd"), 0.5, "a whole number"),
    "no list": (("network", "zones"), "a", "is not allowed: a list."),
    "nothing in it": (("models",), [], "a list of at least 1"),
    "too little": (("gpu_pools", 0, "idle_minutes"), -1, "at least 1"),
    "too much": (("gpu_pools", 0, "idle_minutes"), 5000, "at most 1440"),
    "text for a section": (("gateway",), "on", "a mapping of image, replicas, routes"),
    "text for an entry": (("tenants", 1), "support", "a mapping of name, owner_email"),
    "empty section": (("postgres",), None, "postgres: missing: a mapping of "),
    "quota": (("tenants", 0, "quota"), [1], "a mapping of cpus, memory_gib, gpus, pods"),
}


@pytest.mark.parametrize("name", WORDING)
def test_what_is_allowed_is_said_in_the_words_of_yaml(platform, name):
    (*parents, last), value, text = WORDING[name]
    data = target = platform("prod")
    for key in parents:
        target = target[key]
    target[last] = value
    (found,) = messages(data).values()
    assert text in found
    assert "?." not in found
    assert "instance of" not in found


def test_a_missing_field_says_what_it_is(platform):
    data = platform("prod")
    del data["models"][0]["architecture"]["kv_heads"]
    assert "Number of key and value heads" in messages(data)["models[0].architecture.kv_heads"]


def test_laptop_ports(platform):
    data = platform("local")
    data["laptop"]["ports"]["models"] = {"dev-small": 8080, "dev-lrge": 9000}
    found = messages(data)
    assert "gateway" in found["laptop.ports.models.dev-small"]
    assert "Did you mean 'dev-large'?" in found["laptop.ports.models.dev-lrge"]
    assert "dev-large" in found["laptop.ports.models"]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)


def paths(data, prefix=()):
    yield prefix
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, item in items:
        yield from paths(item, (*prefix, key))


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_damage_gives_a_spec_or_a_clean_error(data):
    document = read(data.draw(st.sampled_from(ENVIRONMENTS)))
    for _ in range(data.draw(st.integers(1, 4))):
        path = data.draw(st.sampled_from([path for path in paths(document) if path]))
        parent = document
        for key in path[:-1]:
            parent = parent[key]
        parent[path[-1]] = data.draw(values)
    try:
        spec = load_spec(document)
    except SpecError as error:
        assert error.problems
        assert all(problem.path and problem.allowed for problem in error.problems)
        assert "Traceback" not in str(error)
    else:
        assert load_spec(spec.model_dump()) == spec
