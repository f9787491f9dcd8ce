"""Rules on pods: the restricted Pod Security Standard, and a root file system that cannot be written."""

from collections.abc import Iterator

from plinth_policies.kubernetes import POD_SPECS, Container, containers, pod_spec
from plinth_policies.rule import Finding, Resource, Rule
from plinth_policies.values import MISSING, UNKNOWN, Value, at, differs, flag, items, number, shown, texts

_ALLOWED_CAPABILITIES = frozenset({"NET_BIND_SERVICE"})
_PROFILES = ("RuntimeDefault", "Localhost")
_FIX = "set it in the pod template; no field of the spec relaxes it"


def _restricted(workload: Resource) -> Iterator[Finding]:
    pod = pod_spec(workload)
    yield from _pod(pod)
    for container in containers(pod):
        yield from _privileges(container)
        yield from _identity(pod, container)
        yield from _capabilities(container)


def _pod(pod: Value) -> Iterator[Finding]:
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if flag(at(pod, field)):
            yield Finding(f"{field} is true", "the pod shares the node's own, and sees its neighbors", _FIX)
    for volume in items(at(pod, "volumes")):
        path = at(volume, "hostPath")
        if path is not MISSING and volume is not UNKNOWN:
            what = f"volume {shown(at(volume, 'name'))} mounts hostPath {shown(at(path, 'path'))}"
            yield Finding(
                what, "files of the node leave the pod's isolation", "use a PersistentVolumeClaim or emptyDir"
            )


def _privileges(container: Container) -> Iterator[Finding]:
    privileged = container.get("securityContext", "privileged")
    if flag(privileged):
        yield Finding(f"{container.label} is privileged", "it is root on the node", _FIX)
    escalation = container.get("securityContext", "allowPrivilegeEscalation")
    if differs(escalation, False):
        what = f"{container.label} has allowPrivilegeEscalation {shown(escalation)}"
        yield Finding(what, "a set-uid program in the image becomes root", f"set it to false; {_FIX}")
    read_only = container.get("securityContext", "readOnlyRootFilesystem")
    if differs(read_only, True):
        what = f"{container.label} has readOnlyRootFilesystem {shown(read_only)}"
        why = "an intruder could change the program that runs"
        yield Finding(what, why, "set it to true and mount an emptyDir where the program writes")


def _identity(pod: Value, container: Container) -> Iterator[Finding]:
    non_root = _own_or_pod(pod, container, "runAsNonRoot")
    if differs(non_root, True):
        what = f"{container.label} has runAsNonRoot {shown(non_root)}"
        yield Finding(what, "root in a container is one bug from root on the node", f"set it to true; {_FIX}")
    user = _own_or_pod(pod, container, "runAsUser")
    if number(user) == 0:
        yield Finding(f"{container.label} has runAsUser 0", "that is root", f"use another number; {_FIX}")
    profile = _own_or_pod(pod, container, "seccompProfile")
    kind = at(profile, "type")
    if kind is not UNKNOWN and kind not in _PROFILES:
        what = f"{container.label} has seccompProfile.type {shown(kind)}"
        yield Finding(what, "it may make any system call of the node's kernel", f"set it to RuntimeDefault; {_FIX}")


def _capabilities(container: Container) -> Iterator[Finding]:
    drop = container.get("securityContext", "capabilities", "drop")
    if drop is not UNKNOWN and UNKNOWN not in items(drop) and "ALL" not in texts(drop):
        what = f"{container.label} drops capabilities {shown(drop)}, not ALL"
        yield Finding(what, "it keeps powers of root that it does not need", f"set drop to [ALL]; {_FIX}")
    for capability in texts(container.get("securityContext", "capabilities", "add")):
        if capability not in _ALLOWED_CAPABILITIES:
            what = f"{container.label} adds capability {shown(capability)}"
            yield Finding(what, "only NET_BIND_SERVICE stays inside the pod", f"take it out; {_FIX}")


def _own_or_pod(pod: Value, container: Container, field: str) -> Value:
    own = container.get("securityContext", field)
    return own if own is not MISSING else at(pod, "securityContext", field)


PODS_RESTRICTED = Rule(
    id="pods-restricted",
    title="Pods run without root, without powers over the node, on a read-only file system.",
    severity="high",
    fix="Plinth's own workloads always do; team workloads set securityContext",
    checks=dict.fromkeys(POD_SPECS, _restricted),
)
