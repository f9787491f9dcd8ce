"""What a node of a pool is told when it starts. Pure.

Sources: Bottlerocket settings reference (container-runtime, kubelet-device-plugins) for 1.52; Amazon EKS AMI,
"nodeadm" examples; Karpenter documentation, "NodeClasses", `spec.userData`: Karpenter adds its own settings to these.
"""

from plinth.spec.gpu import GpuPool
from plinth.spec.sharing import Mig, TimeSlicing

_PARALLEL_PULL = """\
[settings.container-runtime]
snapshotter = "soci"

[settings.container-runtime-plugins.soci-snapshotter]
pull-mode = "parallel-pull-unpack"

[settings.container-runtime-plugins.soci-snapshotter.parallel-pull-unpack]
max-concurrent-downloads-per-image = 20
concurrent-download-chunk-size = "16mb"
max-concurrent-unpacks-per-image = 12
discard-unpacked-layers = true
"""

_FAST_IMAGE_PULL = """\
apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  featureGates:
    FastImagePull: true
"""

_NEURON = """\
[settings.kubernetes]
device-ownership-from-security-context = true
"""
"""Lets containers that do not run as root open their Neuron devices."""


def user_data(pool: GpuPool) -> str | None:
    """User data of a pool's nodes; None where there is nothing to say."""
    if pool.image == "al2023":
        return _FAST_IMAGE_PULL if pool.parallel_pull else None
    parts = [
        _PARALLEL_PULL if pool.parallel_pull else "",
        _NEURON if pool.neuron else "",
        _device_plugin(pool),
    ]
    return "\n".join(part for part in parts if part) or None


def _device_plugin(pool: GpuPool) -> str:
    """Settings of the device plugin that Bottlerocket brings."""
    sharing = pool.sharing
    if isinstance(sharing, Mig):
        return (
            '[settings.kubelet-device-plugins.nvidia]\ndevice-partitioning-strategy = "mig"\n\n'
            "[settings.kubelet-device-plugins.nvidia.mig.profile]\n"
            f'"{pool.instances[0].bottlerocket_name}" = "{sharing.profile}"\n'
        )
    if isinstance(sharing, TimeSlicing):
        return (
            '[settings.kubelet-device-plugins.nvidia]\ndevice-sharing-strategy = "time-slicing"\n\n'
            "[settings.kubelet-device-plugins.nvidia.time-slicing]\n"
            f"replicas = {sharing.replicas}\nrename-by-default = true\nfail-requests-greater-than-one = true\n"
        )
    return ""
