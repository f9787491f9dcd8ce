import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
for folder in (HERE, HERE.parents[1] / "policies"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


@pytest.fixture(scope="session")
def policy_env() -> Any:
    """The environment that the pack runs in when `plinth` starts the engine; made when it is not there."""
    from plinth_cli.console import Console
    from plinth_cli.policyenv import ensure_policy_env

    return ensure_policy_env(Console())


@pytest.fixture(scope="session")
def pack(policy_env: Any) -> Iterator[Any]:
    """The pack as a running process."""
    from policy_pack import running

    with running(policy_env.bin_dir / "pulumi-analyzer-policy-python", policy_env.pack) as started:
        yield started
