import sys
from pathlib import Path

import pytest

HERE = str(Path(__file__).parent)
if HERE not in sys.path:
    sys.path.insert(0, HERE)


@pytest.fixture
def harness(tmp_path):
    from kubernetes_harness import Harness

    return Harness(tmp_path)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """For checks and diffs, which touch no file."""
    from kubernetes_harness import Harness

    return Harness(tmp_path_factory.mktemp("env"))
