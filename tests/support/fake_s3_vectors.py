"""An HTTP server that speaks Amazon S3 Vectors as botocore's service model and the API reference describe it.

Strict: a request with a parameter, operator or name that the API does not have is answered as the API would, or fails.
"""

import math
import re
from collections.abc import Callable
from typing import Any

from botocore.session import get_session
from botocore.validate import ParamValidator
from support.fake_http import Answer, Asked

OPERATORS = {
    "$eq": lambda held, asked: held == asked,
    "$ne": lambda held, asked: held != asked,
    "$gt": lambda held, asked: _number(held) and held > asked,
    "$gte": lambda held, asked: _number(held) and held >= asked,
    "$lt": lambda held, asked: _number(held) and held < asked,
    "$lte": lambda held, asked: _number(held) and held <= asked,
    "$in": lambda held, asked: held in asked,
    "$nin": lambda held, asked: held not in asked,
}


class Refused(Exception):
    """An answer with an error."""

    def __init__(self, status: int, code: str, message: str = "") -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class S3Vectors:
    """Buckets, indexes and vectors in memory."""

    def __init__(self, bucket: str) -> None:
        self.bucket = bucket
        self.indexes: dict[str, dict[str, Any]] = {}
        self._model = get_session().get_service_model("s3vectors")
        self._validate = ParamValidator()

    def answer(self, operation: str, body: dict[str, Any]) -> dict[str, Any]:
        """Answer one request, after checking it against the service model."""
        report = self._validate.validate(body, self._model.operation_model(operation).input_shape)
        if report.has_errors():
            raise Refused(400, "ValidationException", report.generate_report())
        if body.get("vectorBucketName") != self.bucket:
            raise Refused(404, "NotFoundException", "The specified vector bucket could not be found")
        name = body["indexName"]
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", name):
            raise Refused(400, "ValidationException", f"index name {name}")
        if operation == "CreateIndex":
            return self._create(name, body)
        if name not in self.indexes:
            raise Refused(404, "NotFoundException", "The specified index could not be found")
        return getattr(self, f"_{operation}")(name, body)

    def _create(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        if name in self.indexes:
            raise Refused(409, "ConflictException", "An index with the specified name already exists")
        assert body["distanceMetric"] in ("cosine", "euclidean")
        assert len(body["metadataConfiguration"]["nonFilterableMetadataKeys"]) <= 10
        self.indexes[name] = {"about": body, "vectors": {}}
        return {"indexArn": f"arn:aws:s3vectors:us-east-1:123456789012:bucket/{self.bucket}/index/{name}"}

    def _GetIndex(self, name: str, _: dict[str, Any]) -> dict[str, Any]:
        about = self.indexes[name]["about"]
        facts = {key: about[key] for key in ("dataType", "dimension", "distanceMetric", "metadataConfiguration")}
        arn = f"arn:aws:s3vectors:us-east-1:123456789012:bucket/{self.bucket}/index/{name}"
        return {
            "index": {
                "vectorBucketName": self.bucket,
                "indexName": name,
                "indexArn": arn,
                "creationTime": 1.0,
                **facts,
            }
        }

    def _DeleteIndex(self, name: str, _: dict[str, Any]) -> dict[str, Any]:
        del self.indexes[name]
        return {}

    def _PutVectors(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        index = self.indexes[name]
        hidden = index["about"]["metadataConfiguration"]["nonFilterableMetadataKeys"]
        if not 1 <= len(body["vectors"]) <= 500:
            raise Refused(400, "ValidationException", "vectors: 1 to 500")
        for item in body["vectors"]:
            assert len(item["data"]["float32"]) == index["about"]["dimension"]
            assert 1 <= len(item["key"]) <= 1024
            for key, value in item.get("metadata", {}).items():
                assert isinstance(value, str | int | float | bool) or key in hidden
        index["vectors"].update({item["key"]: item for item in body["vectors"]})
        return {}

    def _GetVectors(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        if not 1 <= len(body["keys"]) <= 100:
            raise Refused(400, "ValidationException", "keys: 1 to 100")
        held = self.indexes[name]["vectors"]
        return {"vectors": [_shown(held[key], body) for key in body["keys"] if key in held]}

    def _DeleteVectors(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        if not 1 <= len(body["keys"]) <= 500:
            raise Refused(400, "ValidationException", "keys: 1 to 500")
        for key in body["keys"]:
            self.indexes[name]["vectors"].pop(key, None)
        return {}

    def _ListVectors(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        held = self.indexes[name]["vectors"]
        keys = sorted(key for key in held if key > body.get("nextToken", ""))
        most = body.get("maxResults", 500)
        answer: dict[str, Any] = {"vectors": [_shown(held[key], body) for key in keys[:most]]}
        return {**answer, "nextToken": keys[most - 1]} if len(keys) > most else answer

    def _QueryVectors(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        if not 1 <= body["topK"] <= 100:
            raise Refused(400, "ValidationException", "topK: 1 to 100")
        about = self.indexes[name]["about"]
        hidden = about["metadataConfiguration"]["nonFilterableMetadataKeys"]
        asked = body["queryVector"]["float32"]
        found = [
            {**_shown(item, body), "distance": _distance(asked, item["data"]["float32"], about["distanceMetric"])}
            for item in self.indexes[name]["vectors"].values()
            if "filter" not in body or _fits(body["filter"], item["metadata"], hidden)
        ]
        best = sorted(found, key=lambda item: item["distance"])[: body["topK"]]
        return {"vectors": best, "distanceMetric": about["distanceMetric"]}


def _shown(item: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    parts = {"data": body.get("returnData"), "metadata": body.get("returnMetadata")}
    return {"key": item["key"], **{part: item[part] for part, wanted in parts.items() if wanted}}


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _fits(asked: dict[str, Any], metadata: dict[str, Any], hidden: list[str]) -> bool:
    assert asked, "an empty filter is refused"
    results: list[bool] = []
    for key, value in asked.items():
        if key in ("$and", "$or"):
            assert value, f"{key} needs a list that is not empty"
            parts = [_fits(part, metadata, hidden) for part in value]
            results.append(all(parts) if key == "$and" else any(parts))
            continue
        assert not key.startswith("$"), f"{key} is no operator"
        assert key not in hidden, f"{key} cannot be filtered by"
        for operator, operand in value.items():
            if operator == "$exists":
                results.append((key in metadata) == operand)
            else:
                results.append(key in metadata and OPERATORS[operator](metadata[key], operand))
    return all(results)


def _distance(one: list[float], other: list[float], metric: str) -> float:
    if metric == "euclidean":
        return math.dist(one, other)
    return 1.0 - sum(a * b for a, b in zip(one, other, strict=True)) / (math.hypot(*one) * math.hypot(*other))


def handler(store: S3Vectors) -> Callable[[Asked], Answer]:
    """The HTTP face: every operation is a POST to its name, signed."""

    def answer(asked: Asked) -> Answer:
        assert asked.method == "POST"
        assert asked.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=")
        assert "/us-east-1/s3vectors/aws4_request" in asked.headers["authorization"]
        try:
            return 200, store.answer(asked.path.removeprefix("/"), asked.json())
        except Refused as refused:
            return refused.status, {"__type": refused.code, "message": refused.message}

    return answer
