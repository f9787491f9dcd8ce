"""Fixtures for tests that run the whole command: a checkout of their own, and environments that are up already."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
from acceptance.checkout import Checkout, Prepared
from acceptance.local import Local
from acceptance.observe import end_processes
from acceptance.provider import provider

from plinth_cli.console import Console
from plinth_cli.policyenv import ensure_policy_env
from plinth_cli.toolchain import Toolchain, ensure_pulumi

Make = Callable[[str], Checkout]


@pytest.fixture(scope="session")
def toolchain() -> Toolchain:
    """The Pulumi CLI; gets it, and the policy pack's environment, before the network is taken away."""
    ensure_policy_env(Console())
    return ensure_pulumi(Console())


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, toolchain: Toolchain) -> Callable[[str], Prepared]:
    """Environments that were brought up once, for every process of this test run."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    return cache(lambda env: Prepared.have(env, shared, toolchain))


@pytest.fixture(scope="module")
def make_checkout(tmp_path_factory: pytest.TempPathFactory, toolchain: Toolchain) -> Iterator[Make]:
    """Make a checkout; at the end of the module nothing of it runs any more, and it is gone."""
    with checkouts(tmp_path_factory, toolchain) as make:
        yield make


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory, toolchain: Toolchain) -> Iterator[Local]:
    """The platform on this machine: previewed, then brought up. Tests act on it in the order of their files."""
    with checkouts(tmp_path_factory, toolchain) as make, provider(tmp_path_factory.mktemp("provider")) as hosted:
        yield Local.bring_up(make("local"), hosted)


@contextmanager
def checkouts(factory: pytest.TempPathFactory, toolchain: Toolchain) -> Iterator[Make]:
    made: list[tuple[Path, Checkout]] = []

    def make(name: str) -> Checkout:
        folder = factory.mktemp(name)
        made.append((folder, Checkout.make(folder, toolchain)))
        return made[-1][1]

    try:
        yield make
    finally:
        for folder, checkout in made:
            end_processes(checkout)
            shutil.rmtree(folder, ignore_errors=True)
