"""Values survive the wire, and secrets survive every way through a provider."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plinth_cli.rehearsal import values
from plinth_cli.rehearsal.sealing import scrub, seal
from plinth_cli.rehearsal.values import UNKNOWN, Archive, Asset, Reference, Secret

texts = st.text(max_size=20).filter(lambda text: text not in values._UNKNOWNS)
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: not number.is_integer())
    | texts
    | st.just(UNKNOWN)
    | st.builds(Asset, text=texts)
    | st.builds(Asset, path=texts, hash=texts)
    | st.builds(Reference, urn=texts, id=texts)
)


def nest(children):
    keys = texts.filter(lambda key: key != values.SIGNATURE)
    return (
        st.lists(children, max_size=4)
        | st.dictionaries(keys, children, max_size=4)
        | children.map(values.secret)
        | st.builds(Archive, assets=st.dictionaries(texts, st.builds(Asset, path=texts), max_size=2))
    )


properties = st.dictionaries(texts, st.recursive(leaves, nest, max_leaves=20), max_size=5)


@given(properties)
def test_what_is_encoded_is_decoded_again(bag):
    assert values.decode(values.encode(bag)) == bag


@given(properties)
def test_reveal_leaves_no_mark_and_repr_shows_no_secret(bag):
    assert not values.has_secret(values.reveal(bag))
    marked = {"password": Secret("hunter2-hunter2")}
    assert "hunter2" not in repr(marked)


def test_numbers_come_back_as_the_ints_and_floats_they_were():
    decoded = values.decode(values.encode({"whole": 3, "part": 3.5, "large": 2.0**60}))
    assert (decoded["whole"], decoded["part"], decoded["large"]) == (3, 3.5, 2.0**60)
    assert isinstance(decoded["whole"], int)


def test_a_value_without_a_form_on_the_wire_is_refused():
    with pytest.raises(TypeError, match="set"):
        values.encode({"x": {1}})


@given(properties, st.text(alphabet="abcdefghij", min_size=8, max_size=12))
def test_whatever_a_provider_returns_no_secret_of_the_inputs_is_readable(bag, text):
    inputs = {**bag, "password": Secret(text), "nested": {"inner": [1, Secret({"deep": text})]}}
    returned = values.reveal(inputs) | {"copy": f"user:{text}@host", "list": [{"x": text}]}
    sealed = seal(returned, inputs)
    readable = [item for item in walk_visible(sealed) if isinstance(item, str)]
    assert not any(text in item for item in readable)
    assert values.reveal(sealed) == returned


def walk_visible(value):
    """Everything that is not under a secret mark."""
    if isinstance(value, Secret):
        return
    yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from walk_visible(item)


def test_a_secret_inside_an_object_does_not_hide_the_whole_object():
    sealed = seal({"settings": {"user": "ann", "password": "abcdefgh"}}, {"settings": {"password": Secret("abcdefgh")}})
    assert sealed == {"settings": {"user": "ann", "password": Secret("abcdefgh")}}


def test_messages_are_scrubbed():
    assert scrub("value 'abcdefgh' is too short", {"a": Secret("abcdefgh")}) == "value '[secret]' is too short"
