"""Gateways that are measured: ours, and those that registries have. Each is given the same upstream."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.gateway.processes import CACHE, Cpus, Process, Unavailable, free_port

KEY = "plinth_bench_benchmark"  # a key of the benchmark's own tenant, on loopback
LITELLM = "litellm[proxy]==1.80.0"
"""Pinned: later releases 1.82.7 and 1.82.8 carried malware."""
PORTKEY = "@portkey-ai/gateway@1.15.2"


@dataclass
class Peer:
    """A gateway that runs."""

    port: int
    process: Process | None
    path: str = "/v1/chat/completions"
    headers: list[str] = field(default_factory=list[str])
    upstream: int = 0
    """Port of a mock upstream, for what the same load takes without a gateway."""


def direct(folder: Path, upstreams: list[int], cpus: Cpus) -> Peer:
    """No gateway."""
    return Peer(upstreams[0], None)


def plinth(folder: Path, upstreams: list[int], cpus: Cpus) -> Peer:
    """Ours: authentication, routing over two backends, metrics and the request log on."""
    port = free_port()
    keys = {"keys": [{"id": "bench", "tenant": "bench", "sha256": hashlib.sha256(KEY.encode()).hexdigest()}]}
    (folder / "keys.json").write_text(json.dumps(keys))
    config = {
        "environment": "bench",
        "gateway": {"port": port, "keys_file": str(folder / "keys.json"), "drain_seconds": 1},
        "tenants": [{"name": "bench", "routes": ["bench"]}],
        "backends": [{"name": f"b{n}", "base_url": f"http://127.0.0.1:{it}/v1"} for n, it in enumerate(upstreams)],
        "routes": [
            {
                "name": "bench",
                "order": ["latency"],
                "targets": [{"backend": f"b{n}", "model": "bench"} for n in range(len(upstreams))],
            }
        ],
    }
    (folder / "runtime.json").write_text(json.dumps(config))
    command = [sys.executable, "-m", "plinth_runtime", "gateway", "--config", str(folder / "runtime.json")]
    environ = {"PLINTH_BIND_HOST": "127.0.0.1"}
    return _started(Process(command, cpus.gateway, log=folder / "plinth.log", environ=environ), port)


def nginx(folder: Path, upstreams: list[int], cpus: Cpus) -> Peer:
    """nginx's proxy_pass, with no work of its own: the bound of what a proxy can do."""
    binary = os.environ.get("NGINX") or shutil.which("nginx")
    if binary is None:
        raise Unavailable("nginx is not installed (name one with NGINX=/path/to/nginx)")
    port = free_port()
    servers = " ".join(f"server 127.0.0.1:{it};" for it in upstreams)
    temporary = " ".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"""daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx-error.log;
events {{ worker_connections 20000; }}
http {{
  access_log off; {temporary} keepalive_requests 100000000;
  upstream models {{ {servers} keepalive 512; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port} reuseport;
    location / {{
      proxy_pass http://models; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
    }}
  }}
}}
"""
    )
    command = [binary, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "nginx-error.log")]
    return _started(Process(command, cpus.gateway, log=folder / "nginx.log"), port)


def litellm(folder: Path, upstreams: list[int], cpus: Cpus) -> Peer:
    """LiteLLM's proxy, one worker, without a database."""
    home = CACHE / "litellm"
    if not (home / "bin" / "litellm").exists():
        uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
        _install([uv, "venv", "-q", "--python", sys.executable, str(home)])
        _install([uv, "pip", "install", "-q", "--python", str(home / "bin" / "python"), LITELLM])
    port = free_port()
    models = [
        {
            "model_name": "bench",
            "litellm_params": {"model": "openai/bench", "api_base": f"http://127.0.0.1:{it}/v1", "api_key": "none"},
        }
        for it in upstreams
    ]
    config = {"model_list": models, "general_settings": {"master_key": KEY}, "litellm_settings": {"telemetry": False}}
    (folder / "litellm.yaml").write_text(json.dumps(config))  # JSON is YAML
    command = [str(home / "bin" / "litellm"), "--config", str(folder / "litellm.yaml"), "--port", str(port)]
    environ = {"LITELLM_TELEMETRY": "False", "LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    return _started(Process(command, cpus.gateway, log=folder / "litellm.log", environ=environ), port)


def portkey(folder: Path, upstreams: list[int], cpus: Cpus) -> Peer:
    """Portkey's gateway."""
    home = CACHE / "portkey"
    script = home / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    if not script.exists():
        if shutil.which("npm") is None:
            raise Unavailable("npm is not installed")
        home.mkdir(parents=True, exist_ok=True)
        _install(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(home), PORTKEY])
    port = free_port()
    command = ["node", str(script), f"--port={port}", "--headless"]
    peer = _started(Process(command, cpus.gateway, log=folder / "portkey.log"), port)
    peer.headers = ["x-portkey-provider: openai", f"x-portkey-custom-host: http://127.0.0.1:{upstreams[0]}/v1"]
    return peer


def tensorzero(folder: Path, upstreams: list[int], cpus: Cpus) -> Peer:
    """TensorZero's gateway, where somebody has built it: registries have its client, not its server."""
    binary = os.environ.get("TENSORZERO") or shutil.which("tensorzero-gateway") or shutil.which("gateway")
    if binary is None:
        raise Unavailable("no registry has its server; name a build with TENSORZERO=/path/to/gateway")
    port = free_port()
    providers = "\n".join(
        f'[models.bench.providers.b{n}]\ntype = "openai"\nmodel_name = "bench"\n'
        f'api_base = "http://127.0.0.1:{it}/v1/"\napi_key_location = "none"'
        for n, it in enumerate(upstreams)
    )
    routing = json.dumps([f"b{n}" for n in range(len(upstreams))])
    (folder / "tensorzero.toml").write_text(
        f'[gateway]\nbind_address = "127.0.0.1:{port}"\nobservability.enabled = false\n'
        f"[models.bench]\nrouting = {routing}\n{providers}\n"
    )
    command = [binary, "--config-file", str(folder / "tensorzero.toml")]
    environ = {"TENSORZERO_DISABLE_PSEUDONYMOUS_USAGE_ANALYTICS": "1"}
    peer = _started(Process(command, cpus.gateway, log=folder / "tensorzero.log", environ=environ), port)
    peer.path = "/openai/v1/chat/completions"
    return peer


PEERS: dict[str, Callable[[Path, list[int], Cpus], Peer]] = {
    "direct": direct,
    "nginx": nginx,
    "plinth": plinth,
    "litellm": litellm,
    "portkey": portkey,
    "tensorzero": tensorzero,
}


def _started(process: Process, port: int) -> Peer:
    try:
        process.until_open(port)
    except Unavailable:
        process.stop()
        raise
    return Peer(port, process)


def _install(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"cannot be installed: {error}") from None
    if done.returncode:
        raise Unavailable(f"cannot be installed: {(done.stderr or done.stdout).strip()[-200:]}")
