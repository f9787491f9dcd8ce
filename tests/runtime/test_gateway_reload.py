"""Configuration that changes while requests go on: taken without loss when good, refused and reported when not."""

import json
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import openai

QUESTION = [{"role": "user", "content": "x"}]


def client_of(gateway, helpers) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=helpers.SEARCH_KEY, max_retries=0, timeout=20)


def swap(folder: Path, config: dict) -> None:
    """Replace what a ConfigMap's folder shows, the way the kubelet does: a new folder, then one symbolic link."""
    fresh = folder / f"..{time.monotonic_ns()}"
    fresh.mkdir(parents=True)
    (fresh / "runtime.json").write_text(json.dumps(config) if isinstance(config, dict) else config)
    link = folder / "..data_tmp"
    link.symlink_to(fresh.name)
    link.replace(folder / "..data")
    if not (folder / "runtime.json").is_symlink():
        (folder / "runtime.json").symlink_to("..data/runtime.json")


def started(start, tmp_path, made):
    folder = tmp_path / "config"
    swap(folder, made)
    file = folder / "runtime.json"
    return start.run("gateway", "--config", str(file), port=made["gateway"]["port"], ready="/readyz"), folder


def test_a_new_configuration_is_taken_without_losing_a_request(start, config, fake, helpers, tmp_path):
    def named(name: str):
        return fake(lambda request, send: send(helpers.plain(b'{"from":"%s"}' % name.encode()))).url

    made = config({"chat": [("b1", "m")]}, {"b1": named("one")})
    gateway, folder = started(start, tmp_path, made)
    seen: list[object] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            request = urllib.request.Request(
                f"{gateway.url}/v1/chat/completions",
                b'{"model":"chat"}',
                {"authorization": f"Bearer {helpers.SEARCH_KEY}"},
            )
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:
                    seen.append(json.loads(answer.read())["from"])
            except (urllib.error.URLError, OSError) as error:
                seen.append(error)
            time.sleep(0.002)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    names = ["one"]
    for name in ("two", "three"):
        swap(folder, made | {"backends": [{"name": "b1", "base_url": named(name)}]})
        helpers.until(lambda name=name: seen and seen[-1] == name, 10, f"answers from {name}")
        names.append(name)
    moved = made | {"backends": [{"name": "b2", "base_url": named("four")}]}
    moved["routes"] = [{"name": "chat", "targets": [{"backend": "b2", "model": "m"}]}]
    swap(folder, moved)
    helpers.until(lambda: seen[-1] == "four", 10, "answers from another backend")
    stop.set()
    for thread in threads:
        thread.join(10)
    assert set(seen) == {*names, "four"}, "no request failed"
    assert len(gateway.events("config_loaded")) == 3
    assert gateway.metric("plinth_gateway_config_reloads_total", result="taken") == 3
    assert helpers.get(f"{gateway.url}/readyz")[0] == 200
    assert not gateway.events("bug")


def test_a_request_ends_under_the_configuration_that_it_began_under(start, config, fake, helpers, tmp_path):
    go = threading.Event()

    def stream(request, send) -> None:
        send(helpers.STREAM_HEAD + helpers.chunk(b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'))
        go.wait(15)
        send(
            helpers.chunk(b'data: {"choices":[{"index":0,"delta":{"content":"b"}}]}\n\ndata: [DONE]\n\n') + b"0\r\n\r\n"
        )

    made = config({"chat": [("b1", "m")]}, {"b1": fake(stream).url})
    gateway, folder = started(start, tmp_path, made)
    parts = client_of(gateway, helpers).chat.completions.create(model="chat", messages=QUESTION, stream=True)
    words = [next(parts).choices[0].delta.content]
    other = fake(lambda request, send: send(helpers.plain(b"{}")))
    swap(
        folder,
        made
        | {
            "tenants": [{"name": "support", "routes": ["other"]}],
            "backends": [{"name": "b9", "base_url": other.url}],
            "routes": [{"name": "other", "targets": [{"backend": "b9", "model": "m"}]}],
        },
    )
    helpers.until(lambda: gateway.events("config_loaded"), what="the new configuration")
    go.set()
    words += [part.choices[0].delta.content for part in parts]
    assert words == ["a", "b"]
    helpers.until(lambda: gateway.events("request"), what="the log line")
    assert gateway.events("request")[0]["tenant"] == "search"
    try:
        client_of(gateway, helpers).models.list()
    except openai.APIStatusError as error:
        assert error.status_code in (401, 404), "the tenant is gone"
    else:
        raise AssertionError("a tenant that is no longer configured was served")


def test_a_bad_configuration_is_refused_and_reported_and_the_old_one_kept(start, config, fake, helpers, tmp_path):
    good = fake(lambda request, send: send(helpers.plain(b"{}")))
    made = config({"chat": [("b1", "m")]}, {"b1": good.url})
    gateway, folder = started(start, tmp_path, made)
    missing_key = {"name": "b1", "base_url": good.url, "auth": {"kind": "bearer", "key_file": str(tmp_path / "gone")}}
    bad = {
        "not JSON": "{",
        "no backend is named": made | {"backends": []},
        "Extra inputs": made | {"colour": "red"},
        "cannot read the API key": made | {"backends": [missing_key]},
        "gateway.port cannot change": made | {"gateway": made["gateway"] | {"port": helpers.free_port()}},
    }
    for number, (words, content) in enumerate(bad.items(), start=1):
        swap(folder, content)
        helpers.until(lambda number=number: len(gateway.events("config_refused")) == number, what=words)
        reason = gateway.events("config_refused")[-1]["reason"]
        assert words in reason or words == "not JSON", reason
        state = json.loads(helpers.get(f"{gateway.url}/statusz")[1])["config"]
        assert state["refused"] == reason
        assert gateway.metric("plinth_gateway_config_refused") == 1
        assert (
            client_of(gateway, helpers)
            .chat.completions.with_raw_response.create(model="chat", messages=QUESTION)
            .status_code
            == 200
        )
    assert gateway.metric("plinth_gateway_config_reloads_total", result="refused") == len(bad)
    swap(folder, made | {"gateway": made["gateway"] | {"max_body_bytes": 1024}})
    helpers.until(lambda: gateway.events("config_loaded"), what="a good one")
    assert gateway.metric("plinth_gateway_config_refused") == 0
    assert json.loads(helpers.get(f"{gateway.url}/statusz")[1])["config"]["refused"] is None
    try:
        client_of(gateway, helpers).chat.completions.create(
            model="chat", messages=[{"role": "user", "content": "x" * 2000}]
        )
    except openai.APIStatusError as error:
        assert error.status_code == 413
    else:
        raise AssertionError("the new limit does not count")


def test_a_new_tenants_key_works_with_the_configuration_that_names_it(start, config, fake, helpers, tmp_path):
    good = fake(lambda request, send: send(helpers.plain(b"{}")))
    made = config({"chat": [("b1", "m")]}, {"b1": good.url})
    gateway, folder = started(start, tmp_path, made | {"tenants": made["tenants"][:1]})
    helpers.write_keys(tmp_path / "keys.json", search=helpers.SEARCH_KEY, support=helpers.SUPPORT_KEY)
    helpers.until(lambda: gateway.events("keys_loaded"), what="the keys")
    swap(folder, made)
    helpers.until(lambda: gateway.events("config_loaded"), what="the configuration")
    client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=helpers.SUPPORT_KEY, max_retries=0)
    assert [model.id for model in client.models.list()] == ["chat"]
