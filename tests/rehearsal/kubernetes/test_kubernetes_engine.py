"""The stand-in under the real engine: a small program is created, left alone, changed, and destroyed."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pytest
from pulumi import automation

from plinth_cli.console import Console
from plinth_cli.rehearsal.kubernetes import KubernetesPackage, manifests
from plinth_cli.rehearsal.ledger import Ledger
from plinth_cli.rehearsal.server import serve
from plinth_cli.toolchain import ensure_pulumi

CANARY = "c4nary-of-the-engine-test"
UNCHANGED = {"same"}


class Engine:
    """A stack on a file backend, whose Kubernetes provider is the stand-in."""

    def __init__(self, folder: Path) -> None:
        self.env_dir = folder / "env"
        self.state = folder / "state"
        self.output: list[str] = []

    def up(self, program: Callable[[], None]) -> dict[str, int]:
        """Updates the stack; returns the number of resources per operation."""
        return dict(self._select(program).up(on_output=self.output.append).summary.resource_changes or {})

    def preview(self, program: Callable[[], None]) -> dict[str, int]:
        found = self._select(program).preview(on_output=self.output.append).change_summary
        return {getattr(operation, "value", operation): count for operation, count in found.items()}

    def refresh(self, program: Callable[[], None]) -> dict[str, int]:
        return dict(self._select(program).refresh(on_output=self.output.append).summary.resource_changes or {})

    def destroy(self) -> None:
        self._select(lambda: None).destroy(on_output=self.output.append)

    def refused(self, program: Callable[[], None], *, preview: bool = False) -> str:
        """The engine's words when it does not update."""
        with pytest.raises(automation.CommandError) as error:
            (self.preview if preview else self.up)(program)
        return str(error.value)

    def files(self) -> list[str]:
        folder = self.env_dir / "manifests"
        return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())

    def manifest(self, kind: str) -> Any:
        (found,) = [manifest.body for manifest in manifests.load(self.env_dir) if manifest.kind == kind]
        return found

    def everything_written(self) -> str:
        written = [path.read_text(errors="replace") for path in self.state.rglob("*") if path.is_file()]
        return "".join([*written, *(path.read_text() for path in self.env_dir.rglob("*.yaml")), *self.output])

    @staticmethod
    def _select(program: Callable[[], None]) -> automation.Stack:
        return automation.create_or_select_stack(stack_name="dev", project_name="kubernetes", program=program)


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    toolchain = ensure_pulumi(Console())
    started = Engine(tmp_path)
    started.env_dir.mkdir()
    started.state.mkdir()
    ledger = Ledger(started.env_dir / "ledger.sqlite")
    servers, ports = serve({"kubernetes": KubernetesPackage(started.env_dir)}, ledger, frozenset())
    environment = {
        "PATH": f"{toolchain.pulumi.parent}:/usr/bin:/bin",
        "PULUMI_HOME": str(tmp_path / "home"),
        "PULUMI_BACKEND_URL": started.state.as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "only for this test",
        "PULUMI_SKIP_UPDATE_CHECK": "1",
        "PULUMI_DEBUG_PROVIDERS": f"kubernetes:{ports['kubernetes']}",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with contextlib.ExitStack() as stack:
        stack.callback(ledger.close)
        for server in servers:
            stack.callback(lambda running: running.stop(None).wait(), server)
        yield started


def program(
    *, replicas: int = 2, data: str = "{}", image: str = "image", extra: Callable[[Any], None] | None = None
) -> Callable[[], None]:
    """A namespace, a release, and in the namespace a ConfigMap, a Deployment that mounts it, and an ExternalSecret."""

    def define() -> None:
        namespace = k8s.core.v1.Namespace("system", metadata={"name": "plinth-system"})
        inside = pulumi.ResourceOptions(parent=namespace)
        release = k8s.helm.v3.Release(
            "external-secrets",
            chart="external-secrets",
            version="2.9.0",
            namespace=namespace.metadata.name,
            repository_opts={"repo": "https://charts.external-secrets.io"},
            values={"token": pulumi.Output.secret(CANARY)},
            opts=inside,
        )
        home = {"namespace": namespace.metadata.name}
        config = k8s.core.v1.ConfigMap("config", metadata=home, data={"runtime.json": data}, opts=inside)
        k8s.core.v1.Secret("keys", metadata=home, string_data={"key": pulumi.Output.secret(CANARY)}, opts=inside)
        k8s.apps.v1.Deployment(
            "gateway",
            metadata={**home, "name": "gateway"},
            spec={
                "replicas": replicas,
                "selector": {"match_labels": {"app": "gateway"}},
                "template": {
                    "metadata": {"labels": {"app": "gateway"}},
                    "spec": {
                        "containers": [
                            {
                                "name": "gateway",
                                image: "acme/gateway:1",
                                "volume_mounts": [{"name": "config", "mount_path": "/etc/plinth"}],
                            }
                        ],
                        "volumes": [{"name": "config", "config_map": {"name": config.metadata.name}}],
                    },
                },
            },
            opts=inside,
        )
        k8s.apiextensions.CustomResource(
            "gateway-keys",
            api_version="external-secrets.io/v1",
            kind="ExternalSecret",
            metadata={**home, "name": "gateway-keys"},
            spec={
                "secretStoreRef": {"kind": "ClusterSecretStore", "name": "aws"},
                "data": [{"secretKey": "keys.json", "remoteRef": {"key": "plinth/dev/gateway/keys"}}],
            },
            opts=pulumi.ResourceOptions(parent=namespace, depends_on=[release]),
        )
        if extra is not None:
            extra(namespace)

    return define


def test_a_program_lives_through_create_update_replace_and_delete(engine: Engine) -> None:
    assert engine.preview(program())["create"] == 7
    assert engine.files() == []

    assert engine.up(program())["create"] == 7
    created = engine.manifest("ConfigMap")["metadata"]["name"]
    assert engine.files() == sorted(
        [
            "_cluster/Namespace-plinth-system.yaml",
            f"plinth-system/ConfigMap-{created}.yaml",
            "plinth-system/Deployment-gateway.yaml",
            "plinth-system/ExternalSecret-gateway-keys.yaml",
            f"plinth-system/Secret-{engine.manifest('Secret')['metadata']['name']}.yaml",
            f"plinth-system/helm-{manifests.load_releases(engine.env_dir)[0].name}.yaml",
        ]
    )
    volume = engine.manifest("Deployment")["spec"]["template"]["spec"]["volumes"][0]
    assert volume["configMap"]["name"] == created

    assert engine.up(program()).keys() == UNCHANGED
    assert engine.refresh(program()).keys() == UNCHANGED

    assert engine.up(program(replicas=3))["update"] == 1
    assert engine.manifest("Deployment")["spec"]["replicas"] == 3

    changes = engine.up(program(replicas=3, data='{"version":"v1"}'))
    assert {operation: count for operation, count in changes.items() if operation != "same"} == {
        "replace": 1,
        "update": 1,
    }
    replaced = engine.manifest("ConfigMap")["metadata"]["name"]
    assert replaced != created
    volume = engine.manifest("Deployment")["spec"]["template"]["spec"]["volumes"][0]
    assert volume["configMap"]["name"] == replaced

    assert CANARY not in engine.everything_written()

    engine.destroy()
    assert engine.files() == []


def test_a_wrong_field_names_resource_property_and_the_right_word(engine: Engine) -> None:
    for preview in (True, False):
        message = engine.refused(program(image="imagee"), preview=preview)
        assert "kubernetes:apps/v1:Deployment" in message
        assert "gateway" in message
        assert "spec.template.spec.containers[0].imagee" in message
        assert "did you mean image?" in message
    assert "plinth-system/Deployment-gateway.yaml" not in engine.files()


def test_a_custom_resource_is_checked_too(engine: Engine) -> None:
    def extra(namespace: Any) -> None:
        k8s.apiextensions.CustomResource(
            "pool",
            api_version="karpenter.sh/v1",
            kind="NodePool",
            metadata={"name": "gpu"},
            spec={"weigth": 1, "template": {"spec": {"requirements": []}}},
        )

    message = engine.refused(program(extra=extra), preview=True)
    assert "karpenter.sh/v1:NodePool" in message
    assert "spec.weigth" in message
    assert "did you mean weight?" in message
    assert "spec.template.spec.nodeClassRef is required" in message


def test_objects_are_checked_before_their_cluster_exists(engine: Engine) -> None:
    """The engine skips the checks of a provider whose configuration is unknown; in a rehearsal that hides mistakes."""

    def wrong() -> None:
        cluster = k8s.core.v1.ServiceAccount("cluster")
        provider = k8s.Provider("later", kubeconfig=cluster.metadata.uid)
        options = pulumi.ResourceOptions(provider=provider)
        k8s.core.v1.Service("gateway", spec={"ports": [{"port": 80, "protocol": "HTTP"}]}, opts=options)

    message = engine.refused(wrong, preview=True)
    assert "spec.ports[0].protocol" in message
    assert "SCTP, TCP, UDP" in message


def test_what_only_a_cluster_can_refuse_fails_the_update_and_not_the_preview(engine: Engine) -> None:
    def pool() -> None:
        k8s.apiextensions.CustomResource(
            "pool",
            api_version="karpenter.sh/v1",
            kind="NodePool",
            metadata={"name": "gpu"},
            spec={
                "template": {
                    "spec": {
                        "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "gpu"},
                        "requirements": [],
                    }
                }
            },
        )

    def account() -> None:
        k8s.core.v1.ServiceAccount("account", metadata={"name": "a", "namespace": "nowhere"})

    # One at a time: the engine stops at the first refusal and drops what it had not said yet.
    for program in (pool, account):
        engine.preview(program)
    message = engine.refused(pool)
    assert 'no matches for kind "NodePool" in version "karpenter.sh/v1"' in message
    assert "karpenter-crd" in message
    assert 'namespaces "nowhere" not found' in engine.refused(account)


def test_two_resources_cannot_be_one_object(engine: Engine) -> None:
    def twice() -> None:
        first = k8s.core.v1.ServiceAccount("first", metadata={"name": "same"})
        k8s.core.v1.ServiceAccount("second", metadata={"name": "same"}, opts=pulumi.ResourceOptions(depends_on=[first]))

    message = engine.refused(twice)
    assert "AlreadyExists" in message
    assert "::first" in message


def test_a_fixed_name_is_deleted_before_it_is_replaced(engine: Engine) -> None:
    def config(data: str) -> Callable[[], None]:
        def define() -> None:
            k8s.core.v1.ConfigMap("config", metadata={"name": "fixed"}, data={"a": data})

        return define

    engine.up(config("1"))
    assert engine.up(config("2"))["replace"] == 1
    assert engine.manifest("ConfigMap")["data"] == {"a": "2"}
    assert engine.files() == ["default/ConfigMap-fixed.yaml"]


def test_an_explicit_provider_decides_about_mutable_config_maps(engine: Engine) -> None:
    def config(data: str) -> Callable[[], None]:
        def define() -> None:
            provider = k8s.Provider("cluster", enable_config_map_mutable=True, namespace="kube-system")
            options = pulumi.ResourceOptions(provider=provider)
            k8s.core.v1.ConfigMap("config", metadata={"name": "fixed"}, data={"a": data}, opts=options)

        return define

    engine.up(config("1"))
    assert engine.files() == ["kube-system/ConfigMap-fixed.yaml"]
    assert engine.up(config("2"))["update"] == 1
    assert engine.manifest("ConfigMap")["data"] == {"a": "2"}
