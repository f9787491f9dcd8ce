"""Makes every declared collection for every tenant, on any engine: the Job `plinth-runtime vector-schema`."""

import asyncio

from plinth_runtime.errors import StartupError
from plinth_runtime.vectors.config import VectorSetup
from plinth_runtime.vectors.errors import VectorError
from plinth_runtime.vectors.opening import open_stores


def run(setup: VectorSetup) -> int:
    """Make what is missing; return the exit status. Done again, it changes nothing.

    Raises:
        StartupError: an engine cannot be reached or refuses, or a collection differs in what cannot be changed.
    """
    asyncio.run(_make(setup))
    return 0


async def _make(setup: VectorSetup) -> None:
    async with open_stores(setup.stores) as stores:
        for tenant in setup.tenants:
            view = stores.for_tenant(tenant)
            for collection in setup.stores.collections:
                place = f"collection {collection.name} of tenant {tenant}"
                try:
                    made = await view.create_collection(collection.name)
                except VectorError as error:
                    raise StartupError(f"{place}: {error}") from None
                _say(f"{place} in store {setup.stores.store_of(collection.name)}: {made}")


def _say(text: str) -> None:
    print(f"vector-schema: {text}", flush=True)  # noqa: T201 - the Job's log
