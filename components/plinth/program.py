"""The platform program: one environment's YAML in, one platform out."""

import pulumi

from plinth import addresses, contract, layers, naming, outputs, providers
from plinth.recovery import protection, second_region
from plinth.region import Platform, build_region
from plinth.spec import PlatformSpec, SpecError, load_spec

PROJECT = "plinth"
"""Name of the Pulumi project, and of its configuration's namespace."""


def build(
    spec: PlatformSpec,
    snowflake_key: pulumi.Input[str] | None = None,
    lambda_key: pulumi.Input[str] | None = None,
) -> Platform:
    """Build the environment: its own region, and what its recovery objectives ask for in another."""
    given = providers.base_providers(spec.environment, addresses.aws_endpoint(spec))
    stores = layers.stores(spec, given)
    further = second_region.begin(spec, given)
    platform = build_region(
        spec,
        given,
        stores,
        snowflake_key=snowflake_key,
        lambda_key=lambda_key,
        copies=further.copies if further else None,
        part=further.part if further else "only",
        postgres=further.postgres if further else None,
    )
    if further:
        second_region.finish(spec, given, platform, further)
    else:
        protection.protect(spec, given, platform)
    return platform


def read_spec() -> PlatformSpec:
    """The spec of the stack that is being deployed.

    Raises:
        pulumi.RunError: it is missing or has mistakes, each of which is listed, or belongs to another stack.
    """
    stack = pulumi.get_stack()
    source = f"Pulumi.{stack}.yaml ({PROJECT}:platform)"
    try:
        spec = load_spec(pulumi.Config(PROJECT).require_object("platform"), source)
    except SpecError as error:
        raise pulumi.RunError(str(error)) from error
    if spec.environment.name != stack:
        raise pulumi.RunError(
            f"{source}: environment.name is {spec.environment.name!r}, but the stack is {stack!r}."
            " Use the file of this stack, or correct the name."
        )
    return spec


def platform() -> Platform:
    """The whole program: reads the stack's spec, builds the platform and exports its outputs."""
    spec = read_spec()
    config = pulumi.Config(PROJECT)
    built = build(spec, config.get_secret("snowflakePrivateKey"), config.get_secret("lambdaApiKey"))
    document = outputs.platform_contract(spec, built.foundation, built.cluster, built.data, built.access)
    pulumi.export(contract.OUTPUT, document)
    pulumi.export("gateway_url", addresses.gateway_url(spec))
    if spec.gateway.entry:
        pulumi.export("gateway_entry", f"https://{spec.gateway.entry.host}/v1")
    pulumi.export("cluster_name", built.cluster.cluster.name)
    pulumi.export(
        "tenant_keys", {tenant.name: naming.tenant_key_secret(spec.environment, tenant.name) for tenant in spec.tenants}
    )
    return built
