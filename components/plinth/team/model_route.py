"""A model route of a tenant's own."""

import pulumi

from plinth import naming
from plinth.base import Component
from plinth.contract import PlatformReference, TenantFacts
from plinth.security.secrets import managed_secret
from plinth.spec.environment import Environment
from plinth_runtime.tenant_routes import TenantRoute, public_name


class ModelRoute(Component):
    """A name that the tenant's clients call, and the platform routes that answer it.

    It is a document in the tenant's folder of Secrets Manager. The gateway reads those folders, takes a route only
    where the tenant may call every route that it names, and needs no restart.
    """

    model: pulumi.Output[str]
    """What clients pass as `model`; known once the route is stored. The gateway takes it up within minutes."""

    def __init__(
        self,
        name: str,
        section: TenantRoute,
        *,
        environment: Environment,
        tenant: str,
        platform: PlatformReference,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("ModelRoute", name, section, environment=environment, opts=opts)
        stored = managed_secret(
            self,
            f"{name}-document",
            environment=environment,
            secret_name=naming.tenant_route_secret(environment, tenant, section.name),
            value=platform.tenant(tenant, lambda facts: allowed(section, tenant, facts)),
            key_arn=platform.get(lambda contract: contract.secrets_key_arn),
            description=f"Model route {public_name(tenant, section.name)}",
        )
        self.model = stored.apply(lambda _: public_name(tenant, section.name))
        self.register_outputs({"model": self.model})


def allowed(route: TenantRoute, tenant: str, facts: TenantFacts) -> str:
    """The document of a route that its tenant may have.

    Raises:
        pulumi.RunError: it names a platform route that the tenant may not call.
    """
    strangers = sorted({share.route for share in route.shares} - set(facts.routes))
    if strangers:
        raise pulumi.RunError(
            f"route {route.name!r}: tenant {tenant!r} may not call {', '.join(strangers)};"
            f" it may call {', '.join(facts.routes)}. The platform's tenants[].routes decides."
        )
    return route.model_dump_json()
