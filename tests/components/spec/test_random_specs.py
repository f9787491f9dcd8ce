"""Whatever a user writes gives a plan, or says what is wrong with it: never anything else."""

import json
import os
from collections import Counter
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import worlds
from support.documents import damaged, sensible

from plinth import addresses
from plinth.cluster import flows, flows_page, gates, general_pool, gpu_request, node_pool, user_data, walls
from plinth.gateway import plan as gateway
from plinth.network import layout as network
from plinth.observability import alerts, dashboard
from plinth.recovery import plan as recovery
from plinth.recovery.standby import standby_spec
from plinth.security import watch
from plinth.serving import revisions, scaling, vllm
from plinth.serving.engines import engine_of
from plinth.snowflake import grants
from plinth.spec import PlatformSpec, SpecError, layout, load_spec
from plinth.storage import lifecycle
from plinth.tenancy import plan as tenancy

DOCUMENTS = int(os.environ.get("PLINTH_RANDOM_SPECS", "400"))
"""Documents to try; `make test` tries ten thousand."""

VARIANTS = 2
"""Damaged copies that are tried of each sensible document."""

LEAST_PART = 0.1
"""Part of the documents that has to become plans, and part that has to be refused."""

PLACE = node_pool.Place("role", ["subnet-1"], ["sg-1"], "key", ["subnet-2"], ["cr-0a1b2c3d4e5f60718"])


def plan(spec: PlatformSpec) -> None:
    """Everything that is decided from the spec alone."""
    section = spec.network
    if not section.existing:
        network.plan(section.cidr, section.zones, section.pod_cidr)
    _plan_cluster(spec)
    _plan_models(spec)
    json.loads(dashboard.dashboard(spec))
    alerts.prometheus_rule(spec)
    config = gateway.runtime_config(spec)
    gateway.serving_ports(config), gateway.checksum(config), gateway.render(config)
    for bucket in spec.storage.buckets:
        lifecycle.plan(bucket)
    for tenant in spec.tenants:
        tenancy.labels(tenant), tenancy.namespace_labels(tenant), tenancy.quota(tenant.quota)
        tenancy.budget_filter(tenant), tenancy.team_rules(tenant), tenancy.telemetry(tenant, spec.environment)
    if spec.snowflake:
        grants.plan(spec.snowflake)
    watch.event_patterns(spec.security), watch.key_statements(spec.environment)
    watch.object_lock(spec.security.audit_trail, spec.environment)
    if spec.recovery:
        recovery.mechanism(spec)
        plan(standby_spec(spec))


def _plan_cluster(spec: PlatformSpec) -> None:
    wanted = flows.flows(spec)
    flows_page.render(spec)
    for namespace in {
        end.namespace for flow in wanted for end in (flow.source, flow.destination) if hasattr(end, "namespace")
    }:
        walls.policies(namespace, wanted)
    gates.feature_gates(spec.gpu_pools)
    for pool in spec.gpu_pools:
        zones = pool.zones or spec.network.zones
        if pool.plane == "auto":
            node_pool.auto_class(pool, spec.environment, PLACE)
        else:
            node_pool.node_class(pool, spec.environment, PLACE)
            user_data.user_data(pool)
        node_pool.node_pool(pool, spec.environment, zones), node_pool.overlays(pool), node_pool.limits(pool)
    for pool in spec.cluster.general_pools:
        general_pool.node_pool(pool, spec.environment, spec.network.zones)


def _plan_models(spec: PlatformSpec) -> None:
    pools = {pool.name: pool for pool in spec.gpu_pools}
    models = revisions.self_hosted(spec.models)
    for model in revisions.in_cluster(spec.models):
        addresses.model_url(spec, model)
    for route in spec.gateway.routes:
        revisions.shares(route, spec.models)
    for model in models:
        pool, engine = pools[model.pool], engine_of(model)
        needs = vllm.pod_resources(model, pool)
        gpus = gpu_request.pod_gpus(pool, needs.gpus, efa=pool.efa and layout.nodes_per_replica(model, pool) > 1)
        vllm.serve_options(model, 8000, 600, gpus.memory_share)
        vllm.environment_variables(needs, spec.environment.region), vllm.rollout(model, pool, models)
        vllm.fetched(model), vllm.fetched_gib(model)
        scaling.queries(model, engine.signals(model)), scaling.is_scaled(model)
        engine.service_name(model), engine.scale_target(model, pool), engine.answering_selector(model, pool)


def outcome(document: object) -> str:
    """What becomes of a document; anything but a plan or a clean error is raised."""
    try:
        spec = load_spec(document)
    except SpecError as error:
        assert error.problems
        for problem in error.problems:
            assert problem.path
            assert problem.allowed
        assert "Traceback" not in str(error)
        return "refused"
    plan(spec)
    return "planned"


@pytest.mark.timeout(3600)
def test_every_document_gives_a_plan_or_a_clean_error():
    outcomes: Counter[str] = Counter()

    @settings(max_examples=-(-DOCUMENTS // (1 + VARIANTS)), deadline=None, suppress_health_check=list(HealthCheck))
    @given(sensible(), st.integers(0, 2**32))
    def run(document: dict[str, object], seed: int) -> None:
        random = Random(seed)
        outcomes[outcome(document)] += 1
        for _ in range(VARIANTS):
            outcomes[outcome(damaged(document, random))] += 1

    run()
    print(f"\n{dict(outcomes)}")
    assert min(outcomes["planned"], outcomes["refused"]) > LEAST_PART * outcomes.total(), outcomes


@pytest.mark.parametrize("cidr", ["999.1.1.1/99", "10.0.0.0/33"])
@pytest.mark.parametrize("path", [("recovery", "cidr"), ("network", "cidr"), ("cluster", "public_access_cidrs", 0)])
def test_an_address_that_is_none_is_told(path, cidr):
    data = worlds.document("prod")
    data["recovery"] = {"region": "us-west-2", "cidr": "10.90.0.0/16"}
    data["cluster"]["public_access_cidrs"] = ["10.0.0.0/8"]
    parent = data
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = cidr
    with pytest.raises(SpecError) as refused:
        load_spec(data)
    assert path[0] in refused.value.problems[0].path
