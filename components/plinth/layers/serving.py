"""The models that the platform serves itself."""

from collections.abc import Sequence

import pulumi

from plinth import addresses, naming
from plinth.cluster import crds
from plinth.layers.cluster import ClusterLayer
from plinth.layers.foundation import Foundation
from plinth.serving import controllers, mirror, revisions
from plinth.serving.autoscaler import autoscaler, group_controller
from plinth.serving.model_deployment import ModelDeployment
from plinth.serving.platform import ServingPlatform
from plinth.spec import PlatformSpec
from plinth.spec.models import SelfHostedModel


def serving(spec: PlatformSpec, below: Foundation, on: ClusterLayer) -> dict[str, ModelDeployment]:
    """The models that the platform serves itself, by name."""
    self_hosted = revisions.self_hosted(spec.models)
    pools = {pool.name: pool for pool in spec.gpu_pools}
    system, wanted = on.base.namespaces[naming.SYSTEM_NAMESPACE], crds.projects(spec)
    groups = keda = None
    if "lws" in wanted:
        opts = on.given.options(depends_on=on.crds.of("lws"))
        groups = group_controller("lws", namespace=system, opts=opts)
    if "keda" in wanted:
        keda = autoscaler("keda", namespace=system, opts=on.given.options(depends_on=on.crds.of("keda")))
    platform = ServingPlatform(
        namespace=on.base.namespaces[naming.SERVING_NAMESPACE],
        cluster_name=on.cluster.name,
        priority_class=on.base.priority_classes[naming.SERVING_PRIORITY],
        runtime_image=spec.gateway.image,
        longest_request_seconds=spec.gateway.request_timeout_seconds,
        weights=below.storage,
        data_key_arn=below.keys.arn["data"],
        pools=pools,
        nodes=on.pools,
        self_hosted=self_hosted,
        controllers=_serving_controllers(spec, on),
        mirrors=_mirrors(spec, self_hosted, below, on),
        groups=groups,
        autoscaler=keda,
    )
    return {
        model.name: ModelDeployment(
            f"model-{model.name}",
            model,
            environment=spec.environment,
            port=addresses.model_port(spec, model),
            platform=platform,
            opts=on.for_workloads(),
        )
        for model in revisions.in_cluster(spec.models)
    }


def _serving_controllers(spec: PlatformSpec, on: ClusterLayer) -> dict[str, Sequence[pulumi.Resource]]:
    """What engines' objects wait for, by engine."""
    wanted = controllers.needed(spec.models)
    if not wanted:
        return {}
    made = controllers.ServingControllers(
        "serving",
        wanted,
        environment=spec.environment,
        namespace=on.base.namespaces[naming.SYSTEM_NAMESPACE],
        serving_namespace=on.base.namespaces[naming.SERVING_NAMESPACE],
        ready=on.crds.of(*(project for controller in wanted for project in controllers.PROJECTS[controller])),
        ray=on.ray,
        opts=on.given.options(),
    )
    return {
        engine: made.ready[controller]
        for engine, controller in controllers.OF_ENGINE.items()
        if controller in made.ready
    }


def _mirrors(
    spec: PlatformSpec, models: Sequence[SelfHostedModel], below: Foundation, on: ClusterLayer
) -> dict[str, pulumi.Resource]:
    """What copies public models' weights, by their place in the bucket."""
    return {
        source.bucket_path: mirror.WeightsMirror(
            mirror.short_name(source),
            source,
            environment=spec.environment,
            namespace=on.base.namespaces[naming.SYSTEM_NAMESPACE],
            cluster_name=on.cluster.name,
            image=spec.gateway.image,
            weights=below.storage,
            data_key_arn=below.keys.arn["data"],
            bridge=on.bridge,
            opts=on.for_workloads(),
        ).done
        for source in mirror.mirrored(models)
    }
