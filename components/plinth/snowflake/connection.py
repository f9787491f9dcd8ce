"""How a service user reaches the warehouse: the very type that the runtime's client reads. Pure."""

from collections import defaultdict

from plinth.snowflake import grants
from plinth.snowflake.users import warehouse_of
from plinth.spec.environment import Environment
from plinth.spec.snowflake import Snowflake, SnowflakeUser
from plinth.spec.snowflake.names import schema_of
from plinth_runtime.warehouse.config import (
    CortexSettings,
    PrivateKey,
    QueryTags,
    SnowflakeConnection,
    WarehouseConfig,
    Workload,
    WorkloadWarehouses,
)

CONFIG_FILE, KEY_FILE = "warehouse.json", "private-key.pem"
"""Key of the ConfigMap, and of the Secret."""

KEY_DIR = "/etc/plinth/warehouse-key"
"""Where pods mount the Secret."""


def readable(section: Snowflake, role: str) -> set[str]:
    """Schemas that a role may read in the end, as DATABASE.SCHEMA."""
    plan = grants.plan(section)
    held: dict[object, set[str]] = defaultdict(set[str])
    for each in plan.roles:
        if each.schema:
            held[each] = {f"{each.database}.{each.schema}"}
    edges = [*plan.inherited, *plan.given, *plan.members]
    # No path is longer than there are edges.
    for _ in edges:
        for child, parent in edges:
            held[parent] |= held[child]
    return held[role]


def connection(section: Snowflake, environment: Environment, user: SnowflakeUser) -> WarehouseConfig:
    """What a workload of the user is told.

    The database and schema of short names are the first that its role names.
    """
    role = next(role for role in section.roles if role.name == user.role)
    schemas = readable(section, role.name)
    first = next((scope for scope in (*role.builds, *role.writes, *role.reads)), "")
    home = first if "." in first else min((each for each in schemas if each.startswith(f"{first}.")), default="")
    database, _, schema = (home or f"{section.databases[0].name}.{section.databases[0].schemas[0]}").partition(".")
    link = section.network.private_link
    return WarehouseConfig(
        endpoint=SnowflakeConnection(
            account=f"{section.organization}-{section.account}",
            host=link.account_host if link else None,
            user=user.name,
            role=role.name,
            keys=[PrivateKey(file=f"{KEY_DIR}/{KEY_FILE}")],
            database=database,
            schema_name=schema,
            warehouses=_warehouses(section, user),
            tags=QueryTags(always={"environment": environment.name, "product": "plinth"}),
            cortex=_cortex(section, role.name, schemas),
        )
    )


def _warehouses(section: Snowflake, user: SnowflakeUser) -> dict[Workload, WorkloadWarehouses]:
    """By workload, those that the user's role may use; for the others, the user's own."""
    own = warehouse_of(section, user)
    role = next(role for role in section.roles if role.name == user.role)
    found: dict[Workload, WorkloadWarehouses] = {
        warehouse.workload: WorkloadWarehouses(normal=warehouse.name)
        for warehouse in reversed(section.warehouses)
        if warehouse.name in role.warehouses
    }
    every: tuple[Workload, ...] = ("bi", "ml", "ingest", "applications")
    return {workload: found.get(workload, WorkloadWarehouses(normal=own)) for workload in every}


def _cortex(section: Snowflake, role: str, schemas: set[str]) -> CortexSettings:
    """Models and services that the role may call."""
    cortex = section.cortex
    if cortex is None or role not in cortex.roles:
        return CortexSettings()
    embeds = [model for model in cortex.models if "embed" in model]
    completes = [model for model in cortex.models if model not in embeds]
    return CortexSettings(
        complete_model=completes[0] if completes else None,
        embed_model=embeds[0] if embeds else None,
        search_services={
            product_name(search.name): search.name for search in cortex.search if schema_of(search.name) in schemas
        },
        semantic_views={
            product_name(view.name): view.name for view in cortex.semantic_views if schema_of(view.name) in schemas
        },
    )


def product_name(name: str) -> str:
    """What products call an object: its own name in lower case, with dashes."""
    return name.rpartition(".")[2].lower().replace("_", "-")
