"""The laptop as a person meets it: up, status, change, crash, down."""

import contextlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import openai
import pytest

from plinth_cli.errors import PlinthError
from plinth_cli.laptop import Laptop
from plinth_cli.paths import EnvDirs


def statuses(laptop: Laptop) -> dict:
    return {status.name: status for status in laptop.status()}


def client(site, key: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"http://127.0.0.1:{site.gateway_port}/v1", api_key=key, max_retries=0)


def test_comes_up_answers_and_goes_down(site, helpers) -> None:
    site.model()
    site.gateway()
    laptop = site.up()
    laptop.keep()
    answer = client(site, helpers.KEY).chat.completions.create(
        model="chat", messages=[{"role": "user", "content": "x"}]
    )
    assert "development model" in answer.choices[0].message.content

    found = statuses(laptop)
    assert list(found) == ["aws", "dev-small", "gateway"]
    assert {status.state for status in found.values()} == {"ready"}
    assert found["gateway"].address == f"http://127.0.0.1:{site.gateway_port}"
    assert found["gateway"].detail == "one process for 2 replicas"
    assert laptop.endpoint() == f"http://127.0.0.1:{site.cloud_port}"
    # The gateway writes its log beside the requests, not in their way.
    until = time.monotonic() + 10
    while not any('"event":"request"' in line for line in laptop.logs("gateway")):
        assert time.monotonic() < until, "the request was not logged"
        time.sleep(0.1)

    keys = site.dirs.run / "mounts/gateway/etc/plinth/keys/keys.json"
    assert keys.read_text() == helpers.keys_json()
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    environ = Path(f"/proc/{found['gateway'].pid}/environ").read_text()
    assert f"PLINTH_ROOT={site.dirs.run}/mounts/gateway" in environ
    assert f"AWS_ENDPOINT_URL=http://127.0.0.1:{site.cloud_port}" in environ
    assert "ORT_DISABLE_TELEMETRY=1" in environ
    assert "users-own-canary" not in environ

    pids = site.remember(laptop)
    assert laptop.stop() is True
    assert not [name for name, pid in pids.items() if helpers.alive(pid)]
    assert not (site.dirs.run / "mounts").exists()
    assert laptop.status() == []
    assert laptop.stop() is False
    assert site.laptop.stop() is False
    written = "".join(path.read_text(errors="replace") for path in site.dirs.logs.iterdir())
    for canary in (helpers.KEY, "passphrase-canary-5521", "users-own-canary"):
        assert canary not in written


def test_secrets_survive_in_the_journal(site, helpers) -> None:
    site.model()
    site.gateway()
    site.up().stop()
    laptop = site.laptop
    laptop.start_cloud(site.cloud_port)
    laptop.start_workloads()
    client(site, helpers.KEY).models.list()


def test_a_crash_is_made_good(site) -> None:
    site.model()
    laptop = site.up()
    before = statuses(laptop)["dev-small"]
    os.kill(before.pid, signal.SIGKILL)
    _until_restarted(laptop, before.pid)
    after = statuses(laptop)["dev-small"]
    assert after.restarts == 1
    assert after.since > before.since


def _until_restarted(laptop: Laptop, pid: int) -> None:
    end = time.monotonic() + 15
    while time.monotonic() < end:
        now = statuses(laptop)["dev-small"]
        if now.state == "ready" and now.pid != pid:
            return
        time.sleep(0.05)
    raise AssertionError(statuses(laptop))


def test_a_process_that_hangs_is_started_anew(site) -> None:
    site.model()
    laptop = site.up()
    pid = statuses(laptop)["dev-small"].pid
    os.kill(pid, signal.SIGSTOP)
    _until_restarted(laptop, pid)


def test_only_what_changed_is_started_anew(site) -> None:
    site.model()
    site.gateway()
    laptop = site.up()
    before = statuses(laptop)
    laptop.start_workloads()
    assert {n: s.pid for n, s in statuses(laptop).items()} == {n: s.pid for n, s in before.items()}
    site.gateway(tenants=[{"name": "search", "routes": []}])
    seen: list[str] = []
    laptop.start_workloads(seen.append)
    after = statuses(laptop)
    assert after["gateway"].pid != before["gateway"].pid
    assert after["dev-small"].pid == before["dev-small"].pid
    assert seen[-1] == "dev-small ready, gateway ready"


def test_a_workload_whose_manifest_is_gone_is_stopped(site, helpers) -> None:
    manifest = site.model()
    laptop = site.up()
    pid = statuses(laptop)["dev-small"].pid
    manifest.unlink()
    laptop.start_workloads()
    assert list(statuses(laptop)) == ["aws"]
    assert not helpers.alive(pid)


def test_secrets_are_followed_without_a_restart(site, helpers) -> None:
    site.model()
    site.gateway()
    laptop = site.up()
    pid = statuses(laptop)["gateway"].pid
    site.cloud().put_secret_value(SecretId=helpers.KEYS_SECRET, SecretString=helpers.keys_json("plinth_search_new"))
    route = {"name": "fast", "shares": [{"route": "chat"}]}
    site.cloud().create_secret(Name="plinth/local/tenants/search/routes/fast", SecretString=json.dumps(route))

    def models() -> list[str]:
        with contextlib.suppress(openai.AuthenticationError):
            return [model.id for model in client(site, "plinth_search_new").models.list()]
        return []

    helpers.until(lambda: models() == ["chat", "search/fast"], 90, "the new key and route")
    assert statuses(laptop)["gateway"].pid == pid


def test_a_busy_port_is_named_with_its_holder_and_the_field(site, helpers) -> None:
    site.model()
    laptop = site.laptop
    laptop.start_cloud(site.cloud_port)
    code = (
        "import socket, sys, time\n"
        "taken = socket.create_server(('127.0.0.1', int(sys.argv[1])))\n"
        "print(flush=True)\ntime.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(site.model_port)], stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        try:
            with pytest.raises(PlinthError) as error:
                laptop.start_workloads()
        finally:
            other.kill()
    assert f"Port {site.model_port}, for dev-small, is in use by" in error.value.what
    assert f"(process {other.pid})" in error.value.what
    assert error.value.where == f"127.0.0.1:{site.model_port}"
    assert "platform.laptop.ports.models.dev-small in Pulumi.local.yaml" in error.value.fix

    laptop.start_workloads()
    laptop.check_ports(site.gateway_port, {"dev-small": site.model_port})
    with socket.create_server(("127.0.0.1", site.gateway_port)), pytest.raises(PlinthError) as error:
        laptop.check_ports(site.gateway_port, {"dev-small": site.model_port})
    assert "platform.laptop.ports.gateway" in error.value.fix
    with socket.create_server(("127.0.0.1", 0)) as mine, pytest.raises(PlinthError) as error:
        laptop.start_cloud(mine.getsockname()[1])
    assert f"(process {os.getpid()})" in error.value.what
    assert "platform.laptop.ports.aws" in error.value.fix


def test_a_workload_that_cannot_start_shows_why(site, helpers) -> None:
    site.model()
    site.gateway(backends=[])
    with pytest.raises(PlinthError) as error:
        site.up()
    assert "gateway does not start: it ended with exit code 1" in error.value.what
    assert "no backend is named 'dev-small'" in error.value.what
    assert error.value.where == str(site.dirs.logs / "gateway.log")


def test_a_missing_secret_is_named(site, helpers) -> None:
    site.model()
    site.gateway()
    laptop = site.laptop
    laptop.start_cloud(site.cloud_port)
    with pytest.raises(PlinthError, match=f"ExternalSecret gateway-keys needs the secret {helpers.KEYS_SECRET}"):
        laptop.start_workloads()


def test_a_wrong_passphrase_is_told(site) -> None:
    site.up().stop()
    with pytest.raises(PlinthError, match="aws does not start"):
        site.laptop.start_cloud(site.cloud_port, passphrase="another")


def test_not_running(site) -> None:
    assert site.laptop.running is False
    assert site.laptop.endpoint() is None
    with pytest.raises(PlinthError, match="The laptop is not running"):
        site.laptop.start_workloads()
    with pytest.raises(PlinthError, match="no log of 'gateway'"):
        site.laptop.logs("gateway")


CLI = """
import sys, time
from pathlib import Path
from plinth_cli.laptop import Laptop
from plinth_cli.paths import EnvDirs
laptop = Laptop(EnvDirs(Path(sys.argv[1]), "local"))
laptop.start_cloud(int(sys.argv[2]))
laptop.start_workloads()
if sys.argv[3] == "keep":
    laptop.keep()
print("up", flush=True)
time.sleep(60)
"""


def cli(site, mode: str) -> subprocess.Popen:
    command = [sys.executable, "-c", CLI, str(site.dirs.root), str(site.cloud_port), mode]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"up\n"
    return process


def test_killing_the_command_line_before_keep_leaves_nothing(site, helpers) -> None:
    site.model()
    with cli(site, "go on") as process:
        pids = site.remember(site.laptop)
        assert len(pids) == 3
        process.kill()
    helpers.until(lambda: not any(map(helpers.alive, pids.values())), 60, "the end of all processes")
    assert not (site.dirs.run / "mounts").exists()


def test_killing_the_command_line_after_keep_leaves_all(site, helpers) -> None:
    site.model()
    with cli(site, "keep") as process:
        process.kill()
    time.sleep(0.5)
    laptop = site.laptop
    assert {status.state for status in laptop.status()} == {"ready"}
    again = site.laptop
    again.start_cloud(site.cloud_port)
    pids = site.remember(again)
    again.stop()
    assert not any(map(helpers.alive, pids.values()))


def test_killing_the_supervisor_leaves_no_child(site, helpers) -> None:
    site.model()
    site.gateway()
    laptop = site.up()
    laptop.keep()
    pids = site.remember(laptop)
    os.kill(pids["supervisor"], signal.SIGKILL)
    helpers.until(lambda: not any(map(helpers.alive, pids.values())), 60, "the end of all processes")
    assert laptop.status() == []
    assert (site.dirs.run / "mounts").exists()
    assert laptop.stop() is False
    assert not (site.dirs.run / "mounts").exists()
    site.up(site.laptop)
    assert {status.state for status in site.laptop.status()} == {"ready"}


def test_down_waits_for_what_is_in_flight(site, helpers) -> None:
    site.model(rate=40)
    site.gateway()
    laptop = site.up()
    words: list[str] = []

    def read() -> None:
        question = [{"role": "user", "content": "x"}]
        for part in client(site, helpers.KEY).chat.completions.create(model="chat", messages=question, stream=True):
            words.append(part.choices[0].finish_reason or "")

    reader = threading.Thread(target=read)
    reader.start()
    helpers.until(lambda: words, what="the first word")
    laptop.stop()
    reader.join(5)
    assert words[-1] == "stop"
    said = [line.split(" ", 1)[1] for line in site.laptop.logs("supervisor")]
    order = ["gateway: stopping", "gateway: stopped", "dev-small: stopping", "dev-small: stopped", "aws: stopping"]
    assert [line for line in said if line in order] == order


def test_logs_can_be_followed(site, helpers) -> None:
    site.model()
    laptop = site.up()
    seen: list[str] = []
    follower = threading.Thread(target=lambda: seen.extend(site.laptop.logs("dev-small", follow=True)))
    follower.start()
    time.sleep(0.3)
    laptop.stop()
    follower.join(5)
    assert not follower.is_alive()
    assert [json.loads(line)["event"] for line in seen] == ["listening", "stopped"]


def test_a_long_path_gets_a_short_socket(tmp_path, helpers) -> None:
    dirs = EnvDirs(tmp_path / ("long-name-" * 10), "local").create()
    dirs.passphrase.write_text("p")
    laptop = Laptop(dirs)
    try:
        laptop.start_cloud(helpers.free_port())
        assert len(json.loads((dirs.run / "supervisor.json").read_text())["socket"]) < 100
        assert [status.name for status in laptop.status()] == ["aws"]
    finally:
        laptop.stop()
