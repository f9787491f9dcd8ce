"""The Job that makes collections in every store but PostgreSQL's."""

import hashlib
import json
from collections.abc import Mapping, Sequence

import pulumi
from pulumi_kubernetes import batch, core, meta, networking

from plinth import pods
from plinth.base import Component, to_props
from plinth.data.vectors import plan
from plinth.data.vectors.built import BuiltStore, VectorPlatform
from plinth.data.vectors.job_pod import job_pod
from plinth.security.identity import WorkloadIdentity
from plinth.spec.environment import Environment
from plinth.spec.vectors import VectorStore, engines, kept_in
from plinth_runtime.vectors.config import VectorEndpoint, VectorSetup, VectorStores

APP = plan.APP
CONFIG_FILE = "collections.json"


class VectorCollectionsJob(Component):
    """Makes the platform's collections, in every store but PostgreSQL's, as often as what it is told changes."""

    ready: list[pulumi.Resource]
    """What further Jobs of the same rights wait for."""

    def __init__(
        self,
        name: str,
        section: VectorStore,
        *,
        environment: Environment,
        stores: Sequence[BuiltStore],
        identity: WorkloadIdentity | None,
        tenants: Sequence[str],
        platform: VectorPlatform,
        egress: Sequence[networking.v1.NetworkPolicyEgressRuleArgs],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("VectorCollections", name, section, environment=environment, opts=opts)
        self._namespace = platform.namespace
        secrets = {folder: secret for store in stores for folder, secret in store.secrets.items()}
        config = core.v1.ConfigMap(
            f"{name}-config",
            metadata=self._metadata(APP),
            data={CONFIG_FILE: job_config(section, stores, tenants)},
            opts=self.options(core.v1.ConfigMap),
        )
        wall = networking.v1.NetworkPolicy(
            f"{name}-wall",
            metadata=self._metadata(APP),
            spec=networking.v1.NetworkPolicySpecArgs(
                pod_selector=meta.v1.LabelSelectorArgs(match_labels=pods.selector(plan.COMPONENT)),
                policy_types=["Ingress", "Egress"],
                egress=list(egress),
            ),
            opts=self.options(networking.v1.NetworkPolicy),
        )
        account = core.v1.ServiceAccount(
            f"{name}-account",
            metadata=self._metadata(APP),
            automount_service_account_token=False,
            opts=self.options(core.v1.ServiceAccount),
        )
        ready = [resource for store in stores for resource in store.ready]
        batch.v1.Job(
            f"{name}-job",
            metadata=self._metadata(job_name(section, platform.runtime_image, tenants)),
            spec=batch.v1.JobSpecArgs(
                backoff_limit=6,
                ttl_seconds_after_finished=24 * 3600,
                template=core.v1.PodTemplateSpecArgs(
                    metadata=meta.v1.ObjectMetaArgs(labels=pods.labels(plan.COMPONENT, APP)),
                    spec=job_pod(
                        platform.runtime_image,
                        APP,
                        command="vector-schema",
                        config_file=CONFIG_FILE,
                        secrets=secrets,
                        priority=True,
                    ),
                ),
            ),
            opts=self.options(
                batch.v1.Job, depends_on=[config, wall, account, *ready, *([identity] if identity else [])]
            ),
        )
        self.ready = [wall, account, *ready]
        self.register_outputs({"stores": [store.name for store in stores]})

    def _metadata(self, name: str) -> meta.v1.ObjectMetaArgs:
        return meta.v1.ObjectMetaArgs(name=name, namespace=self._namespace, labels=pods.labels(plan.COMPONENT, APP))


def job_config(section: VectorStore, stores: Sequence[BuiltStore], tenants: Sequence[str]) -> pulumi.Output[str]:
    """What the Job is told, as JSON: the very type that it reads."""

    def render(endpoints: Sequence[VectorEndpoint]) -> str:
        found = dict(zip([store.name for store in stores], endpoints, strict=True))
        return VectorSetup(version="v2", stores=stores_config(section, found), tenants=list(tenants)).model_dump_json(
            indent=2
        )

    return pulumi.Output.all(*(store.endpoint for store in stores)).apply(render)


def stores_config(section: VectorStore, endpoints: Mapping[str, VectorEndpoint]) -> VectorStores:
    """These stores, and the platform's collections that they keep."""
    return VectorStores(
        stores=dict(endpoints),
        collections=[
            plan.collection(item, engine.kind)
            for name, engine in engines(section).items()
            if name in endpoints
            for item in kept_in(section, name)
        ],
        placement={item.name: name for name in endpoints for item in kept_in(section, name)},
    )


def job_name(section: VectorStore, image: str, tenants: Sequence[str]) -> str:
    """Name of the Job: the same for the same content."""
    content = json.dumps([to_props(section), image, list(tenants)], sort_keys=True)
    return f"{APP}-{hashlib.sha256(content.encode()).hexdigest()[:10]}"
