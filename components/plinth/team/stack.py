"""What every team's stack begins with: its spec, the platform's contract, and providers that point at it."""

from dataclasses import dataclass

import pulumi

from plinth.cluster import plan
from plinth.contract import PlatformContract, PlatformReference
from plinth.providers import Providers, base_providers, cluster_provider
from plinth.spec.data import VectorCollection as VectorCollectionSection
from plinth.spec.problem import SpecError
from plinth.spec.training import RayJob, TrainJob
from plinth.team.declared_collection import DeclaredVectorCollection
from plinth.team.model_route import ModelRoute
from plinth.team.spec import TeamSpec, load_team
from plinth.team.training_job import TrainingJob
from plinth.team.vector_collection import VectorCollection
from plinth.tenancy.plan import TENANT_TAG
from plinth_runtime.tenant_routes import TenantRoute


@dataclass(frozen=True)
class TeamStack:
    """A team's stack, ready for components."""

    spec: TeamSpec
    platform: PlatformReference
    providers: Providers

    def model_route(self, section: TenantRoute) -> ModelRoute:
        """Add a model route."""
        return ModelRoute(
            f"route-{section.name}",
            section,
            environment=self.spec.environment,
            tenant=self.spec.tenant,
            platform=self.platform,
            opts=self.providers.options(),
        )

    def vector_collection(self, section: VectorCollectionSection) -> VectorCollection | DeclaredVectorCollection:
        """Add a collection of vectors: in PostgreSQL, or in the store of the platform that it names."""
        kind = DeclaredVectorCollection if section.store else VectorCollection
        return kind(
            f"collection-{section.name}",
            section,
            environment=self.spec.environment,
            tenant=self.spec.tenant,
            platform=self.platform,
            opts=self.providers.options(),
        )

    def training_job(self, section: TrainJob | RayJob) -> TrainingJob:
        """Submit a training job."""
        return TrainingJob(
            f"job-{section.name}",
            section,
            environment=self.spec.environment,
            tenant=self.spec.tenant,
            platform=self.platform,
            opts=self.providers.options(),
        )


def team_stack() -> TeamStack:
    """Read the stack's spec, connect to the platform, build the providers.

    Raises:
        pulumi.RunError: the spec is missing or has mistakes, each of which is listed, or belongs to another stack.
    """
    spec = _read_spec()
    platform = PlatformReference("platform", stack=spec.platform_stack, environment=spec.environment)
    endpoint = platform.get(lambda contract: contract.local_endpoint or "")
    given = base_providers(
        spec.environment,
        endpoint if spec.environment.stage == "local" else None,
        {TENANT_TAG: spec.tenant},
    )
    kubernetes = cluster_provider(
        spec.environment,
        kubeconfig=platform.get(_kubeconfig),
        identifier=platform.get(lambda contract: contract.cluster.name),
    )
    return TeamStack(spec, platform, given.with_kubernetes(kubernetes))


def _read_spec() -> TeamSpec:
    project, stack = pulumi.get_project(), pulumi.get_stack()
    source = f"Pulumi.{stack}.yaml ({project}:team)"
    try:
        spec = load_team(pulumi.Config(project).require_object("team"), source)
    except SpecError as error:
        raise pulumi.RunError(str(error)) from error
    if spec.environment.name != stack:
        raise pulumi.RunError(
            f"{source}: environment.name is {spec.environment.name!r}, but the stack is {stack!r}."
            " Use the file of this stack, or correct the name."
        )
    return spec


def _kubeconfig(contract: PlatformContract) -> str:
    cluster = contract.cluster
    return plan.kubeconfig(cluster.name, cluster.endpoint, cluster.certificate_authority, contract.environment.region)
