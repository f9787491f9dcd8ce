"""`plinth-runtime development-model`."""

from dataclasses import dataclass

from plinth_runtime import __version__, server
from plinth_runtime.development.app import DevelopmentApp
from plinth_runtime.logs import setup

DRAIN_SECONDS = 10.0
"""Time that requests get to finish after SIGTERM, in seconds."""


@dataclass(frozen=True)
class Options:
    """The command's options."""

    model: str
    host: str
    port: int
    tokens_per_second: float


async def run(options: Options) -> None:
    """Serve until told to end.

    Raises:
        StartupError: The address cannot be used.
    """
    log = setup("development")
    listener = server.bind(options.host, options.port, f"development model {options.model}")
    drain = server.Drain(DRAIN_SECONDS)
    app = DevelopmentApp(options.model, options.tokens_per_second, drain, log)
    log.info("listening", model=options.model, port=options.port, version=__version__)
    clean = await server.serve([(app, listener)], drain)
    log.info("stopped", clean=clean)
