"""Each engine that runs here, started once."""

import asyncio
import contextlib
import functools
from collections.abc import Callable, Iterator

import pytest
from support.vector_engines import HARNESSES, Harness, World, make_world


@pytest.fixture(scope="session")
def harnesses(tmp_path_factory) -> Iterator[Callable[[str], Harness]]:
    """Start each engine when it is first asked for; all stop at the end."""
    with contextlib.ExitStack() as stack:

        @functools.cache
        def start(name: str) -> Harness:
            return stack.enter_context(HARNESSES[name](tmp_path_factory.mktemp(name)))

        yield start


@pytest.fixture(params=sorted(HARNESSES))
def harness(request, harnesses) -> Harness:
    return harnesses(request.param)


@pytest.fixture
def world(harness) -> Iterator[World]:
    with asyncio.Runner() as runner:
        made = make_world(harness, runner)
        yield made
        runner.run(made.stores.close())
