"""Start, readiness, changing files, and the orderly end."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading

import openai
import pytest

QUESTION = [{"role": "user", "content": "x"}]


def client_of(gateway, key: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0)


def test_readiness_follows_the_backends_and_says_which(start, config, helpers) -> None:
    small, large = start.model("dev-small"), start.model("dev-large")
    routes = {"chat": [("large", "dev-large"), ("small", "dev-small")], "chat-small": [("small", "dev-small")]}
    gateway = start.gateway(config(routes, {"small": f"{small.url}/v1", "large": f"{large.url}/v1"}))

    def report() -> tuple[int, dict]:
        status, text = helpers.get(f"{gateway.url}/readyz")
        return status, json.loads(text)

    assert report()[1]["status"] == "ready"
    small.stop(signal.SIGKILL)
    with pytest.raises(openai.InternalServerError, match="Backend 'small'"):
        client_of(gateway, helpers.SEARCH_KEY).chat.completions.create(model="chat-small", messages=QUESTION)
    status, text = report()
    assert (status, text["status"], text["routes_down"]) == (200, "degraded", ["chat-small"])
    assert "cannot be reached" in text["routes"]["chat"]["backends"]["small"]
    assert text["routes"]["chat"]["backends"]["large"] == "up"
    assert gateway.metric("plinth_gateway_backend_up", backend="small") == 0
    large.stop(signal.SIGKILL)
    with pytest.raises(openai.InternalServerError, match=r"Backend '(small|large)'"):
        client_of(gateway, helpers.SEARCH_KEY).chat.completions.create(model="chat", messages=QUESTION)
    assert report()[0] == 503
    assert report()[1]["routes_down"] == ["chat", "chat-small"]
    assert helpers.get(f"{gateway.url}/healthz")[0] == 200


def test_not_ready_before_every_route_has_a_backend(start, config, helpers) -> None:
    small = start.model("dev-small")
    dead = f"http://127.0.0.1:{helpers.free_port()}/v1"
    made = config({"chat": [("small", "m")], "other": [("dead", "m")]}, {"small": f"{small.url}/v1", "dead": dead})
    gateway = start.gateway(made, ready="/healthz")
    helpers.until(lambda: "cannot be reached" in helpers.get(f"{gateway.url}/readyz")[1], what="a probe")
    status, text = helpers.get(f"{gateway.url}/readyz")
    assert (status, json.loads(text)["status"]) == (503, "not ready")


def test_keys_are_read_again_and_a_broken_file_is_not_taken(start, config, helpers, tmp_path) -> None:
    model = start.model()
    gateway = start.gateway(config({"chat": [("b1", "dev-small")]}, {"b1": f"{model.url}/v1"}))
    old = client_of(gateway, helpers.SEARCH_KEY)
    new = client_of(gateway, "plinth_search_new")
    old.models.list()
    helpers.write_keys(tmp_path / "keys.json", search="plinth_search_new", stranger="plinth_stranger_x")
    helpers.until(lambda: gateway.events("keys_loaded"), what="the new keys")
    new.models.list()
    for key in (helpers.SEARCH_KEY, "plinth_stranger_x"):
        with pytest.raises(openai.AuthenticationError):
            client_of(gateway, key).models.list()
    assert gateway.events("keys_of_unknown_tenants")[0]["tenants"] == ["stranger"]
    (tmp_path / "keys.json").write_text('{"keys": [{"id": "a", "tenant": "search", "sha256": "plinth_search_plain"}]}')
    helpers.until(lambda: gateway.events("keys_refused"), what="the refusal")
    new.models.list()
    assert "plinth_search_plain" not in gateway.logs()


def test_a_tenants_own_routes_come_and_go(start, config, helpers, tmp_path) -> None:
    model = start.model()
    folder = tmp_path / "routes"
    made = config({"chat": [("b1", "dev-small")]}, {"b1": f"{model.url}/v1"}, tenant_routes_dir=str(folder))
    gateway = start.gateway(made)
    client = client_of(gateway, helpers.SEARCH_KEY)
    folder.mkdir()
    (folder / "search.blend.json").write_text('{"name": "blend", "shares": [{"route": "chat"}]}')
    (folder / "search.bad.json").write_text('{"name": "bad", "shares": [{"route": "forbidden"}]}')
    helpers.until(lambda: gateway.events("tenant_route_refused"), what="the refusal")
    assert [model.id for model in client.models.list()] == ["chat", "search/blend"]
    assert client.chat.completions.create(model="search/blend", messages=QUESTION).model == "dev-small"
    with pytest.raises(openai.NotFoundError):
        client_of(gateway, helpers.SUPPORT_KEY).chat.completions.create(model="search/blend", messages=QUESTION)
    (folder / "search.blend.json").unlink()
    helpers.until(lambda: len(list(client.models.list())) == 1, what="the route's end")


def test_drains_what_is_in_flight(start, config, helpers) -> None:
    model = start.model(tokens_per_second=25)
    gateway = start.gateway(config({"chat": [("b1", "dev-small")]}, {"b1": f"{model.url}/v1"}))
    client = client_of(gateway, helpers.SEARCH_KEY)
    finished: list[str] = []
    begun = threading.Event()

    def read() -> None:
        for part in client.chat.completions.create(model="chat", messages=QUESTION, stream=True):
            begun.set()
            finished.append(part.choices[0].finish_reason or part.choices[0].delta.content or "")

    reader = threading.Thread(target=read)
    reader.start()
    assert begun.wait(10)
    gateway.process.send_signal(signal.SIGTERM)
    helpers.until(lambda: helpers.get(f"{gateway.url}/readyz")[0] == 503, what="readyz 503")
    assert '"draining"' in helpers.get(f"{gateway.url}/readyz")[1]
    reader.join(20)
    assert finished[-1] == "stop"
    assert gateway.process.wait(5) == 0
    assert gateway.events("stopped")[0]["clean"] is True


def test_drain_has_a_limit(start, config, helpers) -> None:
    model = start.model(tokens_per_second=1)
    made = config({"chat": [("b1", "dev-small")]}, {"b1": f"{model.url}/v1"}, drain_seconds=0.5)
    gateway = start.gateway(made)
    stream = client_of(gateway, helpers.SEARCH_KEY).chat.completions.create(
        model="chat", messages=QUESTION, stream=True
    )
    next(stream)
    assert gateway.stop() == 0
    assert gateway.events("stopped")[0]["clean"] is False
    assert gateway.events("request")[0]["error"] == "shutdown"
    with pytest.raises(Exception, match=r"peer closed connection|Connection error"):
        list(stream)


def test_metrics_and_probes_on_a_port_of_their_own(start, config, helpers) -> None:
    model = start.model()
    port = helpers.free_port()
    made = config({"chat": [("b1", "dev-small")]}, {"b1": f"{model.url}/v1"}, metrics_port=port)
    made["gateway"]["port"], made["gateway"]["metrics_port"] = port, made["gateway"]["port"]
    file = start.folder / "runtime.json"
    file.write_text(json.dumps(made))
    ops = start.run("gateway", "--config", str(file), port=made["gateway"]["metrics_port"], ready="/readyz")
    assert "plinth_runtime_build_info" in helpers.get(f"{ops.url}/metrics")[1]
    assert helpers.get(f"{ops.url}/v1/models")[0] == 404
    assert helpers.get(f"http://127.0.0.1:{port}/metrics")[0] == 404
    assert helpers.get(f"http://127.0.0.1:{port}/v1/models")[0] == 401


def run(*arguments: str, **env: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "plinth_runtime", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, env=os.environ | env)
    return done.returncode, done.stderr + done.stdout


def test_a_bad_start_is_one_clear_message(config, helpers, tmp_path) -> None:
    file = tmp_path / "runtime.json"
    made = config({"chat": [("b1", "m")]}, {"b1": "http://127.0.0.1:9/v1"})

    def start_with(change: dict[str, object]) -> str:
        file.write_text(json.dumps(made | change))
        status, output = run("gateway", "--config", str(file), PLINTH_BIND_HOST="127.0.0.1")
        assert status == 1
        assert "Traceback" not in output
        return output

    status, output = run("gateway", "--config", str(tmp_path / "none.json"))
    assert status == 1
    assert output == f"plinth-runtime: cannot read the configuration {tmp_path}/none.json: No such file or directory\n"

    output = start_with({"tenants": [{"name": "Search", "routes": []}], "colour": "red"})
    assert f"{file}: 2 mistakes" in output
    assert "  - tenants[0].name: String should match pattern" in output
    assert "  - colour: Extra inputs are not permitted" in output

    output = start_with({"routes": [{"name": "chat", "targets": [{"backend": "b2", "model": "m"}]}]})
    assert "routes[0].targets[0].backend: no backend is named 'b2' (there are: b1)" in output

    output = start_with({"gateway": made["gateway"] | {"keys_file": str(tmp_path / "gone.json")}})
    assert f"cannot read the API keys {tmp_path}/gone.json" in output

    backend = {
        "name": "b1",
        "base_url": "http://127.0.0.1:9/v1",
        "auth": {"kind": "bearer", "key_file": str(tmp_path / "gone")},
    }
    assert "cannot read the API key of backend 'b1'" in start_with({"backends": [backend]})

    (tmp_path / "bad.json").write_text('{"keys": [{"id": "a", "tenant": "search", "sha256": "plinth_canary"}]}')
    output = start_with({"gateway": made["gateway"] | {"keys_file": str(tmp_path / "bad.json")}})
    assert "bad.json: 1 mistake\n  - keys[0].sha256: String should match pattern" in output
    assert "plinth_canary" not in output

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        output = start_with({"gateway": made["gateway"] | {"port": port}})
    assert f"the gateway cannot listen on 127.0.0.1:{port}: Address already in use" in output


def test_paths_are_mapped_on_a_laptop(start, config, helpers, tmp_path, monkeypatch) -> None:
    root = tmp_path / "root"
    (root / "etc/plinth/keys").mkdir(parents=True)
    (tmp_path / "keys.json").rename(root / "etc/plinth/keys/keys.json")
    made = config({"chat": [("b1", "m")]}, {"b1": "http://127.0.0.1:9/v1"}, keys_file="/etc/plinth/keys/keys.json")
    (root / "etc/plinth/runtime.json").write_text(json.dumps(made))
    monkeypatch.setenv("PLINTH_ROOT", str(root))
    gateway = start.run(
        "gateway", "--config", "/etc/plinth/runtime.json", port=made["gateway"]["port"], ready="/healthz"
    )
    client_of(gateway, helpers.SEARCH_KEY).models.list()


def test_wrong_arguments_are_a_usage_error() -> None:
    assert run("gateway")[0] == 2
    assert "is not a TCP port" in run("development-model", "--model", "m", "--port", "70000")[1]
