"""The variables that a process of the laptop starts with: what a pod would have, and where the local cloud is."""

import os
from collections.abc import Mapping
from pathlib import Path

from plinth_cli.laptop.ports import HOST
from plinth_cli.laptop.secrets import ACCESS_KEY
from plinth_cli.laptop.spec import ProcessSpec

KEPT = (
    "HOME",
    "LANG",
    "LC_ALL",
    "PATH",
    "PYTHONPATH",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "SYSTEMROOT",
    "TMPDIR",
    "TZ",
    "USER",
    "VIRTUAL_ENV",
)
"""Variables of the person that processes get. All others stay away from them, cloud credentials above all."""


def base(given: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables that every process gets."""
    return {name: given[name] for name in KEPT if name in given} | {
        "ORT_DISABLE_TELEMETRY": "1",
        "PYTHONUNBUFFERED": "1",
    }


def workload(spec: ProcessSpec, root: Path, endpoint: str | None, region: str) -> dict[str, str]:
    """Return the variables of a workload; `root` is the folder that stands for its `/`."""
    aws = {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    if endpoint is not None:
        aws["AWS_ENDPOINT_URL"] = endpoint
    temporary = {"TMPDIR": str(root / "tmp")} if any(str(folder) == "/tmp" for folder in spec.folders) else {}  # noqa: S108 - a path of the container
    return base() | aws | temporary | dict(spec.environ) | {"PLINTH_ROOT": str(root), "PLINTH_BIND_HOST": HOST}
