"""The stand-in as `StandIn` calls it, without gRPC, and the few steps that tests take with it."""

from copy import deepcopy
from typing import Any

from plinth_cli.rehearsal.kubernetes import KubernetesPackage
from plinth_cli.rehearsal.package import Call, Naming, Urn

CANARY = "c4nary-in-a-secret"
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "plinth-system"}}
ESO = {
    "chart": "external-secrets",
    "version": "2.9.0",
    "name": "external-secrets",
    "namespace": "kube-system",
    "repositoryOpts": {"repo": "https://charts.external-secrets.io"},
}


def token_of(obj: dict[str, Any]) -> str:
    group, _, version = obj["apiVersion"].rpartition("/")
    return f"kubernetes:{group or 'core'}/{version}:{obj['kind']}"


def call_for(token: str, name: str = "thing", **more: Any) -> Call:
    urn = f"urn:pulumi:dev::plinth::plinth:index:Gateway${token}::{name}"
    return Call(Urn.parse(urn), **more)


class Harness:
    """A package and the few steps that tests take with it."""

    def __init__(self, env_dir):
        self.env_dir = env_dir
        self.package = KubernetesPackage(env_dir)

    def check(self, obj, *, token=None, name="thing", old=None, naming=None, config=None):
        call = call_for(token or token_of(obj), name, config=config or {})
        return self.package.check(call, deepcopy(obj), old or {}, naming or Naming())

    def create(self, obj, *, token=None, name="thing", **more):
        call = call_for(token or token_of(obj), name, **more)
        return self.package.create(call, deepcopy(obj))

    def diff(self, old, new, *, token=None, config=None):
        call = call_for(token or token_of(new), config=config or {})
        return self.package.diff(call, "id", old, {}, new)

    def files(self):
        folder = self.env_dir / "manifests"
        return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
