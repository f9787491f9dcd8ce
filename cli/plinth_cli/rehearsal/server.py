"""The process that holds the stand-in providers: one gRPC server per installed Pulumi package.

`python -m plinth_cli.rehearsal.server --env-dir DIR [--aws-endpoint URL] [--adopt URN]... --parent PID` prints one line
of JSON, `{"providers": {"aws": PORT, ...}}`, when it serves. It ends when its parent does.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import signal
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from plinth_cli.rehearsal.dynamic import DynamicPackage
from plinth_cli.rehearsal.ledger import Ledger
from plinth_cli.rehearsal.lifeline import announce, end_with_parent
from plinth_cli.rehearsal.package import Package
from plinth_cli.rehearsal.provider import StandIn
from plinth_cli.rehearsal.schema import SdkSchema, installed
from plinth_cli.rehearsal.sdk import SdkPackage

_THREADS = 8
"""Calls in progress per package; the engine runs a few resources at a time per core."""
_GRACE_SECONDS = 5.0
"""What is being created when the parent dies is finished and noted, so that the next update finds it."""
_MESSAGE_BYTES = 400 * 1024 * 1024
"""As large as the engine allows (pulumi/pulumi, sdk/go/common/util/rpcutil)."""
_OPTIONS = [("grpc.max_receive_message_length", _MESSAGE_BYTES), ("grpc.max_send_message_length", _MESSAGE_BYTES)]


def packages(env_dir: Path, aws_endpoint: str | None) -> dict[str, Package]:
    """A stand-in for every Pulumi SDK that is installed beside this one."""
    served = {name: _package(schema, env_dir, aws_endpoint) for name, schema in installed().items()}
    return {**served, DynamicPackage.name: DynamicPackage()}


def _package(schema: SdkSchema, env_dir: Path, aws_endpoint: str | None) -> Package:
    """The stand-ins that know more are imported only when their SDK is installed."""
    if schema.name == "aws":
        from plinth_cli.rehearsal.aws import AwsPackage

        return AwsPackage(schema, aws_endpoint)
    if schema.name == "kubernetes":
        from plinth_cli.rehearsal.kubernetes import KubernetesPackage

        return KubernetesPackage(env_dir)
    if schema.name == "snowflake":
        from plinth_cli.rehearsal.snowflake import SnowflakePackage

        return SnowflakePackage(schema)
    if schema.name == "random":
        from plinth_cli.rehearsal.random_ import RandomPackage

        return RandomPackage(schema)
    return SdkPackage(schema)


def serve(
    served: Mapping[str, Package], ledger: Ledger, adopt: frozenset[str]
) -> tuple[list[grpc.Server], dict[str, int]]:
    """Starts a server per package on free ports of the loopback interface."""
    servers: list[grpc.Server] = []
    ports: dict[str, int] = {}
    for name, package in served.items():
        server = grpc.server(ThreadPoolExecutor(_THREADS, thread_name_prefix=name), options=_OPTIONS)
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(StandIn(package, ledger, adopt), server)
        ports[name] = server.add_insecure_port("127.0.0.1:0")
        server.start()
        servers.append(server)
    return servers, ports


def _only_one(path: Path) -> None:
    """Waits for the server of a killed update, which finishes what it was creating, to be gone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Never closed: the lock is held as long as this process lives.
    fcntl.flock(os.open(path, os.O_CREAT | os.O_RDWR, 0o600), fcntl.LOCK_EX)


def _heard(*_: object) -> None:
    """The wakeup file descriptor carries the news; without a handler the signal would end the process at once."""


def main() -> None:
    """Serves until the parent ends or a signal comes."""
    parser = argparse.ArgumentParser(prog="plinth-rehearsal")
    parser.add_argument("--env-dir", type=Path, required=True)
    parser.add_argument("--aws-endpoint")
    parser.add_argument("--adopt", action="append", default=[], help="URN whose creation a killed update had begun")
    parser.add_argument("--parent", type=int)
    arguments = parser.parse_args()
    # A pipe that every signal writes into: an Event could deadlock in a second signal, and a signal that another thread
    # receives would not wake the main one.
    wake, alarm = os.pipe()
    os.set_blocking(alarm, False)
    signal.set_wakeup_fd(alarm, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _heard)
    end_with_parent(arguments.parent)
    _only_one(arguments.env_dir / "cloud" / "providers.lock")
    ledger = Ledger(arguments.env_dir / "cloud" / "ledger.sqlite")
    servers, ports = serve(packages(arguments.env_dir, arguments.aws_endpoint), ledger, frozenset(arguments.adopt))
    announce({"providers": ports})
    os.read(wake, 1)
    for stopped in [server.stop(_GRACE_SECONDS) for server in servers]:
        stopped.wait()
    ledger.close()
    os._exit(0)  # the threads of gRPC and of imported SDKs have nothing left to say


if __name__ == "__main__":
    main()
