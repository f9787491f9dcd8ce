"""From manifests to processes, without starting any."""

import itertools
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plinth_cli.errors import PlinthError
from plinth_cli.laptop import environment, launch
from plinth_cli.laptop.manifests import Objects, process_specs
from plinth_cli.laptop.secrets import resolve
from plinth_cli.laptop.spec import MountedFile, ProcessSpec
from plinth_cli.laptop.volumes import Mounts


@dataclass
class Item:
    kind: str
    namespace: str | None
    name: str
    body: dict


def config_map(name: str, **data: str) -> Item:
    return Item("ConfigMap", "ns", name, {"data": data})


def pods(container: dict, volumes: list[dict] | None = None, *, marked: bool = True, **spec: object) -> Item:
    container = {"name": "main", "command": ["plinth-runtime", "gateway"]} | container
    labels = {"plinth.dev/runtime": "true", "team": "red"} if marked else {}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container], "volumes": volumes or []}}
    return Item("Deployment", "ns", "app", {"metadata": {"name": "app"}, "spec": {"template": template, **spec}})


def specs(*items: Item, **secrets: dict[str, str]) -> list[ProcessSpec]:
    return process_specs(Objects(items), lambda _namespace, name: secrets.get(name.replace("-", "_")))


def one(*items: Item, **secrets: dict[str, str]) -> ProcessSpec:
    [spec] = specs(*items, **secrets)
    return spec


def test_only_marked_pods_that_are_wanted_run() -> None:
    assert specs(pods({}, marked=False)) == []
    assert specs(pods({}, replicas=0)) == []
    assert one(pods({}, replicas=3)).replicas == 3


def test_command_and_variables_are_expanded_as_in_kubernetes() -> None:
    env = [
        {"name": "PORT", "value": "8080"},
        {"name": "URL", "value": "http://h:$(PORT)/$$(PORT)/$(MISSING)"},
        {"name": "LEVEL", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "level"}}},
        {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "tokens", "key": "one"}}},
        {"name": "NONE", "valueFrom": {"secretKeyRef": {"name": "gone", "key": "one", "optional": True}}},
        {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "TEAM", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['team']"}}},
        {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
    ]
    from_ = [{"configMapRef": {"name": "settings"}, "prefix": "S_"}, {"secretRef": {"name": "gone", "optional": True}}]
    container = {"args": ["--port", "$(PORT)"], "env": env, "envFrom": from_}
    spec = one(pods(container), config_map("settings", level="info"), tokens={"one": "secret-1"})
    assert spec.command == (sys.executable, "-m", "plinth_runtime", "gateway", "--port", "8080")
    assert dict(spec.environ) == {
        "S_level": "info",
        "PORT": "8080",
        "URL": "http://h:8080/$(PORT)/$(MISSING)",
        "LEVEL": "info",
        "TOKEN": "secret-1",
        "POD": "app",
        "TEAM": "red",
        "IP": "127.0.0.1",
    }
    assert "secret-1" not in repr(spec)


def test_an_image_without_a_command_runs_the_program() -> None:
    spec = one(pods({"command": [], "args": ["development-model", "--port", "1"]}))
    assert spec.command[3:] == ("development-model", "--port", "1")
    assert spec.stops_last
    assert spec.port_field == "laptop.ports.models.app"


def test_volumes_become_files() -> None:
    volumes = [
        {"name": "c", "configMap": {"name": "settings", "items": [{"key": "a", "path": "deep/a.txt"}]}},
        {"name": "s", "secret": {"secretName": "keys"}},
        {"name": "o", "secret": {"secretName": "gone", "optional": True}},
        {"name": "e", "emptyDir": {}},
        {"name": "p", "projected": {"sources": [{"secret": {"name": "keys"}}, {"configMap": {"name": "settings"}}]}},
    ]
    mounts = [
        {"name": "c", "mountPath": "/etc/c"},
        {"name": "s", "mountPath": "/etc/key.json", "subPath": "k"},
        {"name": "o", "mountPath": "/etc/optional"},
        {"name": "e", "mountPath": "/tmp"},
        {"name": "p", "mountPath": "/etc/p"},
    ]
    spec = one(pods({"volumeMounts": mounts}, volumes), config_map("settings", a="A", b="B"), keys={"k": "K"})
    found = {str(file.path): (file.content, file.secret) for file in spec.files}
    assert found == {
        "/etc/c/deep/a.txt": (b"A", False),
        "/etc/key.json": (b"K", True),
        "/etc/p/k": (b"K", True),
        "/etc/p/a": (b"A", False),
        "/etc/p/b": (b"B", False),
    }
    assert [str(folder) for folder in spec.folders] == ["/etc/c", "/etc/optional", "/etc/p", "/tmp"]
    assert "'K'" not in repr(spec)


def test_secret_files_may_change_without_a_new_start_and_all_else_may_not() -> None:
    volumes = [{"name": "s", "secret": {"secretName": "keys"}}, {"name": "c", "configMap": {"name": "m"}}]
    mounts = [{"name": "s", "mountPath": "/s"}, {"name": "c", "mountPath": "/c"}]
    env = [{"name": "T", "valueFrom": {"secretKeyRef": {"name": "token", "key": "t"}}}]
    pod = pods({"volumeMounts": mounts, "env": env}, volumes)

    def digest(key: str = "1", setting: str = "1", token: str = "1") -> str:
        return one(pod, config_map("m", x=setting), keys={"k": key}, token={"t": token}).digest()

    assert digest() == digest(key="2")
    assert len({digest(), digest(setting="2"), digest(token="2")}) == 3


@pytest.mark.parametrize(
    ("container", "volumes", "words"),
    [
        ({"command": ["bash"]}, [], "runs bash"),
        ({"env": [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "k"}}}]}, [], "ConfigMap m"),
        ({"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "m", "key": "k"}}}]}, [], "makes Secret m"),
        ({"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "z"}}}]}, [], "key z of keys"),
        ({"env": [{"name": "X", "valueFrom": {"resourceFieldRef": {}}}]}, [], "resourceFieldRef"),
        ({"env": [{"name": "X", "valueFrom": {"fieldRef": {"fieldPath": "spec.other"}}}]}, [], "field spec.other"),
        ({"volumeMounts": [{"name": "v", "mountPath": "/v"}]}, [], "mounts volume v"),
        ({"volumeMounts": [{"name": "v", "mountPath": "/v"}]}, [{"name": "v", "hostPath": {}}], "hostPath"),
        ({"volumeMounts": [{"name": "v", "mountPath": "/../v"}]}, [{"name": "v", "emptyDir": {}}], "absolute path"),
    ],
)
def test_what_a_laptop_cannot_do_is_named(container: dict, volumes: list[dict], words: str) -> None:
    with pytest.raises(PlinthError) as error:
        specs(pods(container, volumes), keys={"k": "1"})
    assert words in error.value.what
    assert "app" in error.value.what


def test_probes_find_named_ports() -> None:
    probe = {"httpGet": {"path": "/readyz", "port": "http"}, "periodSeconds": 3, "failureThreshold": 2}
    ports = [{"name": "http", "containerPort": 8080}, {"containerPort": 9090}]
    spec = one(pods({"ports": ports, "readinessProbe": probe, "livenessProbe": {"tcpSocket": {"port": 9090}}}))
    assert spec.port == 8080
    assert (spec.readiness.port, spec.readiness.path, spec.readiness.period_seconds) == (8080, "/readyz", 3)
    assert (spec.liveness.port, spec.liveness.path) == (9090, None)


class Store:
    def __init__(self, **secrets: str) -> None:
        self.secrets = {name.replace("__", "/"): value for name, value in secrets.items()}

    def get(self, name: str) -> str | None:
        return self.secrets.get(name)

    def find(self, prefix: str) -> list[str]:
        return sorted(name for name in self.secrets if name.startswith(prefix))


def external(**spec: object) -> dict:
    return {"metadata": {"name": "it"}, "spec": spec}


def test_external_secrets() -> None:
    store = Store(plain="text", json='{"user": "u", "deep": {"port": 5432}}', t__a__r__x="1", t__a__q="2")
    data = [
        {"secretKey": "whole", "remoteRef": {"key": "plain"}},
        {"secretKey": "user", "remoteRef": {"key": "json", "property": "user"}},
        {"secretKey": "port", "remoteRef": {"key": "json", "property": "deep.port"}},
    ]
    assert resolve(external(data=data), store) == {"whole": "text", "user": "u", "port": "5432"}
    extract = [{"extract": {"key": "json"}}]
    assert resolve(external(dataFrom=extract), store) == {"user": "u", "deep": '{"port": 5432}'}
    find = {"find": {"path": "t/", "name": {"regexp": "^t/([a-z]+)/r/([a-z]+)$"}}}
    rewrite = [{"regexp": {"source": "^t/([a-z]+)/r/([a-z]+)$", "target": "${1}.$2.json"}}]
    assert resolve(external(dataFrom=[find | {"rewrite": rewrite}]), store) == {"a.x.json": "1"}
    assert resolve(external(dataFrom=[find]), store) == {"t_a_r_x": "1"}


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"data": [{"secretKey": "k", "remoteRef": {"key": "gone"}}]}, "needs the secret gone"),
        ({"data": [{"secretKey": "k", "remoteRef": {"key": "plain", "property": "x"}}]}, "is not JSON"),
        ({"data": [{"secretKey": "k", "remoteRef": {"key": "json", "property": "x.y"}}]}, "no property x.y"),
        ({"dataFrom": [{"extract": {"key": "number"}}]}, "is not a JSON object"),
        ({"dataFrom": [{"find": {"tags": {"a": "b"}}}]}, "does not do"),
        ({"dataFrom": [{"sourceRef": {}}]}, "sourceRef"),
        ({"target": {"template": {"data": {}}}}, "spec.target.template"),
    ],
)
def test_external_secrets_that_cannot_be_resolved(spec: dict, words: str) -> None:
    store = Store(plain="secret-canary", json='{"x": "secret-canary"}', number="7")
    with pytest.raises(PlinthError) as error:
        resolve(external(**spec), store)
    assert words in str(error.value)
    assert "secret-canary" not in str(error.value)


names = st.from_regex(r"[a-z]{1,4}", fullmatch=True)
contents = st.dictionaries(names, st.binary(max_size=20), max_size=5)


@given(st.lists(contents, min_size=1, max_size=4))
def test_a_mounted_folder_is_always_what_the_last_version_says(tmp_path_factory, versions) -> None:
    mounts = Mounts(tmp_path_factory.mktemp("mounts") / "w")

    def spec(version: dict[str, bytes]) -> ProcessSpec:
        files = tuple(MountedFile(PurePosixPath("/etc", name), data, True) for name, data in version.items())
        return ProcessSpec("w", (), {}, files, (PurePosixPath("/etc"),))

    mounts.reset(spec(versions[0]))
    for before, version in itertools.pairwise(versions):
        assert mounts.update(spec(version)) is (before != version)
    folder = mounts.root / "etc"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == versions[-1]
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())
    mounts.remove()
    assert not mounts.root.exists()


def test_a_persons_credentials_stay_away() -> None:
    given_ = {"PATH": "/bin", "AWS_PROFILE": "prod", "OPENAI_API_KEY": "x", "PYTHONPATH": "/p"}
    assert environment.base(given_) == {
        "PATH": "/bin",
        "PYTHONPATH": "/p",
        "ORT_DISABLE_TELEMETRY": "1",
        "PYTHONUNBUFFERED": "1",
    }


WATCHER = f"""
import importlib.util, sys
spec = importlib.util.spec_from_file_location("launch", {launch.__file__!r})
launch = importlib.util.module_from_spec(spec)
spec.loader.exec_module(launch)
sys.exit(launch.watch_over(sys.argv[1:]))
"""


def test_where_the_kernel_does_not_help_a_closed_pipe_ends_the_child() -> None:
    child = [sys.executable, "-c", "import time, os; print(os.getpid(), flush=True); time.sleep(60)"]
    with subprocess.Popen([sys.executable, "-c", WATCHER, *child], stdin=-1, stdout=-1) as watcher:
        pid = int(watcher.stdout.readline())
        watcher.stdin.close()
        assert watcher.wait(10) == 128 + 9
    assert not Path(f"/proc/{pid}").exists()


def test_where_the_kernel_does_not_help_sigterm_is_passed_on() -> None:
    child = [sys.executable, "-c", "import time; print(flush=True); time.sleep(60)"]
    with subprocess.Popen([sys.executable, "-c", WATCHER, *child], stdin=-1, stdout=-1) as watcher:
        watcher.stdout.readline()
        time.sleep(0.1)
        watcher.terminate()
        assert watcher.wait(10) == 128 + 15
