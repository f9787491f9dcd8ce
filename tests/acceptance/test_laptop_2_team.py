"""A team's stack on the laptop: its route is callable with its tenant's key, and with nobody else's."""

import openai
import pytest
from acceptance.local import QUESTION
from acceptance.observe import until

UP = ("up", "local", "--stack", "stacks/search", "--json")


def models(local, tenant: str) -> set[str]:
    return {model.id for model in local.client(local.key(tenant)).models.list()}


def test_a_teams_route_becomes_callable_by_its_tenant_alone(local):
    before = local.running()
    up = local.checkout.plinth(*UP).ok()
    assert up.doc["policy"] == {"packs": 1, "violations": []}
    assert up.changed()["plinth:index:ModelRoute route-answers"] == "create"
    assert up.doc["outputs"]["models"] == ["search/answers"]
    client = local.client(local.key("search"))
    until(lambda: "search/answers" in {model.id for model in client.models.list()}, 90, "the route")
    answer = client.chat.completions.create(model="search/answers", messages=QUESTION)
    assert "development model" in answer.choices[0].message.content
    stranger = local.client(local.key("support"))
    assert models(local, "support") == {"chat-small"}
    with pytest.raises(openai.NotFoundError):
        stranger.chat.completions.create(model="search/answers", messages=QUESTION)
    assert local.running() == before, "something restarted"


def test_a_second_time_it_is_unchanged(local):
    again = local.checkout.plinth(*UP).ok()
    assert set(again.counts) == {"same"}
    assert again.doc["changes"] == []
