"""A Lambda Cloud for tests: real HTTP on loopback, the answers of its API, and the faults that it can have."""

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "secret_lambda_canary-71be"


def refusal(status: int, code: str, message: str = "no", suggestion: str = "") -> tuple[int, dict[str, Any]]:
    return status, {"error": {"code": code, "message": message, "suggestion": suggestion}}


@dataclass
class FakeLambda:
    """Its state, what it was asked, and what it does wrong."""

    price_cents: int = 329
    regions: list[str] = field(default_factory=lambda: ["us-east-3", "us-west-1"])
    boots_after: int = 2
    """Looks at an instance until it is active."""
    status_after_boot: str = "active"
    faults: dict[str, list[tuple[int, Any] | str]] = field(default_factory=dict)
    """`POST /path` -> what its next calls get: an answer, `drop` (done, no answer) or `lose` (not done, no answer)."""
    instances: dict[str, dict[str, Any]] = field(default_factory=dict)
    rulesets: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    launches: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""

    def __enter__(self) -> "FakeLambda":
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def handle_any(self) -> None:
                length = int(self.headers.get("content-length", "0"))
                body = json.loads(self.rfile.read(length) or b"null")
                answer = fake.answer(self.command, self.path, self.headers.get("authorization"), body)
                if answer is None:
                    self.close_connection = True
                    return
                text = json.dumps(answer[1]).encode()
                self.send_response(answer[0])
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PATCH = do_DELETE = handle_any

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def running(self) -> list[str]:
        return [id for id, it in self.instances.items() if it["status"] not in ("terminated", "preempted")]

    def answer(self, method: str, path: str, key: str | None, body: Any) -> tuple[int, Any] | None:
        what = f"{method} {path.removeprefix('/api/v1')}"
        self.asked.append(what)
        if key != f"Bearer {KEY}":
            return refusal(401, "global/invalid-api-key", "API key was invalid, expired, or deleted.")
        fault = queue.pop(0) if (queue := self.faults.get(what)) else None
        if isinstance(fault, tuple):
            return fault
        if fault == "lose":
            return None
        done = self._do(method, path.removeprefix("/api/v1").strip("/").split("/"), body)
        return None if fault == "drop" else done

    def _do(self, method: str, parts: list[str], body: Any) -> tuple[int, Any]:
        match method, parts:
            case "GET", ["instance-types"]:
                kind = {"name": "gpu_1x_h100_sxm5", "price_cents_per_hour": self.price_cents}
                places = [{"name": name, "description": name} for name in self.regions]
                offers = {"gpu_1x_h100_sxm5": {"instance_type": kind, "regions_with_capacity_available": places}}
                return 200, {"data": offers}
            case "GET", ["instances"]:
                return 200, {"data": [self._seen(id) for id in self.running()]}
            case "GET", ["instances", id]:
                known = id in self.instances
                return (200, {"data": self._seen(id)}) if known else refusal(404, "global/object-does-not-exist")
            case "POST", ["instance-operations", "launch"]:
                return self._launch(body)
            case "POST", ["instance-operations", "terminate"]:
                return self._terminate(body["instance_ids"])
            case "GET", ["firewall-rulesets"]:
                return 200, {"data": [{"id": id, **it} for id, it in self.rulesets.items()]}
            case "POST", ["firewall-rulesets"]:
                id = f"fw{len(self.rulesets) + 1}"
                self.rulesets[id] = body
                return 200, {"data": {"id": id, **body}}
            case "PATCH", ["firewall-rulesets", id]:
                self.rulesets[id] |= body
                return 200, {"data": {"id": id, **self.rulesets[id]}}
            case "DELETE", ["firewall-rulesets", id]:
                if any(it["firewall_rulesets"] == [{"id": id}] for it in map(self.instances.get, self.running())):
                    return refusal(400, "firewall-rulesets/firewall-ruleset-in-use")
                return (
                    (200, {"data": {}}) if self.rulesets.pop(id, None) else refusal(404, "global/object-does-not-exist")
                )
        return refusal(404, "global/object-does-not-exist", f"{method} {parts}")

    def _launch(self, body: dict[str, Any]) -> tuple[int, Any]:
        known = {
            "region_name", "instance_type_name", "ssh_key_names", "name", "image", "user_data", "tags",
            "firewall_rulesets",
        }  # fmt: skip
        if set(body) - known or len(body["ssh_key_names"]) != 1 or len(body["name"]) > 64:
            return refusal(400, "global/invalid-parameters")
        if body["region_name"] not in self.regions:
            return refusal(400, "instance-operations/launch/insufficient-capacity", "Not enough capacity.")
        self.launches.append(body)
        id = f"{len(self.launches):032x}"
        self.instances[id] = {**body, "status": "booting", "looks": 0}
        return 200, {"data": {"instance_ids": [id]}}

    def _terminate(self, ids: list[str]) -> tuple[int, Any]:
        if not all(id in self.running() for id in ids):
            return refusal(404, "global/object-does-not-exist")
        for id in ids:
            self.instances[id]["status"] = "terminated"
        return 200, {"data": {"terminated_instances": [{"id": id} for id in ids]}}

    def _seen(self, id: str) -> dict[str, Any]:
        it = self.instances[id]
        it["looks"] += 1
        if it["status"] == "booting" and it["looks"] > self.boots_after:
            it["status"] = self.status_after_boot
        shown = {"id": id, "name": it["name"], "status": it["status"], "tags": it["tags"]}
        return {**shown, "ip": "198.51.100.7"} if it["status"] == "active" else shown
