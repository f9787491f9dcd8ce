"""Milvus with a collection for each tenant; the contract runs with one for all."""

import asyncio

import pytest
from support.vector_engines import make_world, milvus

from plinth_runtime.vectors.errors import CollectionMissingError
from plinth_runtime.vectors.milvus_filters import literal


def test_each_tenant_has_a_collection_of_its_own(tmp_path):
    with milvus(tmp_path, "dedicated") as harness, asyncio.Runner() as runner:
        world = make_world(harness, runner)

        async def go():
            one = await world.tenant("a-b", [world.record("x", "one")])
            two = await world.tenant("a-b-c", [world.record("x", "two")])
            assert [item.content for item in await one.get(world.docs, ["x"])] == ["one"]
            await two.drop_collection(world.docs)
            with pytest.raises(CollectionMissingError):
                await two.count(world.docs)
            assert await one.count(world.docs) == 1
            await world.stores.close()

        runner.run(go())


@pytest.mark.parametrize("hostile", ['"', "\\", '" or tenant == "victim', "\n", "{x}"])
def test_a_text_stays_within_its_literal(hostile):
    inside = literal(hostile)[1:-1]
    assert literal(hostile)[0] == literal(hostile)[-1] == '"'
    assert '"' not in inside.replace("\\\\", "").replace('\\"', "")
