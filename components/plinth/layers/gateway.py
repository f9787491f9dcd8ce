"""How models are reached: the gateway, and the GPUs outside AWS that it calls."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from plinth import naming, providers
from plinth.gateway import plan as gateway_plan
from plinth.gateway.entry import Entry, EntryPlatform, Part
from plinth.gateway.gateway import API, Gateway
from plinth.gateway.outside import outside
from plinth.layers.cluster import ClusterLayer
from plinth.layers.foundation import Foundation
from plinth.layers.tenants import tenants
from plinth.security.secrets import SecretCopies
from plinth.serving.remote.remote_gpu import RemoteGpu
from plinth.spec import PlatformSpec
from plinth.spec.remote import LambdaGpu
from plinth.tenancy.store_access import StoreGrants
from plinth.tenancy.tenant import Tenant


@dataclass(frozen=True)
class Access:
    """How models are reached, and by whom."""

    gateway: Gateway
    tenants: dict[str, Tenant]


def gateway(
    spec: PlatformSpec,
    below: Foundation,
    on: ClusterLayer,
    copies: SecretCopies | None = None,
    copied: pulumi.Output[str] | None = None,
    part: Part = "only",
    lambda_key: pulumi.Input[str] | None = None,
    grants: Mapping[str, StoreGrants] | None = None,
) -> Access:
    """The gateway, the GPUs outside AWS that it calls, and its tenants.

    Args:
        spec: the environment.
        below: the foundation.
        on: the cluster.
        copies: the second region, which gets a copy of the gateway's keys.
        copied: in that region: known once the keys are there.
        part: what this region is to the gateway's DNS name.
        lambda_key: API key of Lambda Cloud.
        grants: what tenants were granted in stores, by name.
    """
    remote = remote_gpus(spec, below, on, lambda_key)
    config = gateway_plan.runtime_config(spec)
    front = Gateway(
        "gateway",
        spec.gateway,
        environment=spec.environment,
        config=config,
        outside=outside(
            spec,
            remote={name: gpu.mounts for name, gpu in remote.items()},
            data_key_arn=below.keys.arn["data"],
            log_key_arn=below.keys.arn["logs"],
            opts=on.given.options(),
        ),
        cluster_name=on.cluster.name,
        namespace=on.base.namespaces[naming.SYSTEM_NAMESPACE],
        priority_class=on.base.priority_classes[naming.SYSTEM_PRIORITY],
        bridge=on.bridge,
        secrets_key_arn=below.keys.arn["secrets"],
        entry_cidr=spec.network.node_cidr if spec.gateway.entry else None,
        copies=copies,
        copied=copied,
        opts=on.given.options(),
    )
    if spec.gateway.entry:
        platform = EntryPlatform(
            network=below.network,
            node_security_group_id=on.cluster.security_group_id,
            node_scaling_group=on.cluster.system_scaling_group,
            namespace=on.base.namespaces[naming.SYSTEM_NAMESPACE],
            port_name=API,
            part=part,
        )
        Entry("entry", spec.gateway.entry, environment=spec.environment, platform=platform, opts=on.given.options())
    return Access(front, tenants(spec, below, on, config.gateway.port, grants))


def remote_gpus(
    spec: PlatformSpec, below: Foundation, on: ClusterLayer, lambda_key: pulumi.Input[str] | None
) -> dict[str, RemoteGpu]:
    """GPUs outside AWS, by name."""
    given: list[pulumi.ProviderResource] = []
    if any(isinstance(gpu, LambdaGpu) for gpu in spec.remote_gpus):
        given.append(providers.lambda_provider(lambda_key))
    return {
        gpu.name: RemoteGpu(
            f"remote-{gpu.name}",
            gpu,
            environment=spec.environment,
            namespace=on.base.namespaces[naming.SYSTEM_NAMESPACE],
            sources=below.network.nat_sources,
            secrets_key_arn=below.keys.arn["secrets"],
            opts=on.given.options(*given),
        )
        for gpu in spec.remote_gpus
    }
