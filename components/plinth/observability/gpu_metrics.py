"""Which of DCGM's fields are scraped, and what Prometheus calls them. Pure.

Source: NVIDIA DCGM documentation, field identifiers; dcgm-exporter, counters in CSV.
"""

from collections.abc import Sequence

from plinth.spec.gpu import GpuPool

EXPORTER = "dcgm-exporter"
"""Name of the exporter's release and of its pods."""

EXPORTER_PORT = 9400
EXPORTER_PORT_NAME = "metrics"

NODE_LABEL = "Hostname"
"""Label with the name of the node."""

TEMPERATURE = "DCGM_FI_DEV_GPU_TEMP"
POWER = "DCGM_FI_DEV_POWER_USAGE"
MEMORY_USED = "DCGM_FI_DEV_FB_USED"
MEMORY_FREE = "DCGM_FI_DEV_FB_FREE"
BUSY = "DCGM_FI_PROF_SM_ACTIVE"
TENSOR_BUSY = "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE"
MEMORY_BUSY = "DCGM_FI_PROF_DRAM_ACTIVE"
XID = "DCGM_FI_DEV_XID_ERRORS"
DOUBLE_BIT_ERRORS = "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL"
REMAP_FAILURE = "DCGM_FI_DEV_ROW_REMAP_FAILURE"
NVLINK_ERRORS = "DCGM_FI_DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL"
THERMAL_THROTTLING = "DCGM_FI_DEV_THERMAL_VIOLATION"

FIELDS: dict[str, tuple[str, str]] = {
    TEMPERATURE: ("gauge", "Temperature of the GPU (in C)."),
    POWER: ("gauge", "Power draw (in W)."),
    MEMORY_USED: ("gauge", "Memory in use (in MiB)."),
    MEMORY_FREE: ("gauge", "Memory free (in MiB)."),
    BUSY: ("gauge", "Ratio of cycles in which a multiprocessor has work."),
    TENSOR_BUSY: ("gauge", "Ratio of cycles in which the tensor cores work."),
    MEMORY_BUSY: ("gauge", "Ratio of cycles in which the memory moves data."),
    XID: ("gauge", "Last XID error."),
    DOUBLE_BIT_ERRORS: ("counter", "Memory errors that could not be corrected."),
    REMAP_FAILURE: ("gauge", "Whether a bad row of memory could not be replaced."),
    NVLINK_ERRORS: ("counter", "NVLink connections that had to recover."),
    THERMAL_THROTTLING: ("counter", "Time slowed down by heat (in ns)."),
}
"""Kind and meaning of each field. They are few: every one is a series for each GPU."""


def counters() -> str:
    """The fields as the exporter's CSV."""
    return "".join(f"{name}, {kind}, {meaning}\n" for name, (kind, meaning) in FIELDS.items())


def exported(pools: Sequence[GpuPool]) -> bool:
    """Whether there are GPUs whose metrics we export; on nodes of EKS Auto Mode Amazon watches them."""
    return any(pool.plane == "karpenter" and not pool.neuron for pool in pools)
