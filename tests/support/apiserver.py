"""A real Kubernetes API server for tests (tools/apiserver): started on loopback, asked over HTTPS."""

import contextlib
import json
import secrets
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MANAGER = "plinth"
START_SECONDS = 180


class Refused(Exception):
    """The API server does not take an object; the text is its own."""


@dataclass
class ApiServer:
    """A running server and what it serves."""

    address: str
    token: str
    _kinds: dict[str, dict[str, tuple[str, bool]]] = field(default_factory=dict)

    def apply(self, obj: Mapping[str, Any], *, dry_run: bool = False) -> None:
        """Server-side apply with strict field validation.

        Raises:
            Refused: with what the server says.
        """
        query = f"fieldManager={MANAGER}&force=true&fieldValidation=Strict" + ("&dryRun=All" if dry_run else "")
        path = f"{self._collection(obj)}/{obj['metadata']['name']}?{query}"
        self._ask("PATCH", path, obj, "application/apply-patch+yaml")

    def create_dry(self, obj: Mapping[str, Any]) -> None:
        """Create an object, all of admission included, without keeping it.

        Raises:
            Refused: with what the server says.
        """
        path = f"{self._collection(obj)}?fieldValidation=Strict&dryRun=All"
        self._ask("POST", path, obj, "application/json")

    def established(self, definition: str) -> bool:
        """Whether the kinds of a CustomResourceDefinition are served."""
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{definition}"
        conditions = self._ask("GET", path)["status"].get("conditions", ())
        return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)

    def version(self) -> str:
        """Minor version of Kubernetes, for example `1.36`."""
        told = self._ask("GET", "/version")
        return f"{told['major']}.{told['minor']}"

    def ready(self) -> bool:
        """Whether the server answers and has made its own objects."""
        try:
            self._ask("GET", "/readyz")
            self._ask("GET", "/api/v1/namespaces/default")
        except (Refused, OSError):
            return False
        return True

    def _collection(self, obj: Mapping[str, Any]) -> str:
        api_version, kind = obj["apiVersion"], obj["kind"]
        if kind not in self._kinds.get(api_version, {}):
            self._kinds[api_version] = self._discover(api_version)
        if kind not in self._kinds[api_version]:
            raise Refused(f"no kind {kind} in {api_version}")
        plural, namespaced = self._kinds[api_version][kind]
        root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        namespace = obj["metadata"].get("namespace") or "default"
        return f"{root}/namespaces/{namespace}/{plural}" if namespaced else f"{root}/{plural}"

    def _discover(self, api_version: str) -> dict[str, tuple[str, bool]]:
        root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        listed = self._ask("GET", root)["resources"]
        return {each["kind"]: (each["name"], each["namespaced"]) for each in listed if "/" not in each["name"]}

    def _ask(self, method: str, path: str, body: Any = None, content: str = "application/json") -> Any:
        # It signs its own certificate, and listens on loopback only.
        trust = ssl._create_unverified_context()
        request = urllib.request.Request(
            self.address + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": content},
        )
        try:
            with urllib.request.urlopen(request, context=trust, timeout=120) as response:
                text = response.read()
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")
            with contextlib.suppress(ValueError, KeyError):
                said = json.loads(said)["message"]
            raise Refused(said) from None
        return json.loads(text) if text.startswith(b"{") else text


@contextlib.contextmanager
def api_server(program: Path, folder: Path) -> Iterator[ApiServer]:
    """Start the server with its data in an empty folder, and stop it afterwards."""
    ports = _free_ports(3)
    token = secrets.token_urlsafe(16)
    log = folder / "log"
    flags = [f"--{name}={port}" for name, port in zip(("port", "etcd-port", "peer-port"), ports, strict=True)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program, f"--data={folder}", *flags, f"--token={token}"], stdout=output, stderr=output, cwd=folder
        )
    server = ApiServer(f"https://127.0.0.1:{ports[0]}", token)
    try:
        _wait(server, process, log)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(server: ApiServer, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not server.ready():
        assert process.poll() is None, log.read_text()[-4000:]
        assert time.monotonic() < deadline, f"not ready after {START_SECONDS} s:\n{log.read_text()[-4000:]}"
        time.sleep(0.5)


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


__all__ = ["ApiServer", "Refused", "api_server"]
