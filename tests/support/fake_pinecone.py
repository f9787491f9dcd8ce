"""An HTTP server that speaks Pinecone's control and data planes (API version 2026-07) as its reference describes them.

Strict: requests with a field, an operator or a value that the API does not have fail the test.
"""

import math
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from support.fake_http import Answer, Asked
from support.fake_s3_vectors import OPERATORS

API_KEY = "pcsk_canary"


class Pinecone:
    """Indexes and namespaces in memory; control and data plane have one address."""

    def __init__(self) -> None:
        self.url = ""
        self.indexes: dict[str, dict[str, Any]] = {}
        self.namespaces: dict[str, dict[str, Any]] = {}

    def answer(self, asked: Asked) -> Answer:
        assert asked.headers["x-pinecone-api-version"] == "2026-07"
        if asked.headers.get("api-key") != API_KEY:
            return 401, {"error": {"code": "UNAUTHENTICATED", "message": "Invalid API key"}, "status": 401}
        if asked.path == "/indexes" and asked.method == "POST":
            return self._create(asked.json())
        if asked.path.startswith("/indexes/"):
            return self._described(asked.path.removeprefix("/indexes/"))
        if asked.path.startswith("/i/") and asked.path.count("/") == 2:
            return 404, None
        _, _, index, *rest = asked.path.split("/")
        known: dict[str, Callable[[str, Asked], Answer]] = {
            "vectors/upsert": self._upsert,
            "query": self._query,
            "vectors/fetch": self._fetch,
            "vectors/list": self._list,
            "vectors/delete": self._delete,
            "vectors/fetch_by_metadata": self._matching,
        }
        if rest[0] == "namespaces":
            return self._namespace(f"{index} {rest[1]}", asked)
        return known["/".join(rest)](index, asked)

    def _create(self, body: dict[str, Any]) -> Answer:
        assert set(body) == {"schema", "name", "deployment", "deletion_protection"}
        (field,) = body["schema"]["fields"].values()
        assert field["metric"] in ("cosine", "euclidean", "dotproduct")
        assert len(body["name"]) <= 45
        assert body["name"].replace("-", "").isalnum()
        self.indexes[body["name"]] = {
            **body,
            "host": f"{self.url}/i/{body['name']}",
            "status": {"ready": True, "state": "Ready"},
        }
        return 201, self.indexes[body["name"]]

    def _described(self, name: str) -> Answer:
        found = self.indexes.get(name)
        missing = {"error": {"code": "NOT_FOUND", "message": f"Resource {name} not found"}, "status": 404}
        return (200, found) if found else (404, missing)

    def _dimensions(self, index: str) -> tuple[int, str]:
        (field,) = self.indexes[index]["schema"]["fields"].values()
        return field["dimension"], field["metric"]

    def _held(self, index: str, namespace: str) -> dict[str, Any]:
        assert namespace, "the default namespace belongs to nobody"
        return self.namespaces.get(f"{index} {namespace}", {})

    def _upsert(self, index: str, asked: Asked) -> Answer:
        body = asked.json()
        assert set(body) == {"vectors", "namespace"}
        assert 1 <= len(body["vectors"]) <= 1000
        assert len(asked.body) <= 2 * 1024 * 1024
        for item in body["vectors"]:
            assert len(item["values"]) == self._dimensions(index)[0]
            assert item["id"].isascii()
            assert 1 <= len(item["id"]) <= 512
            assert all(isinstance(value, str | int | float | bool) for value in item["metadata"].values())
        space = self.namespaces.setdefault(f"{index} {body['namespace']}", {})
        space.update({item["id"]: item for item in body["vectors"]})
        return 200, {"upsertedCount": len(body["vectors"])}

    def _query(self, index: str, asked: Asked) -> Answer:
        body = asked.json()
        assert set(body) <= {"topK", "includeValues", "includeMetadata", "namespace", "vector", "filter"}
        assert 1 <= body["topK"] <= 10_000
        metric = self._dimensions(index)[1]
        found = [
            {"id": item["id"], "score": _score(metric, body["vector"], item["values"]), "metadata": item["metadata"]}
            for item in self._held(index, body["namespace"]).values()
            if "filter" not in body or fits(body["filter"], item["metadata"])
        ]
        found.sort(key=lambda item: item["score"] if metric == "euclidean" else -item["score"])
        return 200, {"matches": found[: body["topK"]], "namespace": body["namespace"]}

    def _fetch(self, index: str, asked: Asked) -> Answer:
        given = parse_qs(asked.raw_query)
        held = self._held(index, given["namespace"][0])
        return 200, {"vectors": {key: held[key] for key in given["ids"] if key in held}}

    def _list(self, index: str, asked: Asked) -> Answer:
        assert set(asked.query) <= {"namespace", "limit", "paginationToken"}
        assert 1 <= int(asked.query["limit"]) <= 100
        keys, after = _page(self._held(index, asked.query["namespace"]), asked.query)
        return 200, {"vectors": [{"id": key} for key in keys], **after}

    def _matching(self, index: str, asked: Asked) -> Answer:
        body = asked.json()
        assert set(body) <= {"filter", "namespace", "limit", "paginationToken"}
        held = self._held(index, body["namespace"])
        fitting = {key: item for key, item in held.items() if fits(body["filter"], item["metadata"])}
        keys, after = _page(fitting, body)
        return 200, {"vectors": {key: fitting[key] for key in keys}, **after}

    def _delete(self, index: str, asked: Asked) -> Answer:
        body = asked.json()
        assert set(body) == {"namespace", "ids"}
        assert 1 <= len(body["ids"]) <= 1000
        for key in body["ids"]:
            self._held(index, body["namespace"]).pop(key, None)
        return 200, {}

    def _namespace(self, name: str, asked: Asked) -> Answer:
        if name not in self.namespaces:
            return 404, {"code": 5, "message": "Namespace not found", "details": []}
        if asked.method == "DELETE":
            del self.namespaces[name]
            return 200, {}
        return 200, {"name": name, "record_count": len(self.namespaces[name])}


def _page(held: dict[str, Any], given: dict[str, Any]) -> tuple[list[str], dict[str, Any]]:
    most = int(given["limit"])
    keys = sorted(key for key in held if key > given.get("paginationToken", ""))
    after = {"pagination": {"next": keys[most - 1]}} if len(keys) > most else {}
    return keys[:most], after


def _score(metric: str, one: list[float], other: list[float]) -> float:
    product = sum(a * b for a, b in zip(one, other, strict=True))
    if metric == "cosine":
        return product / (math.hypot(*one) * math.hypot(*other))
    return product if metric == "dotproduct" else math.dist(one, other) ** 2


def fits(asked: dict[str, Any], metadata: dict[str, Any]) -> bool:
    """Whether metadata satisfies a filter."""
    assert asked
    results: list[bool] = []
    for key, value in asked.items():
        if key in ("$and", "$or"):
            assert value
            parts = [fits(part, metadata) for part in value]
            results.append(all(parts) if key == "$and" else any(parts))
            continue
        assert not key.startswith("$")
        ((operator, operand),) = value.items()
        if operator == "$exists":
            results.append((key in metadata) == operand)
            continue
        if operator in ("$in", "$nin"):
            assert operand
            assert all(isinstance(item, str | int | float) and not isinstance(item, bool) for item in operand)
        results.append(key in metadata and OPERATORS[operator](metadata[key], operand))
    return all(results)
