"""Random documents: whole environments as users might write them, mostly sensible, and ways to damage them."""

import copy
import typing
from random import Random
from typing import Any

from hypothesis import strategies as st
from support.models import IMAGE, published
from support.pools import pool_data

from plinth.spec import engines
from plinth.spec.network import EndpointService

Data = dict[str, Any]

REGIONS = ["us-east-1", "us-west-2", "eu-west-1"]
ROLE = "arn:aws:iam::123456789012:role/"
SHAPES = sorted(published()["models"].values(), key=lambda shape: shape["parameters_billion"])

KEY = "arn:aws:kms:us-east-1:123456789012:key/"
SIGNED = {
    "signatures": [
        {"kind": "kms", "name": "everywhere", "images": ["quay.io/acme/*"], "key_arn": f"{KEY}mrk-{'0' * 32}"},
        {"kind": "notation", "name": "ca", "images": ["quay.io/a/*"], "certificates": "-----BEGIN CERTIFICATE-----"},
    ]
}

DRA = {"kind": "dra"}

POOLS: list[Data] = [
    {"instance_types": ["p5.48xlarge"], "max_gpus": 512},
    {"instance_types": ["p5.48xlarge"], "max_gpus": 256, "efa": True},
    {"instance_types": ["p5.48xlarge"], "max_gpus": 64, "capacity": ["reserved"], "reservation_tags": {"team": "ml"}},
    {"instance_types": ["p4de.24xlarge"], "max_gpus": 64, "sharing": {"kind": "mig", "profile": "3g.40gb"}},
    {"instance_types": ["g6e.xlarge", "g6e.2xlarge"], "max_gpus": 64, "capacity": ["spot", "on_demand"]},
    {"instance_types": ["g6e.48xlarge"], "max_gpus": 256, "plane": "auto"},
    {"instance_types": ["g6.12xlarge"], "max_gpus": 128, "zones": ["a"]},
    {"instance_types": ["g6e.12xlarge"], "max_gpus": 32, "sharing": {"kind": "time_slicing", "replicas": 2}},
    {"instance_types": ["g6.12xlarge"], "max_gpus": 16, "sharing": DRA, "image": "al2023", "fixed_nodes": 2},
]


def _seldom(draw: st.DrawFn, out_of: int = 4) -> bool:
    return draw(st.integers(1, out_of)) == out_of


@st.composite
def _environment(draw: st.DrawFn) -> Data:
    stage = draw(st.sampled_from(["development", "staging", "production"]))
    return {
        "name": stage[:4],
        "stage": stage,
        "owner": "ai-platform",
        "cost_center": "CC-1",
        "account_id": "123456789012",
        "region": draw(st.sampled_from(REGIONS)),
        "data_class": draw(st.sampled_from(["public", "internal", "confidential"])),
    }


@st.composite
def _network(draw: st.DrawFn) -> Data:
    subnets = {tier: {zone: f"subnet-0{n}{zone * 6}" for zone in "abc"} for n, tier in enumerate(("private", "data"))}
    network: Data = {
        "cidr": draw(st.sampled_from(["10.40.0.0/16", "172.16.0.0/18", "192.168.0.0/20"])),
        "zones": draw(st.sampled_from([["a", "b"], ["a", "b", "c"], ["a", "b", "c", "d"]])),
        "nat": draw(st.sampled_from(["single", "per_zone"])),
        "endpoints": draw(st.lists(st.sampled_from(typing.get_args(EndpointService)), max_size=5, unique=True)),
        "block_public_ingress": draw(st.booleans()),
    }
    if draw(st.booleans()):
        network["pod_cidr"] = draw(st.sampled_from(["100.64.0.0/16", "100.65.0.0/18"]))
    if _seldom(draw, 6):
        return {
            "zones": ["a", "b", "c"],
            "existing": {"vpc_id": "vpc-0a1b2c3d4e", "cidr": "10.80.0.0/18", "subnets": subnets},
        }
    return network


@st.composite
def _cluster(draw: st.DrawFn) -> Data:
    general = {"name": "general", "capacity": draw(st.sampled_from([["on_demand"], ["spot", "on_demand"]]))}
    batch = {"name": "batch", "dedicated": True, "architectures": ["arm64", "x86_64"]}
    smallest = draw(st.integers(1, 4))
    return {
        "deployer_role": f"{ROLE}platform-deployer",
        "admin_roles": draw(st.lists(st.sampled_from([f"{ROLE}oncall", f"{ROLE}lead"]), max_size=2, unique=True)),
        "general_pools": [general, batch] if draw(st.booleans()) else [general],
        "images": {"registries": [IMAGE.partition("/")[0]], **draw(st.sampled_from([{}, {}, SIGNED]))},
        "system_nodes": {"min_size": smallest, "max_size": smallest + draw(st.integers(0, 3))},
    }


@st.composite
def _pools(draw: st.DrawFn) -> list[Data]:
    kinds = draw(st.lists(st.sampled_from(POOLS), min_size=1, max_size=4))
    pools: list[Data] = [{"name": f"pool-{number}", **kind} for number, kind in enumerate(kinds)]
    if all(pool.get("sharing") == DRA for pool in pools):
        pools.append({"name": "pool-x", **POOLS[0]})
    if _seldom(draw, 8):
        pools[-1] = {**draw(pool_data()), "name": pools[-1]["name"]}
    return pools


def _engine(draw: st.DrawFn) -> Data:
    """vLLM mostly, or any other engine with what it needs."""
    union = typing.get_args(engines.Engine)
    kinds = typing.get_args(union[0]) if union else (engines.Engine,)
    kind = kinds[0] if not _seldom(draw) else draw(st.sampled_from(kinds))
    values: Data = {"ray_version": "2.54.0"}
    return {
        name: typing.get_args(field.annotation)[0] if name == "kind" else values.get(name, IMAGE)
        for name, field in kind.model_fields.items()
        if field.is_required()
    }


@st.composite
def _self_hosted(draw: st.DrawFn, number: int, pools: list[Data]) -> Data:
    pool = draw(st.sampled_from([pool for pool in pools if pool.get("sharing") != DRA] or pools))
    large = "p5" in pool["instance_types"][0]
    fewest = draw(st.integers(1, 2))
    model: Data = {
        "kind": "self_hosted",
        "name": f"model-{number}",
        "source": {"kind": "s3", "path": f"acme/model-{number}"},
        "engine": _engine(draw),
        "pool": pool["name"],
        "architecture": draw(st.sampled_from(SHAPES if large else SHAPES[:8])),
        "precision": draw(st.sampled_from(["fp8", "bf16", "int4", "mxfp4"])),
        "kv_cache_precision": draw(st.sampled_from(["auto", "fp8"])),
        "max_context_tokens": draw(st.sampled_from([512, 4096, 8192, 131072] if large else [512, 1024, 2048, 16384])),
        "concurrent_requests": draw(st.sampled_from([1, 2, 4, 4, 8])),
        "replicas": {"min": fewest, "max": fewest + draw(st.integers(0, 2))},
    }
    if "sharing" not in pool:
        model["parallelism"] = {"tensor": draw(st.sampled_from([4, 1, 2, 8] if large else [1, 1, 2, 4]))}
        if _seldom(draw, 6):
            model["parallelism"] |= draw(st.sampled_from([{"pipeline": 2}, {"data": 2}, {"pipeline": 3}, {"data": 8}]))
    if _seldom(draw):
        public = {"kind": "hugging_face", "repository": "acme/Tiny-1.5", "revision": "0123456789" * 4}
        model["source"] = draw(st.sampled_from([{"kind": "oci", "image": IMAGE}, public]))
    if _seldom(draw, 6):
        model["draft"] = {"path": "acme/draft", "architecture": SHAPES[0]}
    if _seldom(draw, 6):
        model["adapters"] = [{"name": f"tone-{number}", "path": "acme/tone", "rank": draw(st.sampled_from([8, 64]))}]
    if _seldom(draw, 6):
        model |= {"kv_offload_gib": draw(st.sampled_from([1, 4, 200])), "prefix_caching": not _seldom(draw)}
    if _seldom(draw, 6):
        model["canary"] = {"weight": draw(st.integers(0, 100)), "source": {"kind": "s3", "path": "acme/next"}}
    elif _seldom(draw, 6):
        model |= {"replicas": {"min": 0, "max": 2}, "scale_to_zero": {"idle_minutes": draw(st.integers(1, 90))}}
    return model


@st.composite
def _hosted(draw: st.DrawFn, number: int) -> Data:
    provider = draw(st.sampled_from(["openai", "anthropic", "openai_compatible"]))
    address = {"base_url": "https://inference.acme.example.com/v1"} if provider == "openai_compatible" else {}
    name = {"kind": "hosted", "name": f"model-{number}", "provider": provider, **address}
    return {**name, "model": "frontier-1", "api_key_secret": "plinth/providers/key"}


@st.composite
def _models(draw: st.DrawFn, pools: list[Data]) -> list[Data]:
    kinds = draw(st.lists(st.sampled_from(["self_hosted", "hosted"]), min_size=1, max_size=4))
    return [
        draw(_self_hosted(number, pools) if kind == "self_hosted" else _hosted(number))
        for number, kind in enumerate(kinds)
    ]


def _routes(draw: st.DrawFn, models: list[Data]) -> list[Data]:
    asleep = {model["name"] for model in models if "scale_to_zero" in model}
    routes: list[Data] = [{"name": model["name"], "targets": [{"model": model["name"]}]} for model in models]
    awake = [model["name"] for model in models if model["name"] not in asleep]
    if awake:
        names = draw(st.lists(st.sampled_from(awake), min_size=1, max_size=3, unique=True))
        routes.append(
            {"name": "any", "targets": [{"model": name, "weight": index + 1} for index, name in enumerate(names)]}
        )
    return routes


@st.composite
def _tenant(draw: st.DrawFn, number: int, routes: list[str]) -> Data:
    return {
        "name": f"team-{number}",
        "owner_email": "team@acme.example.com",
        "cost_center": f"CC-{number}",
        "monthly_budget_usd": draw(st.integers(1, 50_000)),
        "routes": draw(st.lists(st.sampled_from(routes), min_size=1, max_size=3, unique=True)),
        "quota": {"cpus": draw(st.integers(1, 64)), "gpus": draw(st.sampled_from([0, 0, 4])), "pods": 20},
        "team_roles": [f"{ROLE}team-{number}"] if draw(st.booleans()) else [],
        "buckets": draw(st.sampled_from([[], ["datasets"]])),
    }


SNOWFLAKE: Data = {
    "organization": "ACME",
    "account": "AI",
    "databases": [{"name": "PLINTH", "schemas": ["RAW", "SERVING"]}],
    "warehouses": [{"name": "BI_WH", "workload": "bi", "monthly_credits": 40}],
    "roles": [{"name": "ANALYST", "warehouses": ["BI_WH"], "reads": ["PLINTH"]}],
}


@st.composite
def _stores(draw: st.DrawFn) -> Data:
    buckets: list[Data] = [{"name": "models"}, {"name": "datasets", "archive_after_days": 60}, {"name": "artifacts"}]
    collections = [{"name": f"c{size}", "dimensions": size} for size in draw(st.sampled_from([[], [384], [768, 1536]]))]
    stores: Data = {
        "storage": {"buckets": [*buckets, {"name": "logs", "expire_after_days": draw(st.integers(1, 400))}]},
        "postgres": {"min_acu": draw(st.sampled_from([0, 0.5, 2])), "max_acu": draw(st.sampled_from([2, 8.5]))},
        "cache": {"replicas": draw(st.integers(0, 3))},
        "vector": {"kind": "pgvector", "collections": collections},
    }
    return stores | ({"snowflake": SNOWFLAKE} if _seldom(draw) else {})


@st.composite
def _recovery(draw: st.DrawFn, home: str) -> Data:
    return {
        "region": draw(st.sampled_from([region for region in REGIONS if region != home])),
        "cidr": "10.90.0.0/16",
        "answers_rto_minutes": draw(st.sampled_from([10, 30, 60, 240, 1000])),
        "data_rpo_minutes": draw(st.sampled_from([1500, 1500, 120, 5])),
        "data_rto_minutes": draw(st.sampled_from([480, 1000, 30])),
        "traffic": draw(st.sampled_from(["failover", "failover", "nearest"])),
    }


@st.composite
def sensible(draw: st.DrawFn) -> Data:
    """An environment whose parts know one another; it may still ask for what cannot be, such as too small GPUs."""
    environment, pools = draw(_environment()), draw(_pools())
    models = draw(_models(pools))
    routes = _routes(draw, models)
    names = [route["name"] for route in routes]
    document: Data = {
        "environment": environment,
        "network": draw(_network()),
        "cluster": draw(_cluster()),
        "gpu_pools": pools,
        **draw(_stores()),
        "models": models,
        "gateway": {"image": IMAGE, "routes": routes, "replicas": draw(st.integers(1, 4))},
        "tenants": [draw(_tenant(number, names)) for number in range(draw(st.integers(0, 3)))],
        "monitoring": {"oncall_email": "oncall@acme.example.com", "storage_gib": draw(st.integers(5, 500))},
    }
    if draw(st.booleans()):
        managed = draw(st.sampled_from(["platform", "organization"]))
        document["security"] = {"managed": managed, "findings_email": "security@acme.example.com"}
    if _seldom(draw):
        document["recovery"] = draw(_recovery(environment["region"]))
    return document


JUNK: list[Any] = [
    *(None, True, -1, 0, 1, 7, 1e9, 10**30, float("nan")),
    *("", "x", "a-b", "é" * 400, [], [None], {}, {"kind": "x"}),
]
"""What may stand where something else should."""

NEAR = [
    *("999.1.1.1/99", "10.0.0.0/33", "10.0.0.1/16", "0.0.0.0/0", "100.64.0.0/16", "us-gov-west-1"),
    *("pool-1", "model-0", "any", "general", "p5.48xlarge", "local", "f"),
]
"""What has the right form and is wrong all the same."""


def damaged(document: Data, random: Random) -> Data:
    """The document with one to three places broken."""
    broken: Any = copy.deepcopy(document)
    for _ in range(random.choice([1, 1, 2])):
        places = _places(broken)
        if not places:
            break
        parent, key = random.choice(places)
        change = random.choice(["junk", "near", "remove", "more", "swap"])
        if change == "remove":
            del parent[key]
        elif change == "more" and isinstance(parent, dict):
            parent[random.choice(["kindd", "names", 7])] = random.choice(JUNK)
        elif change == "swap":
            other, name = random.choice(places)
            parent[key] = copy.deepcopy(other[name])
        else:
            parent[key] = random.choice(JUNK if change == "junk" else NEAR)
    return broken


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Everywhere in a document: (mapping or list, key)."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    return [place for key in keys for place in ((value, key), *_places(value[key]))]
