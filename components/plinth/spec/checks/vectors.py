"""Whether every collection of vectors has an engine that takes it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from plinth.spec.checks.references import one_of
from plinth.spec.problem import Problem
from plinth.spec.vectors import (
    LIMITS,
    ClusterEngine,
    HybridStore,
    OpenSearchStore,
    VectorCollection,
    engines,
    kept_in,
    placement,
)

if TYPE_CHECKING:
    from plinth.spec.platform import PlatformSpec

HNSW = ("hnsw_m", "hnsw_ef_construction")


def hybrid_places(spec: "PlatformSpec") -> Iterator[Problem]:
    """Each collection has one place; every name of a store is one of the hybrid's."""
    section = spec.vector
    if not isinstance(section, HybridStore):
        for index, collection in enumerate(section.collections):
            if collection.store:
                yield Problem(
                    f"vector.collections[{index}].store", collection.store, "absent: only a hybrid has several stores"
                )
        return
    names = list(section.stores)
    for use, name in section.uses.items():
        yield from one_of(f"vector.uses.{use}", name, names, "stores of the hybrid")
    for index, collection in enumerate(section.collections):
        path = f"vector.collections[{index}]"
        if collection.store:
            yield from one_of(f"{path}.store", collection.store, names, "stores of the hybrid")
        elif placement(section, collection) is None:
            yield Problem(f"{path}.use", collection.use, f"a use that vector.uses places: {', '.join(section.uses)}")
    for name, engine in section.stores.items():
        if engine.collections:
            allowed = "listed in vector.collections, each with its use or its store"
            yield Problem(f"vector.stores.{name}.collections", [item.name for item in engine.collections], allowed)
        if name not in section.uses.values() and not kept_in(section, name):
            yield Problem(f"vector.stores.{name}", engine.kind, "a store that some use or collection names")
    once = [name for name, engine in section.stores.items() if engine.kind == "pgvector"]
    for name in once[1:]:
        yield Problem(
            f"vector.stores.{name}.kind", "pgvector", f"another engine: {once[0]} uses the platform's PostgreSQL"
        )


def engine_limits(spec: "PlatformSpec") -> Iterator[Problem]:
    """Every collection is one that its engine takes."""
    kinds = {name: engine.kind for name, engine in engines(spec.vector).items()}
    for index, collection in enumerate(spec.vector.collections):
        kind = kinds.get(placement(spec.vector, collection) or "")
        if kind:
            for field, value, allowed in misfits(collection, kind):
                yield Problem(f"vector.collections[{index}].{field}", value, allowed)
    for name, kind in kinds.items():
        most, kept = LIMITS[kind].indexes, len(kept_in(spec.vector, name))
        if most and kept * len(spec.tenants) > most:
            yield Problem(
                "vector.collections",
                f"{kept} collections for {len(spec.tenants)} tenants",
                f"at most {most:,} indexes in {LIMITS[kind].name}: each tenant has one of its own for each collection",
            )


def misfits(collection: VectorCollection, kind: str) -> Iterator[tuple[str, object, str]]:
    """What an engine cannot do of what a collection asks: field, value, what is allowed."""
    limits = LIMITS[kind]
    if collection.dimensions > limits.dimensions:
        fits = [
            other.name
            for other in LIMITS.values()
            if other.dimensions >= collection.dimensions and collection.distance in other.distances
        ]
        where = f"; longer ones fit {' and '.join(fits)}" if fits else ""
        yield "dimensions", collection.dimensions, f"at most {limits.dimensions:,} in {limits.name}{where}"
    if collection.distance not in limits.distances:
        yield "distance", collection.distance, f"one of {', '.join(limits.distances)} in {limits.name}"
    if not limits.hnsw:
        for field in HNSW:
            if getattr(collection, field) != VectorCollection.model_fields[field].default:
                allowed = f"absent: {limits.name} chooses its index itself"
                yield field, getattr(collection, field), allowed


def search_nodes(spec: "PlatformSpec") -> Iterator[Problem]:
    """Nodes of OpenSearch fit the zones of the network.

    Source: Amazon OpenSearch Service developer guide, "Configuring a multi-AZ domain".
    """
    zones = len(spec.network.zones)
    for name, engine in engines(spec.vector).items():
        path = f"vector.stores.{name}" if isinstance(spec.vector, HybridStore) else "vector"
        if not isinstance(engine, OpenSearchStore):
            continue
        if engine.nodes > 1 and (zones not in (2, 3) or engine.nodes % zones):
            allowed = "1, or the same number in each of the network's two or three zones"
            yield Problem(f"{path}.nodes", engine.nodes, f"{allowed} (it has {zones})")
        if engine.standby and (zones != 3 or engine.nodes < 3 or engine.master_type is None):
            yield Problem(f"{path}.standby", True, "with three zones, three nodes or more, and a master_type")
        if engine.standby and engine.instance_type.startswith("t3."):
            yield Problem(f"{path}.instance_type", engine.instance_type, "other than t3 with standby")


def copies_fit(spec: "PlatformSpec") -> Iterator[Problem]:
    """Copies lie on different pods, and engines on the cluster that share an authority agree on its generation."""
    generation: tuple[str, int] | None = None
    for name, engine in engines(spec.vector).items():
        path = f"vector.stores.{name}" if isinstance(spec.vector, HybridStore) else "vector"
        if not isinstance(engine, ClusterEngine):
            continue
        if engine.copies > engine.replicas:
            yield Problem(f"{path}.copies", engine.copies, f"at most the {engine.replicas} replicas that there are")
        if generation and engine.certificate_generation != generation[1]:
            allowed = f"{generation[1]}, as {generation[0]} has: one authority certifies them all"
            yield Problem(f"{path}.certificate_generation", engine.certificate_generation, allowed)
        generation = generation or (path, engine.certificate_generation)
