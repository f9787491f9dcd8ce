"""A training job of a tenant's own."""

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as k8s
from pulumi_kubernetes import core, meta, networking

from plinth import naming, pods
from plinth.base import Component
from plinth.batch import job
from plinth.contract import PlatformContract, PlatformReference, TenantFacts
from plinth.kinds.base import Text
from plinth.security import documents
from plinth.security.identity import WorkloadIdentity
from plinth.spec.environment import Environment
from plinth.spec.training import RayJob, TrainJob
from plinth.tenancy.walls import to_aws


class TrainingJob(Component):
    """A job that lines up in the tenant's queue, and goes on from its checkpoints when its nodes are taken away.

    Its role reads and writes the objects of its own checkpoints, and reads the tenant's own in `datasets`: no others.
    """

    run: pulumi.Output[str]
    """Name of the TrainJob or RayJob; known once it was submitted."""

    checkpoints: pulumi.Output[str]
    """Where its checkpoints are, as `s3://bucket/prefix`."""

    def __init__(
        self,
        name: str,
        section: TrainJob | RayJob,
        *,
        environment: Environment,
        tenant: str,
        platform: PlatformReference,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("TrainingJob", name, section, environment=environment, opts=opts)
        self._name, self._section, self._tenant, self._platform = name, section, tenant, platform
        # The namespace is known once the job is one that the tenant may run.
        self._namespace = pulumi.Output.all(platform.tenant(tenant, lambda facts: facts), platform.contract).apply(
            lambda parts: allowed(section, tenant, parts[0], parts[1])
        )
        prefix = job.checkpoint_prefix(tenant, section)
        self.checkpoints = pulumi.Output.concat("s3://", self._bucket(section.checkpoints), f"/{prefix}")
        before = [self._account(), self._identity(prefix), self._wall()]
        run = self._run({"CHECKPOINT_URI": self.checkpoints, "AWS_REGION": environment.region}, before)
        self.run = run.id.apply(lambda _: job.object_name(section))
        self.register_outputs({"run": self.run, "checkpoints": self.checkpoints})

    def _bucket(self, bucket: str) -> pulumi.Output[str]:
        return self._platform.get(lambda contract: contract.buckets[bucket])

    def _metadata(self, name: str) -> meta.v1.ObjectMetaArgs:
        return meta.v1.ObjectMetaArgs(
            name=name, namespace=self._namespace, labels=job.labels(self._section, self._tenant)
        )

    def _account(self) -> pulumi.Resource:
        return core.v1.ServiceAccount(
            f"{self._name}-account",
            metadata=self._metadata(job.account(self._section)),
            automount_service_account_token=False,
            opts=self.options(core.v1.ServiceAccount),
        )

    def _identity(self, prefix: str) -> pulumi.Resource:
        """The role of the job's pods."""
        environment, section = self._environment, self._section
        partition = documents.partition(environment.region)

        def arn(bucket: str) -> pulumi.Output[str]:
            return pulumi.Output.concat(f"arn:{partition}:s3:::", self._bucket(bucket))

        def keys(buckets: Sequence[str]) -> pulumi.Output[list[str]]:
            return self._platform.get(lambda contract: contract.bucket_keys(buckets))

        documents_: dict[str, documents.Document] = {
            "checkpoints": documents.use_prefix(
                [arn(section.checkpoints)], prefix, keys([section.checkpoints]), environment.region
            )
        }
        if section.datasets:
            own = naming.tenant_prefix(self._tenant)
            buckets = [arn(bucket) for bucket in section.datasets]
            documents_["datasets"] = documents.use_prefix(
                buckets, own, keys(section.datasets), environment.region, write=False
            )
        return WorkloadIdentity(
            f"{self._name}-identity",
            environment=environment,
            cluster_name=self._platform.get(lambda contract: contract.cluster.name),
            namespace=self._namespace,
            service_account=job.account(section),
            policies={label: pulumi.Output.json_dumps(document) for label, document in documents_.items()},
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _wall(self) -> pulumi.Resource:
        """Its pods reach AWS."""
        spec = to_aws(pods.selector(job.APP, job.account(self._section)))
        return networking.v1.NetworkPolicy(
            f"{self._name}-wall",
            metadata=self._metadata(job.account(self._section)),
            spec=spec,
            opts=self.options(networking.v1.NetworkPolicy),
        )

    def _run(self, variables: dict[str, Text], before: list[pulumi.Resource]) -> k8s.apiextensions.CustomResource:
        resource = k8s.apiextensions.CustomResource
        name = job.object_name(self._section)
        labels = job.queue_labels(self._section, self._tenant)
        match self._section:
            case TrainJob() as section:
                runtime = job.runtime(section, self._tenant, variables).register(
                    f"{self._name}-runtime",
                    name=name,
                    namespace=self._namespace,
                    labels=job.labels(section, self._tenant),
                    opts=self.options(resource, depends_on=before),
                )
                return job.train_job(section).register(
                    f"{self._name}-run",
                    name=name,
                    namespace=self._namespace,
                    labels=labels,
                    opts=self.options(resource, depends_on=[runtime]),
                )
            case RayJob() as section:
                return job.ray_job(section, self._tenant, variables).register(
                    f"{self._name}-run",
                    name=name,
                    namespace=self._namespace,
                    labels=labels,
                    opts=self.options(resource, depends_on=before),
                )


def allowed(section: TrainJob | RayJob, tenant: str, facts: TenantFacts, contract: PlatformContract) -> str:
    """The namespace for a job that its tenant may run.

    Raises:
        pulumi.RunError: the tenant has no queue, or asks for what the queue, the pool or its buckets do not give.
    """
    problems: list[str] = []
    if section.kind not in contract.frameworks:
        known = ", ".join(contract.frameworks) or "none"
        problems.append(f"kind {section.kind!r}: the platform's batch.frameworks has {known}")
    most, pool = facts.gpus.get(section.pool), contract.pools.get(section.pool)
    if facts.queue is None or most is None or pool is None:
        known = ", ".join(sorted(facts.gpus)) or "none"
        problems.append(f"pool {section.pool!r}: the queue of tenant {tenant!r} has {known} (tenants[].batch.gpus)")
    else:
        gpus = section.nodes * section.gpus_per_node
        given = {"cpus_per_node": section.cpus_per_node, "memory_gib_per_node": section.memory_gib_per_node}
        there = {"cpus_per_node": pool.cpus_per_gpu, "memory_gib_per_node": pool.memory_gib_per_gpu}
        if gpus > most:
            problems.append(f"nodes x gpus_per_node is {gpus}: the queue hands out at most {most} of {section.pool}")
        if section.gpus_per_node > pool.gpus_per_node:
            problems.append(f"gpus_per_node {section.gpus_per_node}: a node of {section.pool} has {pool.gpus_per_node}")
        for field, value in given.items():
            if value > (fits := there[field] * section.gpus_per_node):
                problems.append(f"{field} {value}: at most {fits} beside {section.gpus_per_node} GPUs")
    for field, buckets in (("checkpoints", [section.checkpoints]), ("datasets", section.datasets)):
        for bucket in buckets:
            if bucket not in facts.buckets:
                known = ", ".join(facts.buckets) or "none"
                problems.append(f"{field} {bucket!r}: tenant {tenant!r} has a place in {known} (tenants[].buckets)")
    if problems:
        raise pulumi.RunError(f"job {section.name!r}: " + "; ".join(problems))
    return facts.namespace
