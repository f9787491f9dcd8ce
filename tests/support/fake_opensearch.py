"""An HTTP server that speaks the part of OpenSearch's REST interface that vectors need, after its documentation.

Strict: mappings, queries and parameters that OpenSearch does not have fail the test.
"""

import base64
import json
import math
import re
from collections.abc import Callable
from typing import Any

from support.fake_http import Answer, Asked

USER, PASSWORD = "plinth", "opensearch-password"
COMPARE = {
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
}
TYPES = {"keyword": str, "long": int, "double": (int, float), "boolean": bool}
ANALYZERS = ("standard", "english", "german", "french", "spanish", "italian", "portuguese", "dutch")


class OpenSearch:
    """Indexes in memory."""

    def __init__(self) -> None:
        self.indexes: dict[str, dict[str, Any]] = {}

    def answer(self, asked: Asked) -> Answer:
        expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if asked.headers.get("authorization") != expected:
            return 401, {"error": "Unauthorized", "status": 401}
        name, _, action = asked.path.strip("/").partition("/")
        if not action and asked.method == "PUT":
            return self._create(name, asked.json())
        if name not in self.indexes:
            return 404, {
                "error": {"type": "index_not_found_exception", "reason": f"no such index [{name}]"},
                "status": 404,
            }
        index = self.indexes[name]
        if not action:
            return self._whole(name, index, asked.method)
        known: dict[tuple[str, str], Callable[[dict[str, Any], Asked], Any]] = {
            ("PUT", "_mapping"): self._mapping,
            ("POST", "_bulk"): self._bulk,
            ("PUT", "_bulk"): self._bulk,
            ("POST", "_search"): self._search,
            ("POST", "_count"): self._count,
            ("POST", "_delete_by_query"): self._delete,
        }
        return 200, known[asked.method, action](index, asked)

    def _create(self, name: str, body: dict[str, Any]) -> Answer:
        assert re.fullmatch(r"[a-z0-9][^A-Z \\/*?\"<>|,#:]{0,254}", name), name
        if name in self.indexes:
            return 400, {"error": {"type": "resource_already_exists_exception"}, "status": 400}
        assert set(body) == {"settings", "mappings"}
        assert body["settings"]["index"].pop("knn") is True
        assert set(body["settings"]["index"]) == {"number_of_shards", "number_of_replicas"}
        properties = body["mappings"]["properties"]
        dense = properties["dense"]
        assert dense["type"] == "knn_vector"
        assert set(dense["method"]) == {"name", "engine", "space_type", "parameters"}
        assert dense["method"]["engine"] == "faiss"
        assert set(dense["method"]["parameters"]) == {"m", "ef_construction"}
        assert properties["content"].get("analyzer", "standard") in ANALYZERS
        assert all(kind["type"] in TYPES for kind in properties["fields"]["properties"].values())
        self.indexes[name] = {"mappings": body["mappings"], "docs": {}}
        return 200, {"acknowledged": True, "index": name}

    def _whole(self, name: str, index: dict[str, Any], method: str) -> Answer:
        if method == "DELETE":
            del self.indexes[name]
            return 200, {"acknowledged": True}
        assert method in ("GET", "HEAD")
        return 200, {name: {"mappings": index["mappings"]}} if method == "GET" else None

    def _mapping(self, index: dict[str, Any], asked: Asked) -> Any:
        more = asked.json()["properties"]["fields"]["properties"]
        index["mappings"]["properties"]["fields"]["properties"].update(more)
        return {"acknowledged": True}

    def _bulk(self, index: dict[str, Any], asked: Asked) -> Any:
        assert asked.query == {"refresh": "wait_for"}
        assert asked.body.endswith(b"\n")
        lines = [json.loads(line) for line in asked.body.decode().splitlines()]
        items: list[Any] = []
        while lines:
            ((action, about),) = lines.pop(0).items()
            assert set(about) == {"_id"}
            assert 1 <= len(about["_id"].encode()) <= 512
            if action == "delete":
                index["docs"].pop(about["_id"], None)
            else:
                assert action == "index"
                index["docs"][about["_id"]] = _checked(index["mappings"]["properties"], lines.pop(0))
            items.append({action: {"_id": about["_id"], "status": 200}})
        return {"errors": False, "items": items}

    def _search(self, index: dict[str, Any], asked: Asked) -> Any:
        body = asked.json()
        assert set(body) <= {"size", "query", "sort", "search_after", "_source"}
        assert 1 <= body["size"] <= 10_000
        scored = [
            (score, key, doc)
            for key, doc in index["docs"].items()
            if (score := _score(body["query"], key, doc, index)) is not None
        ]
        if "sort" in body:
            assert body["sort"] == [{"id": "asc"}]
            after = body.get("search_after", [""])[0].encode()
            scored = sorted((item for item in scored if item[1].encode() > after), key=lambda item: item[1].encode())
        else:
            scored.sort(key=lambda item: -item[0])
        hidden = body.get("_source", {}).get("excludes", [])
        hits = [
            {"_id": key, "_score": score, "_source": {part: value for part, value in doc.items() if part not in hidden}}
            for score, key, doc in scored[: body["size"]]
        ]
        return {"hits": {"hits": hits}}

    def _count(self, index: dict[str, Any], asked: Asked) -> Any:
        return {"count": len(_found(asked.json(), index))}

    def _delete(self, index: dict[str, Any], asked: Asked) -> Any:
        assert asked.query == {"conflicts": "proceed", "refresh": "true"}
        found = _found(asked.json(), index)
        for key in found:
            del index["docs"][key]
        return {"deleted": len(found)}


def _found(body: dict[str, Any], index: dict[str, Any]) -> list[str]:
    assert set(body) == {"query"}
    return [key for key, doc in index["docs"].items() if _score(body["query"], key, doc, index) is not None]


def _checked(properties: dict[str, Any], doc: dict[str, Any]) -> dict[str, Any]:
    assert set(doc) == set(properties)
    assert len(doc["dense"]) == properties["dense"]["dimension"]
    for name, value in doc["fields"].items():
        assert isinstance(value, TYPES[properties["fields"]["properties"][name]["type"]])
    return doc


def _score(query: dict[str, Any], key: str, doc: dict[str, Any], index: dict[str, Any]) -> float | None:
    """Score of a document, or none when it does not match."""
    ((kind, given),) = query.items()
    if kind == "match_all":
        return 1.0
    if kind == "match_none":
        return None
    if kind == "ids":
        return 1.0 if key in given["values"] else None
    if kind == "bool":
        return _bool(given, key, doc, index)
    ((field, asked),) = ((given["field"], None),) if kind == "exists" else given.items()
    if kind == "knn":
        assert set(asked) <= {"vector", "k", "method_parameters", "filter"}
        assert set(asked["method_parameters"]) == {"ef_search"}
        if "filter" in asked and _score(asked["filter"], key, doc, index) is None:
            return None
        space = index["mappings"]["properties"][field]["method"]["space_type"]
        return _nearness(space, asked["vector"], doc[field])
    if kind == "match":
        assert index["mappings"]["properties"][field].get("index", True)
        words, held = (re.findall(r"\w+", text.lower()) for text in (asked["query"], doc[field]))
        return float(sum(held.count(word) for word in set(words))) or None
    outer, _, name = field.partition(".")
    assert outer == "fields"
    assert name in index["mappings"]["properties"]["fields"]["properties"], f"{name} is not mapped"
    value = doc["fields"].get(name)
    if kind == "exists":
        return None if value is None else 1.0
    if kind == "terms":
        return 1.0 if value is not None and value in asked else None
    assert kind == "range"
    return 1.0 if value is not None and all(COMPARE[bound](value, limit) for bound, limit in asked.items()) else None


def _bool(given: dict[str, Any], key: str, doc: dict[str, Any], index: dict[str, Any]) -> float | None:
    assert set(given) <= {"must", "filter", "should", "must_not", "minimum_should_match"}
    scores = [_score(part, key, doc, index) for part in [*given.get("must", []), *given.get("filter", [])]]
    if None in scores or any(_score(part, key, doc, index) is not None for part in given.get("must_not", [])):
        return None
    if "should" in given:
        assert given["minimum_should_match"] == 1
        if all(_score(part, key, doc, index) is None for part in given["should"]):
            return None
    return scores[0] if given.get("must") else 1.0


def _nearness(space: str, one: list[float], other: list[float]) -> float:
    product = sum(a * b for a, b in zip(one, other, strict=True))
    if space == "cosinesimil":
        return (1 + product / (math.hypot(*one) * math.hypot(*other))) / 2
    if space == "l2":
        return 1 / (1 + math.dist(one, other) ** 2)
    assert space == "innerproduct"
    return product + 1 if product >= 0 else 1 / (1 - product)
