"""Checks across sections, a module for each area: each check gives every problem it finds, and needs no cloud."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from plinth.spec.checks import (
    batch,
    cluster,
    engines,
    gpu,
    hosted,
    images,
    laptop,
    models,
    network,
    pools,
    recovery,
    references,
    remote,
    snowflake,
    tenants,
    vectors,
)
from plinth.spec.problem import Problem

if TYPE_CHECKING:
    from plinth.spec.platform import PlatformSpec

Sections = tuple[str, ...]
"""Names of sections of the spec."""

CHECKS: tuple[tuple[Sections, Callable[["PlatformSpec"], Iterator[Problem]]], ...] = (
    (
        (
            "gpu_pools",
            "storage",
            "postgres",
            "streams",
            "vector",
            "models",
            "remote_gpus",
            "bedrock",
            "gateway",
            "tenants",
        ),
        references.unique_names,
    ),
    (
        (
            "network",
            "gpu_pools",
            "storage",
            "postgres",
            "cache",
            "graph",
            "graph",
            "streams",
            "models",
            "remote_gpus",
            "gateway",
            "tenants",
        ),
        references.references,
    ),
    (("vector",), vectors.hybrid_places),
    (("vector", "tenants"), vectors.engine_limits),
    (("network", "vector"), vectors.search_nodes),
    (("vector",), vectors.copies_fit),
    (("network",), network.existing_network),
    (("cluster", "tenants"), tenants.team_roles),
    (("gpu_pools", "tenants", "batch"), batch.queues_exist),
    (("gpu_pools", "models", "tenants", "batch"), batch.guarantees_fit),
    (("gpu_pools", "models", "tenants", "batch"), batch.queues_within_quotas),
    (("cluster", "batch"), batch.general_pool),
    (("network", "gpu_pools"), pools.pool_zones),
    (("gpu_pools",), pools.pools_apart),
    (("cluster", "gpu_pools"), pools.pool_versions),
    (("gpu_pools", "models"), pools.served_pools),
    (("cluster", "gpu_pools"), cluster.node_pools),
    (("cluster", "network"), cluster.pool_zones),
    (("environment", "network", "cluster", "gpu_pools"), cluster.existing_cluster),
    (("environment", "cluster", "models", "gateway"), images.image_origins),
    (("environment", "cluster"), images.signing_keys),
    (("gpu_pools", "models"), gpu.gpu_fit),
    (("gpu_pools", "models"), gpu.gpu_capacity),
    (("gpu_pools", "models"), gpu.host_memory),
    (("gpu_pools", "models"), engines.engine_limits),
    (("gpu_pools", "models"), engines.rollout_gpus),
    (("gpu_pools", "models"), engines.weights_on_disk),
    (("storage", "models"), models.weights_bucket),
    (("models",), models.served_names),
    (("models", "gateway"), models.sleeping_models),
    (("environment", "models", "gateway", "laptop"), laptop.laptop_only),
    (("environment", "models"), models.real_models_in_production),
    (("network", "gateway"), network.public_entry),
    (("environment", "models"), hosted.restricted_data),
    (("environment", "models"), hosted.identity_in_aws),
    (("bedrock", "models"), hosted.guardrails),
    (("bedrock",), hosted.pii_once),
    (("models", "remote_gpus"), remote.names_apart),
    (("remote_gpus",), remote.cost_fuse),
    (("remote_gpus",), remote.fits),
    (("environment", "network", "remote_gpus"), remote.where),
    (("network", "snowflake", "storage", "tenants"), snowflake.service_users),
    (("environment", "network", "postgres", "cache", "graph", "models", "recovery"), recovery.objectives),
    (recovery.SECTIONS, recovery.second_region),
)
"""Each check with the sections it reads: it runs when those are valid, whatever the others are."""
