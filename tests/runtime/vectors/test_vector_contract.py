"""What every engine does alike."""

import asyncio
import math

import pytest
from support.vector_engines import make_world

from plinth_runtime.vectors.errors import (
    CollectionMismatchError,
    CollectionMissingError,
    InvalidRequestError,
    UnsupportedError,
)
from plinth_runtime.vectors.filters import And, Eq, Exists, In, Not, Or, Range
from plinth_runtime.vectors.records import Record


def unit(*numbers):
    return [*numbers, *[0.0] * (8 - len(numbers))]


def test_making_a_collection_again_changes_nothing(world):
    async def go():
        view = world.stores.for_tenant("search")
        assert await view.create_collection(world.docs) == "made"
        await view.upsert(world.docs, [world.record("a")])
        assert await view.create_collection(world.docs) == "unchanged"
        assert await view.count(world.docs) == 1
        other = world.stores.for_tenant("support")
        await other.create_collection(world.docs)
        assert await other.count(world.docs) == 0

    world.run(go())


def test_a_collection_of_another_shape_is_refused_and_kept(world):
    async def go():
        await world.tenant(records=[world.record("a")])
        changed = world.collections[world.docs].model_copy(update={"dimensions": 9})
        other = world.harness.open({world.docs: changed})
        with pytest.raises(CollectionMismatchError) as failure:
            await other.for_tenant("search").create_collection(world.docs)
        assert ("dimensions", 8, 9) in failure.value.differences
        assert await world.stores.for_tenant("search").count(world.docs) == 1
        await other.close()

    world.run(go())


def test_a_collection_that_is_not_made_says_so(world):
    async def go():
        view = world.stores.for_tenant("search")
        with pytest.raises(CollectionMissingError, match="create_collection"):
            await view.upsert(world.docs, [world.record("a")])
        with pytest.raises(CollectionMissingError):
            await view.search(world.docs, world.vector())
        with pytest.raises(InvalidRequestError, match="no collection 'nothing' is declared"):
            await view.count("nothing")

    world.run(go())


def test_what_was_written_comes_back(world):
    content = 'Grüße; "quoted" \\ back\nslash — 漢字 😀'
    metadata = {
        "lang": "d'e\"\\",
        "year": 2**53,
        "weight": -0.1,
        "public": False,
        "free": {"nested": [1, None, "x"]},
        "none": None,
    }

    async def go():
        ids = ["a/b?c#d%", "ü 漢", "x" * 512, "' OR 1=1 --"]
        view = await world.tenant(records=[Record(key, world.vector(), content, metadata) for key in ids])
        found = await view.get(world.docs, [*reversed(ids), "missing"])
        assert [record.id for record in found] == list(reversed(ids))
        assert found[0].content == content
        assert found[0].metadata == metadata
        again = await view.get(world.docs, [ids[0]])
        assert len(again[0].vector) == 8
        hits = await view.search(world.docs, again[0].vector, limit=1)
        assert (hits[0].id, hits[0].content, hits[0].metadata) == (ids[0], content, metadata)
        assert math.isclose(hits[0].score, 1.0, abs_tol=1e-4)

    world.run(go())


def test_vectors_come_back_as_they_were(world):
    async def go():
        given = [0.5, -1.25, 3.0, 0.0, 8.0, -0.125, 2.0, 1.0]
        view = await world.tenant(records=[Record("a", given)])
        (found,) = await view.get(world.docs, ["a"])
        length = 1.0 if world.harness.keeps_length else math.hypot(*given)
        assert list(found.vector) == pytest.approx([number / length for number in given], rel=1e-6)

    world.run(go())


def test_writing_again_replaces(world):
    async def go():
        view = await world.tenant(records=[Record("a", unit(1.0), "old words", {"lang": "en", "year": 1})])
        await view.upsert(world.docs, [Record("a", unit(0.0, 1.0), "new", {"lang": "de"})])
        assert await view.count(world.docs) == 1
        (found,) = await view.get(world.docs, ["a"])
        assert (found.content, dict(found.metadata)) == ("new", {"lang": "de"})
        assert await view.count(world.docs, Exists("year")) == 0
        (hit,) = await view.search(world.docs, unit(0.0, 1.0))
        assert hit.score == pytest.approx(1.0, abs=1e-4)
        if world.harness.lexical:
            assert await view.hybrid_search(world.docs, unit(1.0), "old words", dense_weight=0) == []
        assert await view.upsert(world.docs, [world.record("b"), Record("b", unit(1.0), "last")]) == 1
        assert (await view.get(world.docs, ["b"]))[0].content == "last"

    world.run(go())


def test_the_nearest_come_first(world):
    async def go():
        view = await world.tenant(
            records=[
                Record("far", unit(-1.0)),
                Record("near", unit(1.0, 0.1)),
                Record("same", unit(2.0)),
                Record("side", unit(0.0, 1.0)),
            ]
        )
        hits = await view.search(world.docs, unit(1.0), limit=3)
        assert [hit.id for hit in hits] == ["same", "near", "side"]
        assert [hit.score for hit in hits] == pytest.approx([1.0, 1 / math.hypot(1, 0.1), 0.0], abs=1e-4)

    world.run(go())


@pytest.mark.parametrize("distance", ["l2", "inner_product"])
def test_other_distances(harness, distance):
    if distance not in harness.distances:
        return
    with asyncio.Runner() as runner:
        world = make_world(harness, runner, distance=distance)

        async def go():
            view = await world.tenant(
                records=[Record("small", unit(1.0)), Record("large", unit(5.0)), Record("off", unit(0.0, 1.0))]
            )
            hits = await view.search(world.docs, unit(1.5))
            expected = {
                "l2": [("small", -0.5), ("off", -math.hypot(1.5, 1)), ("large", -3.5)],
                "inner_product": [("large", 7.5), ("small", 1.5), ("off", 0.0)],
            }[distance]
            assert [hit.id for hit in hits] == [key for key, _ in expected]
            assert [hit.score for hit in hits] == pytest.approx([score for _, score in expected], abs=1e-4)
            await world.stores.close()

        runner.run(go())


FILTERS = {
    "eq": (Eq("lang", "en"), "abe"),
    "eq integer": (Eq("year", 2001), "b"),
    "eq number": (Eq("weight", 0.5), "ab"),
    "eq boolean": (Eq("public", True), "ad"),
    "eq false": (Eq("public", False), "b"),
    "in": (In("year", [2000, 2003, 1]), "ad"),
    "in texts": (In("lang", ["de", "fr"]), "c"),
    "in nothing": (In("lang", []), ""),
    "quote": (Eq("lang", "d'e\"\\ OR 1=1"), "d"),
    "range": (Range("year", gte=2001, lt=2003), "bc"),
    "range of numbers": (Range("weight", gt=0.25, lte=0.5), "ab"),
    "exists": (Exists("public"), "abd"),
    "not eq": (Not(Eq("lang", "en")), "cd"),
    "not exists": (Not(Exists("weight")), "de"),
    "not in": (Not(In("year", [2000, 2001])), "cde"),
    "not range": (Not(Range("year", gte=2001, lt=2003)), "ade"),
    "and": (And(Eq("lang", "en"), Range("year", gt=2000)), "b"),
    "or": (Or(Eq("lang", "de"), Eq("year", 2000)), "ac"),
    "not or": (Not(Or(Eq("lang", "de"), Eq("year", 2000))), "bde"),
    "nested": (And(Or(Eq("lang", "en"), Eq("lang", "de")), Not(And(Exists("year"), Eq("weight", 0.5)))), "ce"),
    "and of nothing": (And(), "abcde"),
    "or of nothing": (Or(), ""),
}


def test_filters_mean_the_same_in_every_method(world):
    records = [
        Record("a", unit(1.0), "word", {"lang": "en", "year": 2000, "weight": 0.5, "public": True}),
        Record("b", unit(1.0, 0.1), "word", {"lang": "en", "year": 2001, "weight": 0.5, "public": False}),
        Record("c", unit(1.0, 0.2), "word", {"lang": "de", "year": 2002, "weight": 0.125}),
        Record("d", unit(1.0, 0.3), "word", {"lang": "d'e\"\\ OR 1=1", "year": 2003, "public": True}),
        Record("e", unit(1.0, 0.4), "word", {"lang": "en"}),
    ]

    async def go():
        view = await world.tenant(records=records)
        for name, (where, expected) in FILTERS.items():
            wanted = list(expected)
            assert [hit.id for hit in await view.search(world.docs, unit(1.0), where=where)] == wanted, name
            assert await view.count(world.docs, where) == len(wanted), name
            paged, cursor = [], None
            while True:
                page = await view.page(world.docs, where=where, limit=2, cursor=cursor)
                paged += [record.id for record in page.records]
                cursor = page.cursor
                if cursor is None:
                    break
            assert sorted(paged) == wanted, name
            if world.harness.lexical:
                words = await view.hybrid_search(world.docs, unit(1.0), "word", where=where, dense_weight=0)
                assert sorted(hit.id for hit in words) == wanted, name

    world.run(go())


def test_filters_delete(world):
    async def go():
        records = [world.record(str(number), year=number) for number in range(20)]
        view = await world.tenant(records=records)
        assert await view.delete_where(world.docs, Range("year", lt=5)) == 5
        assert await view.delete_where(world.docs, Range("year", lt=5)) == 0
        await view.delete(world.docs, ["5", "6", "missing"])
        assert await view.count(world.docs) == 13
        assert await view.get(world.docs, ["4", "5"]) == []
        assert {hit.id for hit in await view.search(world.docs, world.vector(), limit=20)} == {
            str(number) for number in range(7, 20)
        }
        with pytest.raises(InvalidRequestError, match="drop_collection"):
            await view.delete_where(world.docs, And())

    world.run(go())


def test_hybrid_search_fuses_both_arms(world):
    async def go():
        if not world.harness.lexical:
            view = await world.tenant()
            with pytest.raises(UnsupportedError, match="no lexical index"):
                await view.hybrid_search(world.docs, unit(1.0), "word")
            return
        view = await world.tenant(
            records=[
                Record("dense", unit(1.0), "nothing to see"),
                Record("both", unit(1.0, 0.2), "the invoice of March"),
                Record("words", unit(-1.0), "an invoice, and another invoice"),
                Record("neither", unit(-1.0, 0.2), "weather"),
            ]
        )

        async def ids(**options):
            return [hit.id for hit in await view.hybrid_search(world.docs, unit(1.0), "invoice", **options)]

        assert (await ids(candidates=2))[0] == "both"
        assert await ids(dense_weight=0, candidates=4) in (["words", "both"], ["both", "words"])
        assert (await ids(lexical_weight=0, candidates=4)) == ["dense", "both", "neither", "words"]
        assert (await ids(dense_weight=10, lexical_weight=0.1, candidates=4))[0] == "dense"
        assert (await ids(limit=1, candidates=2)) == ["both"]
        for hostile in ('"', "a AND", "NEAR(", "*", "x' OR '1'='1", ":*", "'&|!()", "-", "\\", "invoice OR weather"):
            await view.hybrid_search(world.docs, unit(1.0), hostile)

    world.run(go())


def test_pages_neither_skip_nor_double_while_others_write(world):
    async def go():
        view = await world.tenant(records=[world.record(f"r{number:03}") for number in range(60)])
        seen, cursor, step = [], None, 0
        while True:
            page = await view.page(world.docs, limit=7, cursor=cursor)
            seen += [record.id for record in page.records]
            await view.delete(world.docs, [f"r{step * 5:03}"])
            await view.upsert(world.docs, [world.record(f"new{step}"), world.record(f"r{step * 5 + 1:03}")])
            step, cursor = step + 1, page.cursor
            if cursor is None:
                break
        gone = {f"r{number * 5:03}" for number in range(step)}
        throughout = {f"r{number:03}" for number in range(60)} - gone
        assert throughout <= set(seen)
        assert len(seen) == len(set(seen))

    world.run(go())


def test_a_cursor_works_where_it_was_given_and_nowhere_else(world):
    async def go():
        view = await world.tenant(records=[world.record(f"r{number}", lang="en") for number in range(5)])
        other = await world.tenant("support", [world.record(f"s{number}") for number in range(5)])
        cursor = (await view.page(world.docs, limit=2)).cursor
        assert cursor
        for call in (
            other.page(world.docs, cursor=cursor),
            view.page(world.docs, cursor=cursor, where=Eq("lang", "en")),
            view.page(world.docs, cursor="nonsense"),
            view.page(world.docs, cursor=cursor[:-3]),
        ):
            with pytest.raises(InvalidRequestError, match="cursor"):
                await call

    world.run(go())


def test_an_import_goes_on_where_it_stopped(world):
    records = [world.record(f"r{number}") for number in range(25)]
    taken = []

    async def source(among=records):
        for record in among:
            taken.append(record.id)
            yield record

    async def go():
        view = await world.tenant()
        progress = None
        async for progress in view.import_records(world.docs, source(), batch=10):
            assert len(taken) <= progress.records
            if progress.records == 20:
                break
        assert await view.count(world.docs) == 20
        steps = [
            step.records
            async for step in view.import_records(world.docs, source(), batch=10, checkpoint=progress.checkpoint)
        ]
        assert steps == [25]
        assert await view.count(world.docs) == 25
        with pytest.raises(InvalidRequestError, match="not the one"):
            async for _ in view.import_records(world.docs, source(among=records[1:]), checkpoint=progress.checkpoint):
                pass

    world.run(go())


def test_tenants_have_the_same_ids_and_not_the_same_records(world):
    async def go():
        one = await world.tenant("one", [Record("a", unit(1.0), "one")])
        two = await world.tenant("two", [Record("a", unit(0.0, 1.0), "two"), Record("b", unit(1.0), "more")])
        assert [record.content for record in await one.get(world.docs, ["a", "b"])] == ["one"]
        await two.delete(world.docs, ["a"])
        assert await one.count(world.docs) == 1
        await two.drop_collection(world.docs)
        assert [hit.content for hit in await one.search(world.docs, unit(1.0))] == ["one"]
        await two.create_collection(world.docs)
        assert await two.count(world.docs) == 0

    world.run(go())


def test_stats_count(world):
    async def go():
        view = await world.tenant(records=[world.record(str(number)) for number in range(3)])
        await world.tenant("support", [world.record("x")])
        found = await view.stats(world.docs)
        assert found.records == 3
        assert found.bytes is None or found.bytes > 3 * 8 * 4

    world.run(go())


def test_what_was_acknowledged_is_there_for_others_at_once(world):
    async def go():
        view = await world.tenant(records=[world.record("a")])
        other = world.reopen()
        assert await other.for_tenant("search").count(world.docs) == 1
        await view.upsert(world.docs, [world.record("b")])
        assert len(await other.for_tenant("search").search(world.docs, world.vector())) == 2
        await other.close()

    world.run(go())


def test_many_at_once(world):
    async def go():
        view = await world.tenant()
        parts = [[world.record(f"{part}-{number}") for number in range(20)] for part in range(8)]
        await asyncio.gather(*(view.upsert(world.docs, part) for part in parts))
        assert await view.count(world.docs) == 160
        found = await asyncio.gather(*(view.search(world.docs, part[0].vector, limit=1) for part in parts))
        assert [hits[0].id for hits in found] == [part[0].id for part in parts]

    world.run(go())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": ""}, "not a record's id"),
        ({"id": "x" * 513}, "512 bytes"),
        ({"id": "a\x00"}, "NUL"),
        ({"id": "\ud800"}, "surrogate"),
        ({"vector": [1.0]}, "1 dimensions"),
        ({"vector": [math.nan] * 8}, "not a number"),
        ({"vector": [math.inf] * 8}, "infinite"),
        ({"vector": [0.0] * 8}, "zero"),
        ({"vector": ["x"] * 8}, "sequence of numbers"),
        ({"content": "a\x00"}, "NUL"),
        ({"metadata": {"x": "a\x00"}}, "NUL"),
        ({"metadata": {"year": "2000"}}, "field year is of type integer, not str"),
        ({"metadata": {"year": 2**53 + 1}}, "2\\^53"),
        ({"metadata": {"public": 1}}, "field public is of type boolean, not int"),
        ({"metadata": {"x": {1, 2}}}, "JSON"),
        ({"metadata": {"x": math.nan}}, "JSON"),
        ({"metadata": {"x": "y" * 40_000}}, "32768 bytes"),
    ],
)
def test_what_no_engine_could_keep_is_refused_before_it_is_sent(world, change, message):
    fine = {"id": "a", "vector": [1.0] * 8, "content": "", "metadata": {}}

    async def go():
        view = await world.tenant()
        with pytest.raises(InvalidRequestError, match=message):
            await view.upsert(world.docs, [Record("fine", [1.0] * 8), Record(**{**fine, **change})])
        with pytest.raises(InvalidRequestError, match="not a Record"):
            await view.upsert(world.docs, [{"id": "a"}])
        assert await view.count(world.docs) == 0

    world.run(go())


@pytest.mark.parametrize(
    "where",
    [
        Eq("unknown", 1),
        Eq('lang" OR "1"="1', "x"),
        Eq("lang", 5),
        Eq("lang", "a\x00"),
        Range("lang", gt=1),
        Range("year"),
        "lang = 'en'",
        {"lang": "en"},
        In("year", range(501)),
    ],
)
def test_filters_that_are_none_are_refused(world, where):
    async def go():
        view = await world.tenant()
        with pytest.raises(InvalidRequestError):
            await view.search(world.docs, unit(1.0), where=where)
        with pytest.raises(InvalidRequestError):
            await view.delete_where(world.docs, where)

    world.run(go())
