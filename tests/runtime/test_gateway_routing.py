"""The decision: what it never does, whatever is configured, asked for and broken; and that it can be made again."""

import json
from collections import Counter
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plinth_runtime.config import RuntimeConfig
from plinth_runtime.errors import ApiError
from plinth_runtime.gateway.call import Call
from plinth_runtime.gateway.config import CONFIDENTIAL, DATA_CLASSES
from plinth_runtime.gateway.routing import facts as reading
from plinth_runtime.gateway.routing.decide import Facts, State, decide
from plinth_runtime.gateway.routing.record import ReplayError, encode, record, replay
from plinth_runtime.gateway.routing.tables import Tables
from plinth_runtime.tenant_routes import merge

RANKS = ["priority", "capacity", "complexity", "affinity", "latency", "cost"]
FEATURES = ["tools", "vision", "json"]


def config_of(targets: list[dict], order: list[str] = (), **route: object) -> RuntimeConfig:
    """A route `r` whose targets are given as fields of target and backend together."""
    backend_fields = {"hosting", "residency", "capacity"}
    backends, listed = [], []
    for number, fields in enumerate(targets):
        name = fields.get("backend", f"b{number}")
        own = {key: value for key, value in fields.items() if key in backend_fields}
        backends.append({"name": name, "base_url": "http://h/v1", **own})
        rest = {key: value for key, value in fields.items() if key not in backend_fields}
        listed.append({"model": "m", **rest, "backend": name})
    return RuntimeConfig.model_validate(
        {
            "environment": "test",
            "tenants": [{"name": "search", "routes": ["r"]}],
            "backends": backends,
            "routes": [{"name": "r", "targets": listed, "order": list(order), **route}],
        }
    )


PLAIN = Facts()


def first(config: RuntimeConfig, facts: Facts = PLAIN, states=None, draws=None) -> list[str]:
    table = Tables(config).routes["r"]
    count = len(table.candidates)
    made = decide(table, facts, states or [State()] * count, draws or [0.5] * count)
    return [table.candidates[index].backend.name for index in made.order]


targets = st.lists(
    st.fixed_dictionaries(
        {"weight": st.integers(1, 1000)},
        optional={
            "hosting": st.sampled_from(["self_hosted", "hosted"]),
            "residency": st.sampled_from(["us", "eu"]),
            "capacity": st.integers(1, 50),
            "context_tokens": st.integers(1, 10_000),
            "features": st.lists(st.sampled_from(FEATURES), unique=True),
            "size": st.sampled_from(["small", "large"]),
            "priority": st.integers(0, 3),
            "price": st.fixed_dictionaries(
                {"input_usd_per_million": st.floats(0, 100), "output_usd_per_million": st.floats(0, 100)}
            ),
        },
    ),
    min_size=1,
    max_size=6,
)
orders = st.lists(st.sampled_from(RANKS), unique=True)
requests = st.builds(
    Facts,
    data_class=st.integers(0, len(DATA_CLASSES) - 1),
    residency=st.none() | st.frozensets(st.sampled_from(["us", "eu", "apac"])),
    tokens=st.integers(0, 20_000),
    output_tokens=st.integers(0, 5_000),
    features=st.frozensets(st.sampled_from(FEATURES)),
    hard=st.booleans(),
    prefix=st.integers(0, 2**64 - 1),
)
states = st.builds(State, usable=st.booleans(), in_flight=st.integers(0, 100), latency=st.floats(0, 100))


@given(targets, orders, requests, st.data())
def test_whatever_fails_no_request_goes_where_it_must_not(given_targets, order, facts, data) -> None:
    table = Tables(config_of(given_targets, order)).routes["r"]
    count = len(table.candidates)
    known = data.draw(st.lists(states, min_size=count, max_size=count))
    draws = data.draw(st.lists(st.floats(0, 1, exclude_max=True), min_size=count, max_size=count))
    made = decide(table, facts, known, draws)
    for index in made.order:
        candidate = table.candidates[index]
        assert facts.data_class < CONFIDENTIAL or candidate.self_hosted
        assert facts.residency is None or candidate.residency in facts.residency
        assert candidate.features is None or facts.features <= candidate.features
    assert sorted([*made.order, *(index for index, _ in made.excluded)]) == list(range(count))
    down = [index for index in made.order if not known[index].usable]
    assert list(made.order[len(made.order) - len(down) :]) == down, "those that are not usable come last"
    assert decide(table, facts, known, draws) == made


@given(targets, orders, requests, st.data())
def test_a_decision_can_be_made_again_from_its_record(given_targets, order, facts, data) -> None:
    config = config_of(given_targets, order)
    table = Tables(config).routes["r"]
    count = len(table.candidates)
    known = data.draw(st.lists(states, min_size=count, max_size=count))
    draws = data.draw(st.lists(st.floats(0, 1, exclude_max=True), min_size=count, max_size=count))
    text = encode(record(table, facts, known, draws, decide(table, facts, known, draws)))
    assert text.isascii()
    assert b"\n" not in text
    told, again = replay(config, text)
    assert told == again


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"route":"r","order":[]}', '{"route":"x","order":[]}', '{"route":7}']
)
def test_what_is_no_record_is_refused(text) -> None:
    with pytest.raises(ReplayError):
        replay(config_of([{}, {}]), text)


def test_without_rules_first_choices_follow_the_weights() -> None:
    config = config_of(
        [{"backend": "one", "weight": 1}, {"backend": "three", "weight": 3}, {"backend": "six", "weight": 6}]
    )
    chance = Random(7)
    found = Counter(first(config, draws=[chance.random() for _ in range(3)])[0] for _ in range(10_000))
    assert found["one"] == pytest.approx(1000, rel=0.1)
    assert found["three"] == pytest.approx(3000, rel=0.1)
    assert found["six"] == pytest.approx(6000, rel=0.1)


def test_a_long_local_queue_spills_to_hosted_and_comes_back() -> None:
    config = config_of(
        [{"backend": "local", "hosting": "self_hosted", "capacity": 4}, {"backend": "cloud"}], ["capacity"]
    )
    for busy, expected in [(0, "local"), (3, "local"), (4, "cloud"), (100, "cloud")]:
        assert first(config, states=[State(in_flight=busy), State(in_flight=50)])[0] == expected
    confidential = Facts(data_class=CONFIDENTIAL)
    assert first(config, confidential, [State(usable=False, in_flight=100), State()]) == ["local"]


def test_rules_rank_in_their_order() -> None:
    cheap = {"price": {"input_usd_per_million": 1, "output_usd_per_million": 1}, "size": "small"}
    dear = {"price": {"input_usd_per_million": 9, "output_usd_per_million": 9}, "size": "large"}
    asked = Facts(tokens=1000, output_tokens=1000, hard=True)
    both = [{"backend": "cheap", **cheap}, {"backend": "dear", **dear}]
    assert first(config_of(both, ["complexity", "cost"]), asked) == ["dear", "cheap"]
    assert first(config_of(both, ["cost", "complexity"]), asked) == ["cheap", "dear"]
    assert first(config_of(both, ["complexity"]), asked._replace(hard=False)) == ["cheap", "dear"]
    slow = [State(latency=2.0), State(latency=0.1)]
    assert first(config_of(both, ["latency"]), states=slow) == ["dear", "cheap"]
    assert (
        first(config_of(both, ["latency"]), states=[State(latency=0.2), State(latency=0.1, in_flight=30)])[0] == "cheap"
    )
    assert first(config_of([{"backend": "aa", "priority": 1}, {"backend": "bb"}], ["priority"])) == ["bb", "aa"]


def test_prompts_that_begin_alike_meet_again_and_others_spread() -> None:
    config = config_of([{"backend": f"gpu-{n}"} for n in range(4)], ["affinity"])
    homes = {prefix: first(config, Facts(prefix=prefix * 0x9E3779B97F4A7C15 % 2**64))[0] for prefix in range(1000)}
    assert min(Counter(homes.values()).values()) > 180
    fewer = config_of([{"backend": f"gpu-{n}"} for n in range(3)], ["affinity"])
    moved = [
        prefix
        for prefix, home in homes.items()
        if home != "gpu-3" and first(fewer, Facts(prefix=prefix * 0x9E3779B97F4A7C15 % 2**64))[0] != home
    ]
    assert moved == [], "only those of the backend that went move"
    home = first(config, Facts(prefix=5))[0]
    busy = [State(in_flight=20 if f"gpu-{n}" == home else 1) for n in range(4)]
    assert first(config, Facts(prefix=5), busy)[0] != home, "affinity has a bound"


def test_only_an_estimate_never_leaves_nobody() -> None:
    config = config_of([{"backend": "short", "context_tokens": 1000}, {"backend": "long", "context_tokens": 8000}])
    assert set(first(config, Facts(tokens=500))) == {"short", "long"}
    assert first(config, Facts(tokens=5000)) == ["long"]
    assert first(config, Facts(tokens=50_000)) == ["long"]


def read(body: dict, tenant: str = "search") -> Facts:
    return reading.read(Call(json.dumps({"model": "r"} | body).encode()).fields, 0, None, tenant)


def say(*texts: str) -> list[dict]:
    return [{"role": "system" if not n else "user", "content": text} for n, text in enumerate(texts)]


def test_what_a_request_says_about_itself() -> None:
    plain = read({"messages": say("You help.", "Hello"), "max_tokens": 7})
    assert (plain.features, plain.hard, plain.output_tokens) == (frozenset(), False, 7)
    assert read({"messages": say("a", "b"), "tools": [{"type": "function"}]}).features == {"tools"}
    assert read({"messages": say("a"), "tools": [], "response_format": {"type": "json_schema"}}).features == {"json"}
    picture = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}]
    assert read({"messages": picture}).features == {"vision"}
    assert read({"messages": say("a", "Prove that this theorem holds")}).hard
    assert read({"messages": say("a", "word " * 3000)}).hard
    assert not read({"messages": "not a list"}).hard


def test_the_prefix_is_the_conversations_and_the_tenants() -> None:
    one = read({"messages": say("You help.", "Hello")})
    more = read({"messages": [*say("You help.", "Hello"), {"role": "assistant", "content": "x"}]})
    assert one.prefix == more.prefix
    assert one.prefix != read({"messages": say("You help.", "Bye")}).prefix
    assert one.prefix != read({"messages": say("You help.", "Hello")}, "support").prefix
    key = {"prompt_cache_key": "k"}
    assert read({"messages": say("a", "b"), **key}).prefix == read({"messages": say("c", "d"), **key}).prefix


@given(
    st.dictionaries(
        st.sampled_from(["messages", "tools", "max_tokens", "response_format"]), st.from_type(object) | st.text()
    )
)
def test_no_body_breaks_the_reading(body) -> None:
    try:
        data = msgspec.json.encode({"model": "r"} | body)
    except (TypeError, ValueError, msgspec.MsgspecError):
        return
    reading.read(Call(data).fields, 0, None, "search")


def test_the_highest_class_counts_and_a_wrong_one_is_refused() -> None:
    config = config_of([{}], data_class="internal")
    tables = Tables(config)
    table, tenant = tables.routes["r"], tables.tenants["search"]

    def level(header: bytes | None) -> int:
        return reading.class_and_place(table, tenant, {b"x-plinth-data-class": header} if header else {})[0]

    assert DATA_CLASSES[level(None)] == "internal"
    assert DATA_CLASSES[level(b"restricted")] == "restricted"
    assert DATA_CLASSES[level(b"public")] == "internal", "a client cannot lower it"
    with pytest.raises(ApiError) as caught:
        level(b"secret")
    assert caught.value.status == 400


def test_a_tenants_own_blend_keeps_what_its_parts_promise() -> None:
    raw = config_of([{"hosting": "self_hosted", "residency": "eu"}], data_class="confidential", residency=["eu", "us"])
    document = '{"name": "mine", "shares": [{"route": "r"}]}'
    merged = merge(raw, {"search.mine.json": document})
    assert not merged.refused
    blended = merged.config.routes[-1]
    assert (blended.data_class, blended.residency) == ("confidential", ["eu", "us"])
