"""PostgreSQL in particular: that the index is used, and that the database itself keeps tenants apart."""

import asyncio

import asyncpg
import pytest
from support.postgres import USER
from support.vector_engines import make_world

from plinth_runtime.vectors.errors import CollectionMissingError
from plinth_runtime.vectors.pgvector import sql
from plinth_runtime.vectors.pgvector.ddl import tenant_role


@pytest.fixture
def world(harnesses):
    with asyncio.Runner() as runner:
        made = make_world(harnesses("pgvector"), runner)
        yield made
        runner.run(made.stores.close())


async def connected(server):
    options = {"host": "127.0.0.1", "port": server.port, "user": USER, "password": server.password}
    return await asyncpg.connect(**options, database="vectors", ssl="require")


def test_without_a_tenant_the_owner_of_the_table_sees_and_writes_nothing(world):
    async def go():
        await world.tenant("search", [world.record("a")])
        connection = await connected(world.harness.server)
        try:
            assert await connection.fetchval(f"SELECT count(*) FROM {world.docs}") == 0
            assert await connection.execute(f"DELETE FROM {world.docs}") == "DELETE 0"
            await connection.execute("SELECT set_config('plinth.tenant', 'support', false)")
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
                await connection.execute(
                    f"INSERT INTO {world.docs} (tenant, id, embedding) VALUES ('search', 'b', '[1,0,0,0,0,0,0,0]')"
                )
        finally:
            await connection.close()
        assert await world.stores.for_tenant("search").count(world.docs) == 1

    world.run(go())


def test_a_table_that_nothing_guards_is_not_read(world):
    async def go():
        await world.tenant("search", [world.record("a")])
        connection = await connected(world.harness.server)
        try:
            await connection.execute(f"ALTER TABLE {world.docs} NO FORCE ROW LEVEL SECURITY")
        finally:
            await connection.close()
        other = world.reopen()
        view = other.for_tenant("search")
        with pytest.raises(CollectionMissingError):
            await view.count(world.docs)
        assert await view.create_collection(world.docs) == "changed"
        assert await view.count(world.docs) == 1
        await other.close()

    world.run(go())


def test_a_large_tenants_search_uses_the_index_and_a_small_one_finds_everything(world):
    async def go():
        large = await world.tenant("large")
        await large.upsert(world.docs, [world.record(f"r{number}") for number in range(3000)])
        small = await world.tenant("small", [world.record(f"s{number}") for number in range(15)])
        connection = await connected(world.harness.server)
        try:
            await connection.execute(f"ANALYZE {world.docs}")
            await connection.execute("SELECT set_config('plinth.tenant', 'large', false)")
            vector = "[" + ",".join("1" * 8) + "]"
            statement, _ = sql.nearest(world.collections[world.docs], vector, 10, None)
            told = statement.replace("$1::vector", f"'{vector}'::vector")
            plan = await connection.fetch(f"EXPLAIN {told}")
            assert any("_hnsw_" in row[0] for row in plan), plan
        finally:
            await connection.close()
        assert len(await small.search(world.docs, world.vector(), limit=50)) == 15
        assert len(await large.search(world.docs, world.vector(), limit=500)) == 500

    world.run(go())


def test_long_names_of_tenants_do_not_become_one_role():
    names = {tenant_role(f"{'x' * 60}{end}") for end in ("a", "b", "cd")}
    assert len(names) == 3
    assert all(len(name) <= 63 for name in names)
    assert tenant_role("a-b") == "tenant_a_b"
