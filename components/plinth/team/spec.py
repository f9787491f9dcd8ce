"""The spec of a team's stack: what a user writes under `<project>:team`."""

from pydantic import Field, TypeAdapter, ValidationError

from plinth.spec.base import Model, Name
from plinth.spec.data import VectorCollection
from plinth.spec.environment import Environment
from plinth.spec.load import problems_in
from plinth.spec.problem import SpecError
from plinth.spec.training import TrainingJob
from plinth_runtime.tenant_routes import TenantRoute


class TeamSpec(Model):
    """One team's additions to one environment."""

    environment: Environment
    """The platform's environment, with the team as owner and its cost center: tags follow from it."""

    tenant: Name
    """The team's tenant on the platform."""

    platform: str | None = None
    """Stack of the platform. Absent: `organization/plinth/<environment>`."""

    routes: list[TenantRoute] = Field(default_factory=list[TenantRoute])
    """Model routes; clients call them as `<tenant>/<name>`."""

    collections: list[VectorCollection] = Field(default_factory=list[VectorCollection])
    """Collections of vectors: in the tenant's own schema of PostgreSQL, or in the platform's store that one names."""

    jobs: list[TrainingJob] = Field(default_factory=list[TrainingJob])
    """Training jobs, through the tenant's queue."""

    @property
    def platform_stack(self) -> str:
        """Stack of the platform."""
        return self.platform or f"organization/plinth/{self.environment.name}"


def load_team(data: object, source: str) -> TeamSpec:
    """Validate plain data.

    Raises:
        SpecError: with every mistake found; `source` says where the data came from.
    """
    try:
        return TypeAdapter(TeamSpec).validate_python(data)
    except ValidationError as error:
        raise SpecError(list(problems_in(error, TeamSpec)), source) from None
