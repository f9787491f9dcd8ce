"""Rules on GPU pools."""

import re
from collections.abc import Iterator

from plinth_policies.rule import Finding, Resource, Rule
from plinth_policies.values import MISSING, UNKNOWN, absent, at, entries, items, number, shown, texts

_GPU = "nvidia.com/gpu"
_MOST_GPUS = 1024
_MOST_NODES = 100
_MOST_CENTS = 100_000
_GPU_INSTANCE = re.compile(r"^(?:p\d|g\d|gr\d)")
_WHY = "a loop that scales it up would run up a bill of thousands of dollars an hour"
_FIX = f"set gpu_pools[].max_gpus, at most {_MOST_GPUS}"


def _pool(pool: Resource) -> Iterator[Finding]:
    most = pool.get("maxGpus")
    if most is not UNKNOWN and not 1 <= (number(most) or 0) <= _MOST_GPUS:
        yield Finding(f"maxGpus is {shown(most)}", _WHY, _FIX)


def _node_pool(pool: Resource) -> Iterator[Finding]:
    limits = pool.get("spec", "limits")
    if absent(limits):
        yield Finding("spec.limits is not set", _WHY, _FIX)
        return
    if limits is UNKNOWN or not _has_gpus(pool):
        return
    if not absent(pool.get("spec", "replicas")):
        yield from _fixed(pool)
        return
    most = at(limits, _GPU)
    if most is UNKNOWN:
        return
    if most is MISSING:
        yield Finding(f"spec.limits bounds {_bounded(pool)}, and not {_GPU}", _WHY, _FIX)
    elif not 1 <= (number(most) or 0) <= _MOST_GPUS:
        yield Finding(f"spec.limits has {_GPU} {shown(most)}", _WHY, _FIX)


def _fixed(pool: Resource) -> Iterator[Finding]:
    """Karpenter takes no other limit for a pool of a fixed number of nodes."""
    most = pool.get("spec", "limits", "nodes")
    if most is not UNKNOWN and not 1 <= (number(most) or 0) <= _MOST_NODES:
        yield Finding(f"spec.limits has nodes {shown(most)}", _WHY, "set gpu_pools[].fixed_nodes, at most 100")


def _bounded(pool: Resource) -> str:
    return ", ".join(key for key, _ in entries(pool.get("spec", "limits")))


def _has_gpus(pool: Resource) -> bool:
    """Whether Karpenter may start GPU instances for a pool: by its taints, or by what it requires of instances."""
    template = pool.get("spec", "template", "spec")
    if any(at(taint, "key") == _GPU for taint in items(at(template, "taints"))):
        return True
    for requirement in items(at(template, "requirements")):
        key, values = at(requirement, "key"), texts(at(requirement, "values"))
        if isinstance(key, str) and key.startswith("karpenter.k8s.aws/instance-gpu-"):
            return True
        names_instances = key in ("node.kubernetes.io/instance-type", "karpenter.k8s.aws/instance-family")
        if names_instances and any(_GPU_INSTANCE.match(value) for value in values):
            return True
    return False


def _node_group(group: Resource) -> Iterator[Finding]:
    most = group.get("scalingConfig", "maxSize")
    if most is not UNKNOWN and not 1 <= (number(most) or 0) <= _MOST_NODES:
        fix = f"set cluster.system_nodes.max_size, at most {_MOST_NODES}"
        yield Finding(f"scalingConfig.maxSize is {shown(most)}", _WHY, fix)


def _remote_instance(instance: Resource) -> Iterator[Finding]:
    most = instance.get("maxCentsPerHour")
    if most is not UNKNOWN and not 1 <= (number(most) or 0) <= _MOST_CENTS:
        fix = f"set remote_gpus[].max_hourly_usd, at most {_MOST_CENTS // 100}"
        yield Finding(f"maxCentsPerHour is {shown(most)}", _WHY, fix)


GPU_POOLS_BOUNDED = Rule(
    id="gpu-pools-bounded",
    title="Node pools have a limit, GPU pools one in GPUs, instances outside AWS one in dollars an hour.",
    severity="high",
    fix="gpu_pools[].max_gpus, cluster.system_nodes.max_size, remote_gpus[].max_hourly_usd",
    checks={
        "plinth:index:GpuNodePool": _pool,
        "kubernetes:karpenter.sh/v1:NodePool": _node_pool,
        "aws:eks/nodeGroup:NodeGroup": _node_group,
        "pulumi-python:dynamic/lambda:Instance": _remote_instance,
    },
)
