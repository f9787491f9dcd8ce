"""A laptop in a temporary folder, with handwritten manifests, real processes and a real local cloud."""

import contextlib
import hashlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import pytest
import yaml

from plinth_cli.laptop import Laptop
from plinth_cli.paths import EnvDirs

KEY = "plinth_search_canary-8812"
KEYS_SECRET = "plinth/local/gateway/keys"
IMAGE = "registry.example.com/plinth-runtime@sha256:" + "0" * 64


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(condition: Callable[[], object], seconds: float = 60, what: str = "the condition") -> object:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            if found := condition():
                return found
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come true within {seconds} s")


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def keys_json(key: str = KEY) -> str:
    return json.dumps({"keys": [{"id": "a", "tenant": "search", "sha256": hashlib.sha256(key.encode()).hexdigest()}]})


@dataclass
class Site:
    """One environment's folders, and the manifests in them."""

    dirs: EnvDirs
    gateway_port: int = field(default_factory=free_port)
    model_port: int = field(default_factory=free_port)
    cloud_port: int = field(default_factory=free_port)
    pids: set[int] = field(default_factory=set)

    @property
    def laptop(self) -> Laptop:
        return Laptop(self.dirs)

    def write(self, namespace: str, body: dict) -> Path:
        path = self.dirs.manifests / namespace / f"{body['kind']}-{body['metadata']['name']}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(body))
        return path

    def model(self, rate: int = 1000) -> Path:
        args = ["--port", str(self.model_port), "--model", "dev-small", "--tokens-per-second", str(rate)]
        container = container_of("model", ["plinth-runtime", "development-model"], args, self.model_port)
        return self.write("plinth-serving", deployment("dev-small", container))

    def gateway(self, **changes: object) -> Path:
        config = {
            "environment": "local",
            "gateway": {
                "port": self.gateway_port,
                "drain_seconds": 2,
                "tenant_routes_dir": "/etc/plinth/tenant-routes",
            },
            "tenants": [{"name": "search", "routes": ["chat"]}],
            "backends": [{"name": "dev-small", "base_url": f"http://127.0.0.1:{self.model_port}/v1"}],
            "routes": [{"name": "chat", "targets": [{"backend": "dev-small", "model": "dev-small"}]}],
        }
        config |= changes
        self.write(
            "plinth-system",
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "gateway-config", "namespace": "plinth-system"},
                "data": {"runtime.json": json.dumps(config)},
            },
        )
        self.external("gateway-keys", {"data": [{"secretKey": "keys.json", "remoteRef": {"key": KEYS_SECRET}}]})
        pattern = "^plinth/local/tenants/([a-z][a-z0-9-]*)/routes/([a-z][a-z0-9-]*)$"
        find = {"path": "plinth/local/tenants/", "name": {"regexp": pattern}}
        rewrite = [{"regexp": {"source": pattern, "target": "${1}.${2}.json"}}]
        self.external("gateway-tenant-routes", {"dataFrom": [{"find": find, "rewrite": rewrite}]})
        args = ["--config", "/etc/plinth/runtime.json"]
        container = container_of("gateway", ["plinth-runtime", "gateway"], args, self.gateway_port)
        container["volumeMounts"] = [
            {"name": "config", "mountPath": "/etc/plinth/runtime.json", "subPath": "runtime.json"},
            {"name": "keys", "mountPath": "/etc/plinth/keys"},
            {"name": "routes", "mountPath": "/etc/plinth/tenant-routes"},
            {"name": "tmp", "mountPath": "/tmp"},
        ]
        volumes = [
            {"name": "config", "configMap": {"name": "gateway-config"}},
            {"name": "keys", "secret": {"secretName": "gateway-keys"}},
            {"name": "routes", "secret": {"secretName": "gateway-tenant-routes", "optional": True}},
            {"name": "tmp", "emptyDir": {}},
        ]
        return self.write("plinth-system", deployment("gateway", container, volumes, replicas=2))

    def external(self, name: str, spec: dict) -> Path:
        body = {
            "apiVersion": "external-secrets.io/v1",
            "kind": "ExternalSecret",
            "metadata": {"name": name, "namespace": "plinth-system"},
            "spec": {"target": {"name": name}, **spec},
        }
        return self.write("plinth-system", body)

    def cloud(self):
        return boto3.client(
            "secretsmanager",
            endpoint_url=f"http://127.0.0.1:{self.cloud_port}",
            region_name="us-east-1",
            aws_access_key_id="rehearsal",
            aws_secret_access_key="rehearsal",
        )

    def up(self, laptop: Laptop | None = None) -> Laptop:
        laptop = laptop or self.laptop
        laptop.start_cloud(self.cloud_port)
        with contextlib.suppress(self.cloud().exceptions.ResourceExistsException):
            self.cloud().create_secret(Name=KEYS_SECRET, SecretString=keys_json())
        laptop.start_workloads()
        self.remember(laptop)
        return laptop

    def remember(self, laptop: Laptop) -> dict[str, int]:
        found = {status.name: status.pid for status in laptop.status()}
        found["supervisor"] = json.loads((self.dirs.run / "supervisor.json").read_text())["pid"]
        self.pids |= set(found.values()) - {None}
        return found


def container_of(name: str, command: list[str], args: list[str], port: int) -> dict:
    def probe(path: str, period: int) -> dict:
        return {"httpGet": {"path": path, "port": "http"}, "periodSeconds": period, "failureThreshold": 2}

    return {
        "name": name,
        "image": IMAGE,
        "command": command,
        "args": args,
        "ports": [{"name": "http", "containerPort": port}],
        "readinessProbe": probe("/readyz", 1),
        "livenessProbe": probe("/healthz", 1),
    }


def deployment(name: str, container: dict, volumes: list[dict] | None = None, replicas: int = 1) -> dict:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "any"},
        "spec": {
            "replicas": replicas,
            "template": {
                "metadata": {"labels": {"app": name, "plinth.dev/runtime": "true"}},
                "spec": {
                    "terminationGracePeriodSeconds": 5 if name == "gateway" else 2,
                    "containers": [container],
                    "volumes": volumes or [],
                },
            },
        },
    }


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "users-own-canary")
    dirs = EnvDirs(tmp_path, "local").create()
    dirs.passphrase.write_text("passphrase-canary-5521")
    made = Site(dirs)
    yield made
    with contextlib.suppress(Exception):
        made.remember(made.laptop)
    made.laptop.stop()
    for pid in made.pids:
        if alive(pid):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def helpers() -> object:
    """This module: tests are imported one by one, so they cannot import it themselves."""
    return sys.modules[__name__]
