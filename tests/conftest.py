"""What every test shares: which tests run in one process, in order, so that what they prepare is prepared once."""

import re
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling


class Scheduling(LoadScopeScheduling):
    """One file is one unit of work, with two exceptions: the laptop's files are one, environments are several."""

    def _split_scope(self, nodeid: str) -> str:
        file, _, test = nodeid.partition("::")
        file = re.sub(r"(?<=/test_laptop)_\d\w+", "", file)
        environment = re.search(r"\[[a-z]+", test) if file.endswith("test_every_environment.py") else None
        return file + (environment[0] if environment else "")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return Scheduling(config, log)
