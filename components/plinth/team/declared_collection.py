"""A collection of vectors of a tenant's own, in a store of the platform that is not PostgreSQL."""

import pulumi

from plinth import naming
from plinth.base import Component
from plinth.contract import PlatformContract, PlatformReference
from plinth.data.vectors import plan
from plinth.security.secrets import managed_secret
from plinth.spec.checks.vectors import misfits
from plinth.spec.environment import Environment
from plinth.spec.vectors import VectorCollection as VectorCollectionSection
from plinth_runtime.vector_declared import DeclaredCollection, store_name


class DeclaredVectorCollection(Component):
    """A document in the tenant's folder of Secrets Manager; the platform makes the collection within minutes.

    The team holds no credential of the store: in most engines tenants share what only the platform keeps apart.
    """

    table: pulumi.Output[str]
    """Store and name of the collection in it; known once the document is stored."""

    def __init__(
        self,
        name: str,
        section: VectorCollectionSection,
        *,
        environment: Environment,
        tenant: str,
        platform: PlatformReference,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("DeclaredVectorCollection", name, section, environment=environment, opts=opts)
        stored = managed_secret(
            self,
            f"{name}-document",
            environment=environment,
            secret_name=naming.tenant_collection_secret(environment, tenant, section.name),
            value=platform.get(lambda contract: document(section, tenant, contract)),
            key_arn=platform.get(lambda contract: contract.secrets_key_arn),
            description=f"Collection {section.name} of tenant {tenant}",
        )
        self.table = stored.apply(lambda _: f"{section.store}.{store_name(tenant, section.name)}")
        self.register_outputs({"table": self.table})


def document(section: VectorCollectionSection, tenant: str, contract: PlatformContract) -> str:
    """The document of a collection.

    Raises:
        pulumi.RunError: the platform has no such store, or its engine does not take the collection.
    """
    beside = {name: facts for name, facts in contract.vector_stores.items() if facts.kind != "pgvector"}
    store = beside.get(section.store or "")
    if store is None or section.store is None:
        known = ", ".join(sorted(beside)) or "none"
        raise pulumi.RunError(
            f"collection {section.name!r}: the platform has no store {section.store!r} beside PostgreSQL;"
            f" it has: {known}. Leave store out for PostgreSQL."
        )
    for field, value, allowed in misfits(section, store.kind):
        raise pulumi.RunError(f"collection {section.name!r}: {field} {value!r} is not allowed: {allowed}")
    try:
        store_name(tenant, section.name)
    except ValueError as error:
        raise pulumi.RunError(f"collection {section.name!r}: {error}") from None
    return DeclaredCollection(store=section.store, collection=plan.collection(section, store.kind)).model_dump_json()
