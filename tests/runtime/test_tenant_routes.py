import json

from hypothesis import given
from hypothesis import strategies as st

from plinth_runtime.config import Backend, Route, RuntimeConfig, Target, TenantAccess
from plinth_runtime.tenant_routes import Share, TenantRoute, TenantRoutes, merge


def platform() -> RuntimeConfig:
    return RuntimeConfig(
        environment="dev",
        tenants=[
            TenantAccess(name="search", routes=["chat", "chat-large"]),
            TenantAccess(name="search-x", routes=["chat"]),
        ],
        backends=[Backend(name=name, base_url=f"http://{name}:8000/v1") for name in ("small", "large", "hosted")],
        routes=[
            Route(name="chat", targets=[Target(backend="small", model="small"), Target(backend="large", model="l")]),
            Route(name="chat-large", targets=[Target(backend="large", model="l", weight=3)]),
            Route(name="frontier", targets=[Target(backend="hosted", model="gpt")]),
        ],
    )


def document(name: str, **shares: int) -> str:
    routes = [Share(route=route.replace("_", "-"), weight=weight) for route, weight in shares.items()]
    return TenantRoute(name=name, shares=routes).model_dump_json()


def test_a_route_blends_the_targets_of_platform_routes():
    merged = merge(platform(), {"search.answers.json": document("answers", chat=1, chat_large=1)})
    assert merged.refused == ()
    route = next(route for route in merged.config.routes if route.name == "search/answers")
    weights = {target.backend: target.weight for target in route.targets}
    # chat gives small and large a quarter of all requests each, chat-large gives large another half.
    assert weights == {"small": 333, "large": 1000}
    access = {tenant.name: tenant.routes for tenant in merged.config.tenants}
    assert access == {"search": ["chat", "chat-large", "search/answers"], "search-x": ["chat"]}


def test_a_tenant_cannot_reach_what_it_may_not_call():
    merged = merge(platform(), {"search.answers.json": document("answers", frontier=1)})
    assert merged.config == platform()
    assert merged.refused[0].reason == ("tenant 'search' may not call 'frontier' (it may call: chat, chat-large)")


def test_a_route_of_another_tenant_is_no_target():
    documents = {
        "search.answers.json": document("answers", chat=1),
        "search-x.borrowed.json": json.dumps({"name": "borrowed", "shares": [{"route": "search/answers"}]}),
    }
    merged = merge(platform(), documents)
    assert [refused.file for refused in merged.refused] == ["search-x.borrowed.json"]
    assert [route.name for route in merged.config.routes][-1] == "search/answers"


def test_bad_documents_are_refused_one_by_one():
    documents = {
        "search.good.json": document("good", chat=1),
        "search.bad.json": "{",
        "search.renamed.json": document("other", chat=1),
        "nobody.answers.json": document("answers", chat=1),
        "..data": "",
        "search.twice.json": '{"name": "twice", "shares": [{"route": "chat"}, {"route": "chat"}]}',
        "search.more.json": '{"name": "more", "shares": [{"route": "chat"}], "backend": "x"}',
    }
    merged = merge(platform(), documents)
    assert {refused.file for refused in merged.refused} == documents.keys() - {"search.good.json"}
    assert all(refused.reason and "\n" not in refused.reason for refused in merged.refused)
    assert "search/good" in [route.name for route in merged.config.routes]


def test_the_folder_is_read_again_when_it_changes(tmp_path, monkeypatch):
    monkeypatch.setenv("PLINTH_ROOT", str(tmp_path))
    routes = TenantRoutes("/etc/plinth/tenant-routes", platform())
    assert routes.merged.config == platform()
    assert routes.refresh() is False
    folder = tmp_path / "etc/plinth/tenant-routes"
    folder.mkdir(parents=True)
    (folder / "search.answers.json").write_text(document("answers", chat=1))
    assert routes.refresh() is True
    assert "search/answers" in [route.name for route in routes.merged.config.routes]
    assert routes.refresh() is False
    (folder / "search.answers.json").unlink()
    assert routes.refresh() is True
    assert routes.merged.config == platform()


@given(st.text(max_size=40), st.text(max_size=200))
def test_no_document_breaks_the_gateway(file, text):
    merged = merge(platform(), {file: text})
    assert merged.config == platform()
    assert len(merged.refused) == 1


@given(st.dictionaries(st.sampled_from(["chat", "chat_large"]), st.integers(1, 1000), min_size=1))
def test_shares_keep_their_proportion(shares):
    merged = merge(platform(), {"search.answers.json": document("answers", **shares)})
    targets = {target.backend: target.weight for target in merged.config.routes[-1].targets}
    total, chat = sum(shares.values()), shares.get("chat", 0)
    expected = {"small": chat / 2 / total, "large": 1 - chat / 2 / total}
    for backend, weight in targets.items():
        # Whole weights up to 1000: the smallest share is never lost, however small.
        assert abs(weight / sum(targets.values()) - expected[backend]) < 0.002
