"""Identity of an object, and what the API server and its controllers would add to it."""

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, cast

from plinth_cli.rehearsal.kubernetes.kinds import Kind
from plinth_cli.rehearsal.kubernetes.plain import mapping, sequence
from plinth_cli.rehearsal.package import Call, Failure, Naming
from plinth_cli.rehearsal.values import UNKNOWN, Props, Secret, reveal, secret, unwrap

AUTONAMED = "pulumi.com/autonamed"
DEFAULT_NAMESPACE = "default"

_HEX_DIGITS = 8


# --- identity ----------------------------------------------------------------------------------------------------


def with_identity(kind: Kind, call: Call, inputs: Props, old: Props, naming: Naming) -> tuple[Props, list[Failure]]:
    """Fills in apiVersion, kind, and a name and namespace where the program gives none.

    A made-up name is the logical name, a hyphen and eight hex digits; it is kept over updates, and marked by an
    annotation, as the Kubernetes provider does it.
    """
    checked: Props = {"apiVersion": kind.api_version, "kind": kind.name, **inputs}
    given = inputs.get("metadata")
    if unwrap(given) is UNKNOWN:
        return checked, []
    metadata = dict(cast("Props", unwrap(given) or {}))
    failures = [
        Failure(f"metadata.{field}", "must not be secret: it is part of the object's id, which is never encrypted")
        for field in ("name", "namespace")
        if isinstance(metadata.get(field), Secret)
    ]
    if metadata.get("name") is None:
        failures += _make_up_name(kind, call, metadata, old, naming)
    default = call.config.get("namespace")
    if kind.namespaced and metadata.get("namespace") is None and isinstance(default, str) and default:
        metadata["namespace"] = default
    checked["metadata"] = secret(metadata) if isinstance(given, Secret) else metadata
    return checked, failures


def _make_up_name(kind: Kind, call: Call, metadata: Props, old: Props, naming: Naming) -> list[Failure]:
    if metadata.get("generateName") is not None:
        return [Failure("metadata.generateName", "is not supported with server-side apply; leave the name out")]
    if kind.patch:
        return [Failure("metadata.name", "is required: the name of the object to patch")]
    if is_autonamed(old):
        metadata["name"] = reveal(old["metadata"])["name"]
    elif naming.mode == "disable":
        return [Failure("metadata.name", "is required, because auto-naming is disabled for this resource")]
    else:
        metadata["name"] = naming.proposed or f"{call.urn.name}-{call.digest('name')[:_HEX_DIGITS]}"
    annotations = metadata.get("annotations")
    marked = {**cast("Props", unwrap(annotations) or {}), AUTONAMED: "true"}
    metadata["annotations"] = secret(marked) if isinstance(annotations, Secret) else marked
    return []


def is_autonamed(inputs: Mapping[str, Any]) -> bool:
    """Whether the name in the inputs was made up."""
    return mapping(mapping(reveal(inputs.get("metadata"))).get("annotations")).get(AUTONAMED) == "true"


def name_of(inputs: Mapping[str, Any]) -> Any:
    """metadata.name; UNKNOWN when it is not known yet."""
    metadata = reveal(inputs.get("metadata"))
    return UNKNOWN if metadata is UNKNOWN else mapping(metadata).get("name")


def namespace_of(kind: Kind, inputs: Mapping[str, Any]) -> Any:
    """The namespace the object lives in; None outside of namespaces, UNKNOWN when it is not known yet."""
    metadata = reveal(inputs.get("metadata"))
    if not kind.namespaced:
        return None
    return UNKNOWN if metadata is UNKNOWN else mapping(metadata).get("namespace") or DEFAULT_NAMESPACE


def id_of(kind: Kind, inputs: Mapping[str, Any]) -> str:
    """`namespace/name`, or `name` outside of namespaces."""
    namespace, name = namespace_of(kind, inputs), name_of(inputs)
    return f"{namespace}/{name}" if namespace else str(name)


# --- outputs -----------------------------------------------------------------------------------------------------


def outputs(kind: Kind, call: Call, inputs: Props, old: Props | None = None) -> Props:
    """The inputs with what the cluster assigns; in the preview of a create that part is UNKNOWN.

    With `old`, the outputs before an update, identity, creation time and addresses stay.
    """
    found = dict(inputs)
    before = mapping(reveal((old or {}).get("metadata")))
    given = inputs.get("metadata")
    if unwrap(given) is not UNKNOWN:
        metadata = {**cast("Props", unwrap(given) or {}), **_server_metadata(kind, call, inputs, before)}
        found["metadata"] = secret(metadata) if isinstance(given, Secret) else metadata
    if kind.patch:
        return found
    if kind.is_("v1", "Service"):
        found["spec"] = _service_spec(call, found.get("spec"), mapping(reveal((old or {}).get("spec"))))
    if kind.is_("v1", "Secret") and (data := _secret_data(inputs)):
        found["data"] = data
    status = _STATUS.get((kind.api_version, kind.name))
    if status is not None:
        found["status"] = UNKNOWN if call.preview else status(call, cast("Props", reveal(found)))
    return found


def _server_metadata(kind: Kind, call: Call, inputs: Props, before: Mapping[str, Any]) -> Props:
    added: Props = {"namespace": namespace_of(kind, inputs)} if kind.namespaced else {}
    if call.preview and not before:
        return {**added, **dict.fromkeys(("uid", "resourceVersion", "creationTimestamp", "generation"), UNKNOWN)}
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    generation = before.get("generation")
    version = before.get("resourceVersion")
    return {
        **added,
        "uid": before.get("uid") or _uid(call),
        "creationTimestamp": before.get("creationTimestamp") or now,
        "generation": generation + 1 if isinstance(generation, int) else 1,
        "resourceVersion": str(int(version) + 1) if isinstance(version, str) and version.isdigit() else "1",
    }


def _uid(call: Call) -> str:
    digits = call.digest("uid")
    return "-".join((digits[:8], digits[8:12], f"4{digits[13:16]}", f"a{digits[17:20]}", digits[20:32]))


def _service_spec(call: Call, given: Any, before: Mapping[str, Any]) -> Any:
    spec = unwrap(given)
    if not isinstance(spec, Mapping) or mapping(spec).get("type") == "ExternalName":
        return given
    filled = dict(mapping(spec))
    if filled.get("clusterIP") is None:
        # 172.20.0.0/16 is the range that EKS gives to Services when the VPC is in 10.0.0.0/8.
        third, fourth = int(call.digest("clusterIP")[:2], 16), 1 + int(call.digest("clusterIP")[2:4], 16) % 254
        assigned = before.get("clusterIP") or f"172.20.{third}.{fourth}"
        filled["clusterIP"] = UNKNOWN if call.preview and not before else assigned
    if filled.get("clusterIPs") is None:
        filled["clusterIPs"] = UNKNOWN if filled["clusterIP"] is UNKNOWN else [reveal(filled["clusterIP"])]
    return secret(filled) if isinstance(given, Secret) else filled


def _secret_data(inputs: Props) -> Props:
    """`data` of a Secret with what `stringData` adds to it, all of it secret."""
    data = {key: secret(value) for key, value in mapping(unwrap(inputs.get("data"))).items()}
    for key, value in mapping(unwrap(inputs.get("stringData"))).items():
        text = reveal(value)
        data[key] = secret(base64.b64encode(text.encode()).decode() if isinstance(text, str) else text)
    return data


def _load_balancer(call: Call, obj: Props) -> Props:
    """Address of a Network Load Balancer, in the form of the AWS Load Balancer Controller."""
    metadata = mapping(obj["metadata"])
    namespace, name = (str(metadata.get(field)).replace("-", "")[:8] for field in ("namespace", "name"))
    digest = call.digest("load balancer")
    host = f"k8s-{namespace}-{name}-{digest[:10]}-{digest[10:26]}.elb.{_region(call)}.amazonaws.com"
    return {"loadBalancer": {"ingress": [{"hostname": host}]}}


def _region(call: Call) -> str:
    """Region in the address of an EKS cluster, `https://ID.gr7.REGION.eks.amazonaws.com`."""
    before, found, _ = str(call.config.get("kubeconfig")).partition(".eks.amazonaws.com")
    return before.rpartition(".")[2] if found else "us-east-1"


def _service_status(call: Call, obj: Props) -> Props:
    kind = mapping(obj.get("spec")).get("type")
    return _load_balancer(call, obj) if kind == "LoadBalancer" else {"loadBalancer": {}}


def _replicas(call: Call, obj: Props) -> Props:
    count = mapping(obj.get("spec")).get("replicas", 1)
    ready = dict.fromkeys(("replicas", "readyReplicas", "availableReplicas", "updatedReplicas"), count)
    return {**ready, "observedGeneration": mapping(obj["metadata"]).get("generation", 1)}


def _claim(call: Call, obj: Props) -> Props:
    spec = mapping(obj.get("spec"))
    capacity = mapping(mapping(spec.get("resources")).get("requests"))
    return {"phase": "Bound", "accessModes": sequence(spec.get("accessModes")), "capacity": dict(capacity)}


_STATUS: Mapping[tuple[str, str], Callable[[Call, Props], Props]] = {
    ("apps/v1", "Deployment"): _replicas,
    ("apps/v1", "ReplicaSet"): _replicas,
    ("apps/v1", "StatefulSet"): _replicas,
    ("batch/v1", "Job"): lambda call, obj: {"succeeded": mapping(obj.get("spec")).get("completions", 1)},
    ("networking.k8s.io/v1", "Ingress"): _load_balancer,
    ("v1", "Namespace"): lambda call, obj: {"phase": "Active"},
    ("v1", "PersistentVolumeClaim"): _claim,
    ("v1", "Pod"): lambda call, obj: {"phase": "Running"},
    ("v1", "Service"): _service_status,
}
"""(apiVersion, kind) -> the status once the object is ready; the real provider waits for that."""
