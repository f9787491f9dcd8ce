"""No tenant reads, counts, pages, changes or deletes what is another's, through any method, name or filter."""

import asyncio
import copy
import inspect
import pickle

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.vector_engines import make_world

from plinth_runtime.vectors.errors import InvalidRequestError, VectorError
from plinth_runtime.vectors.filters import And, Eq, Exists, In, Not, Or, Range
from plinth_runtime.vectors.records import Record
from plinth_runtime.vectors.store import TenantView

CANARY = "canary"
"""In every record of the victim's. Attackers look for it, and never write it."""

VICTIM = "victim"
IDS = ["shared-id", "v1", "v2", "%", "*", "' OR ''='", "victim/v1", "victim:v1", "victim#v1", "../victim"]
HOSTILE = [
    *IDS,
    VICTIM,
    "victim' OR tenant = 'victim' OR '",
    '" or tenant == "victim" or "',
    "'; SET ROLE tenant_victim; --",
    "'); SELECT set_config('plinth.tenant', 'victim', false); --",
    '{"tenant": "victim"}',
    "tenant",
    "_tenant",
    "\\",
    "$.tenant",
    "ü\u202e😀",
]
texts = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=20))
numbers = st.one_of(st.integers(-3, 3), st.floats(-3, 3), st.sampled_from([2**53, -(2**53), 1e308]))
fields = st.one_of(st.sampled_from(["lang", "year", "weight", "public", "tenant", "_tenant", "id"]), texts)
filters = st.recursive(
    st.one_of(
        st.builds(Eq, st.just("lang"), texts),
        st.builds(In, st.just("lang"), st.lists(texts, max_size=3)),
        st.builds(Eq, st.just("public"), st.booleans()),
        st.builds(Range, st.sampled_from(["year", "weight"]), gte=st.integers(-3, 3)),
        st.builds(Exists, st.sampled_from(["lang", "year", "weight", "public"])),
        st.builds(Eq, fields, st.one_of(texts, numbers, st.booleans())),
        st.builds(Exists, fields),
    ),
    lambda inner: st.one_of(
        st.builds(lambda parts: And(*parts), st.lists(inner, max_size=3)),
        st.builds(lambda parts: Or(*parts), st.lists(inner, max_size=3)),
        st.builds(Not, inner),
    ),
    max_leaves=5,
)
vectors = st.lists(st.floats(-2, 2, width=32), min_size=8, max_size=8)
records = st.builds(
    Record,
    texts,
    vectors,
    texts,
    st.fixed_dictionaries(
        {}, optional={"lang": texts, "year": st.integers(-3, 3), "tenant": texts, "_tenant": texts, "victim": texts}
    ),
)
some_ids = st.lists(texts, max_size=4)
steps = st.one_of(
    st.tuples(st.just("upsert"), st.lists(records, max_size=3), st.none()),
    st.tuples(st.just("get"), some_ids, st.none()),
    st.tuples(st.just("delete"), some_ids, st.none()),
    st.tuples(st.just("delete_where"), st.none(), filters),
    st.tuples(st.just("search"), vectors, st.none() | filters),
    st.tuples(st.just("hybrid_search"), st.tuples(vectors, texts), st.none() | filters),
    st.tuples(st.just("page"), st.none() | texts, st.none() | filters),
    st.tuples(st.just("count"), st.none(), st.none() | filters),
    st.tuples(st.just("stats"), st.none(), st.none()),
    st.tuples(st.just("import_records"), st.lists(records, max_size=3), st.none() | texts),
    st.tuples(st.just("drop_collection"), st.none(), st.none()),
    st.tuples(st.just("create_collection"), st.none(), st.none()),
)


def victims():
    return [
        Record(key, [1.0, number / 10, *[0.0] * 6], f"{CANARY} words", {"lang": "en", "year": number, "mark": CANARY})
        for number, key in enumerate(IDS)
    ]


async def attack(view, docs, step):
    """Do one thing; give everything that came back."""
    name, given, where = step
    if name in ("upsert", "get", "delete"):
        return await getattr(view, name)(docs, given)
    if name in ("delete_where", "count"):
        return await getattr(view, name)(docs, where)
    if name == "search":
        return await view.search(docs, given, where=where, limit=50)
    if name == "hybrid_search":
        return await view.hybrid_search(docs, given[0], f"{given[1]} {CANARY}", where=where, limit=50)
    if name == "page":
        return await view.page(docs, cursor=given, where=where, limit=50)
    if name == "import_records":

        async def source():
            for record in given:
                yield record

        return [step async for step in view.import_records(docs, source(), checkpoint=where)]
    return await getattr(view, name)(docs)


async def everything(view, docs):
    page = await view.page(docs, limit=100)
    assert page.cursor is None
    # Rounded, because an engine that scales vectors to length 1 may do so again.
    return sorted(
        (item.id, [round(number, 4) for number in item.vector], item.content, item.metadata) for item in page.records
    )


def test_nothing_of_anothers_comes_back_or_changes(harness):
    with asyncio.Runner() as runner:
        world = make_world(harness, runner)
        victim = runner.run(world.tenant(VICTIM, victims()))
        before = runner.run(everything(victim, world.docs))
        assert len(before) == len(IDS)
        attacker = runner.run(world.tenant("attacker"))

        async def sequence(plan):
            await attacker.create_collection(world.docs)
            await attacker.drop_collection(world.docs)  # what an example that failed has left
            await attacker.create_collection(world.docs)
            mine = 0
            for step in plan:
                try:
                    got = await attack(attacker, world.docs, step)
                except VectorError as error:
                    assert CANARY not in str(error)
                else:
                    assert CANARY not in repr(got)
                    if step[0] in ("count", "stats", "delete_where"):
                        found = getattr(got, "records", got)
                        assert found <= mine, f"{step} saw {found} records of at most {mine}"
                    mine += len(step[1]) if step[0] in ("upsert", "import_records") else 0
            await attacker.create_collection(world.docs)
            assert await everything(victim, world.docs) == before
            await attacker.drop_collection(world.docs)
            assert await everything(victim, world.docs) == before

        @settings(
            max_examples=20,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )
        @given(st.lists(steps, min_size=1, max_size=8))
        def property_holds(plan):
            runner.run(sequence(plan))

        property_holds()
        runner.run(world.stores.close())


class Shifty(str):
    """Text that is another each time that it is asked."""

    def __str__(self):
        return VICTIM

    def __eq__(self, other):
        return True

    __hash__ = str.__hash__


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Victim",
        "VICTIM",
        " victim",
        "victim ",
        "victim\n",
        "victim\x00",
        "victim--",
        "victim'--",
        "../victim",
        "./victim",
        "victim/",
        "victim.sqlite",
        "tenant_victim",
        "vi%",
        "*",
        "victim,attacker",
        "vıctim",
        "ｖictim",
        "a" * 64,
        None,
        ["victim"],
        Shifty("attacker"),
    ],
)
def test_what_is_no_tenants_name_opens_nothing(world, name):
    with pytest.raises(InvalidRequestError, match="not a tenant's name"):
        world.stores.for_tenant(name)


def test_names_that_are_alike_are_not_the_same(world):
    async def go():
        await world.tenant(VICTIM, victims())
        for name in ("victims", "victi", "vic-tim", "victim-victim", "x" * 62 + "a", "x" * 62 + "b"):
            view = await world.tenant(name)
            assert await view.count(world.docs) == 0
            await view.upsert(world.docs, [world.record(name)])
            assert await view.count(world.docs) == 1

    world.run(go())


def test_a_view_cannot_be_turned_to_another_tenant(world):
    view = world.stores.for_tenant("attacker")
    for name in ("tenant", "_tenant", "_View__tenant", "name"):
        with pytest.raises(AttributeError):
            setattr(view, name, VICTIM)
    with pytest.raises(AttributeError):
        del view._View__tenant
    with pytest.raises(AttributeError):
        view._View__tenant.name = VICTIM
    for take in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            take(view)


def test_no_method_takes_a_tenant():
    methods = {name: method for name, method in vars(TenantView).items() if not name.startswith("_")}
    assert len(methods) == 12
    for name, method in methods.items():
        assert not [argument for argument in inspect.signature(method).parameters if "tenant" in argument], name
