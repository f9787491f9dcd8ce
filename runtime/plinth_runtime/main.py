"""The command `plinth-runtime`."""

import argparse
import sys
from pathlib import Path

from plinth_runtime import __version__
from plinth_runtime.errors import StartupError
from plinth_runtime.governance import command as governance


def main(arguments: list[str] | None = None) -> int:
    """Run a part of the runtime; return the exit status."""
    chosen = _parser().parse_args(arguments)
    try:
        return _run(chosen)
    except StartupError as error:
        print(f"plinth-runtime: {error}", file=sys.stderr)  # noqa: T201 - for the person who started it
        return 1


def _run(chosen: argparse.Namespace) -> int:
    # Imported here: each part loads only what it needs.
    if chosen.part == "vector-schema":
        from plinth_runtime import vector_schema

        return vector_schema.run(chosen.config)

    if chosen.part == "vector-declared":
        from plinth_runtime import vector_declared

        return vector_declared.run(chosen.config)

    if chosen.part == "vector-snapshots":
        from plinth_runtime import vector_snapshots

        return vector_snapshots.run(chosen.config)

    if chosen.part == "warehouse-keys":
        from plinth_runtime.warehouse_keys import command as keys

        return keys.run(chosen.config)

    if chosen.part == "postgres-logins":
        from plinth_runtime.postgres import logins

        return logins.run(chosen.config)

    if chosen.part == "fetch-weights":
        from plinth_runtime import weights

        return weights.run(chosen.source, chosen.to)

    if chosen.part == "mirror-weights":
        from plinth_runtime.mirror import command as mirror

        return mirror.run(chosen.config)

    if chosen.part in governance.PARTS:
        return governance.run(chosen)

    if chosen.part == "warehouse-emulator":
        from plinth_runtime.warehouse.emulator import command as emulator

        return emulator.run(chosen.port, chosen.folder)

    from plinth_runtime import server

    if chosen.part == "gateway":
        from plinth_runtime.gateway import command as gateway

        server.run(lambda: gateway.run(chosen.config))
    else:
        from plinth_runtime.development import command as development

        options = development.Options(chosen.model, chosen.host, chosen.port, chosen.tokens_per_second)
        server.run(lambda: development.run(options))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="plinth-runtime", description="What runs inside a Plinth platform.")
    parser.add_argument("--version", action="version", version=__version__)
    parts = parser.add_subparsers(dest="part", required=True, metavar="PART")
    gateway = parts.add_parser("gateway", help="the LLM gateway")
    gateway.add_argument("--config", required=True, metavar="PATH", help="configuration (JSON, RuntimeConfig)")
    vectors = parts.add_parser("vector-schema", help="bring the vector store's tables into shape, once")
    vectors.add_argument("--config", required=True, metavar="PATH", help="what to make (JSON)")
    declared = parts.add_parser("vector-declared", help="make the collections that tenants declare, once")
    declared.add_argument("--config", required=True, metavar="PATH", help="stores and tenants (JSON)")
    snapshots = parts.add_parser("vector-snapshots", help="take a snapshot of a vector store to S3, once")
    snapshots.add_argument("--config", required=True, metavar="PATH", help="of what, and where to (JSON)")
    keys = parts.add_parser("warehouse-keys", help="make and replace the keys of Snowflake's service users, once")
    keys.add_argument("--config", required=True, metavar="PATH", help="whose keys (JSON)")
    logins = parts.add_parser("postgres-logins", help="make tenants' databases and their logins, once")
    logins.add_argument("--config", required=True, metavar="PATH", help="what to make (JSON, DatabaseLogins)")
    fetch = parts.add_parser("fetch-weights", help="bring a model's weights from S3 to a folder")
    fetch.add_argument("--from", required=True, dest="source", metavar="ADDRESS", help="s3://BUCKET/PATH")
    fetch.add_argument("--to", required=True, metavar="FOLDER", help="where the files go")
    mirror = parts.add_parser("mirror-weights", help="copy a model's weights from a hub into the bucket of models")
    mirror.add_argument("--config", required=True, metavar="PATH", help="what to copy (JSON, WeightsMirror)")
    governance.add_parts(parts)
    emulator = parts.add_parser("warehouse-emulator", help="Snowflake's protocol over DuckDB, for development")
    emulator.add_argument("--port", required=True, type=_port, help="TCP port on 127.0.0.1")
    emulator.add_argument("--folder", type=Path, metavar="FOLDER", help="where databases are kept (else in memory)")
    model = parts.add_parser("development-model", help="a deterministic stand-in for a model server")
    model.add_argument("--port", required=True, type=_port, help="TCP port")
    model.add_argument("--model", required=True, metavar="NAME", help="name of the model that it answers for")
    model.add_argument("--host", default="0.0.0.0", help="address to listen on (PLINTH_BIND_HOST overrides it)")  # noqa: S104 - inside a pod
    model.add_argument(
        "--tokens-per-second",
        type=_rate,
        default=0.0,
        metavar="N",
        help="speed of an answer; 0, the default, is as fast as possible",
    )
    return parser


def _port(text: str) -> int:
    port = int(text)
    if not 0 < port < 65536:
        raise argparse.ArgumentTypeError(f"{port} is not a TCP port (1 to 65535)")
    return port


def _rate(text: str) -> float:
    rate = float(text)
    if not 0 <= rate <= 1e6:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1000000")
    return rate


if __name__ == "__main__":
    sys.exit(main())
