"""Differences of values are told as far down as they go, in documents too."""

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from plinth_cli.report.values import ABSENT, Difference, differences, shortened

DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcN ", max_size=4), inner, max_size=4),
    max_leaves=12,
)


def policy(*actions: str, sid: str = "Read") -> str:
    statement = {"Sid": sid, "Effect": "Allow", "Action": [*actions], "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Sid": "First"}, statement]})


def test_a_policy_tells_the_action_that_joined_it():
    found = differences("policy", policy("s3:GetObject"), policy("s3:GetObject", "s3:PutObject"))
    assert found == [Difference("policy → Statement[Read].Action[1]", ABSENT, "s3:PutObject")]


def test_yaml_inside_a_config_map_is_a_document_too():
    old, new = (yaml.safe_dump({"groups": [{"name": "gpu", "rules": {"for": f"{m}m"}}]}) for m in (5, 10))
    assert differences('data["rules.yaml"]', old, new) == [
        Difference('data["rules.yaml"] → groups[gpu].rules.for', "5m", "10m")
    ]


def test_a_document_in_a_document_is_opened():
    old, new = ({"config": json.dumps({"routes": {"chat": {"weight": weight}}})} for weight in (1, 2))
    assert differences("data", old, new) == [Difference("data.config → routes.chat.weight", 1, 2)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('{"a": 1, "b": 2}', '{ "b": 2,\n  "a": 1 }'),
        ("a: 1\nb: [x]\n", "b:\n  - x\na: 1\n"),
    ],
)
def test_spelling_is_no_difference(old, new):
    assert differences("policy", old, new) == []


def test_an_item_that_goes_from_the_front_does_not_change_the_rest():
    found = differences("args", ["--a", "--b", "--c"], ["--b", "--c"])
    assert found == [Difference("args[0]", "--a", ABSENT)]


def test_items_with_names_are_told_apart_by_them():
    old = [{"name": "a", "image": "x:1"}, {"name": "b", "image": "y:1"}]
    new = [{"name": "b", "image": "y:2"}, {"name": "a", "image": "x:1"}]
    assert differences("containers", old, new) == [Difference("containers[b].image", "y:1", "y:2")]


def test_words_that_look_like_documents_are_left_alone():
    assert differences("note", "{not json", "[nor this") == [Difference("note", "{not json", "[nor this")]
    assert differences("text", "a: b", "a: c") == [Difference("text", "a: b", "a: c")]


@given(DOCUMENTS, DOCUMENTS)
def test_nothing_is_told_exactly_when_the_documents_are_equal(old, new):
    found = differences("at", {"x": old}, {"x": new})
    assert bool(found) == (old != new)
    assert all(each.old is ABSENT or each.new is ABSENT or each.old != each.new for each in found)


@given(DOCUMENTS, DOCUMENTS)
def test_text_of_documents_tells_what_the_documents_tell(old, new):
    plain = differences("at", [{"x": old}], [{"x": new}])
    text = differences("at", json.dumps([{"x": old}]), json.dumps([{"x": new}]))
    assert [(each.old, each.new) for each in text] == [(each.old, each.new) for each in plain]


@given(st.text(max_size=200), st.text("ab", min_size=1, max_size=50), st.text("cd", min_size=1, max_size=50))
def test_shortened_values_show_where_they_differ(shared, old, new):
    before, after = shortened(shared + old, shared + new, 40)
    assert before != after
    assert len(before) <= 40 and len(after) <= 40
