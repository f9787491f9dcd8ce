"""The pack as its own process, spoken to as the engine does."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc


def struct(props: dict[str, Any]) -> struct_pb2.Struct:
    return json_format.ParseDict(props, struct_pb2.Struct())


class Pack:
    def __init__(self, address: str) -> None:
        self._channel = grpc.insecure_channel(address)
        self._stub = analyzer_pb2_grpc.AnalyzerStub(self._channel)

    def close(self) -> None:
        self._channel.close()

    def info(self) -> Any:
        return self._stub.GetAnalyzerInfo(empty_pb2.Empty())

    def analyze(self, token: str, props: dict[str, Any], protect: bool = True, stack: str = "prod") -> list[Any]:
        request = analyzer_pb2.AnalyzeRequest(
            urn=f"urn:pulumi:{stack}::plinth::{token}::it",
            type=token,
            name="it",
            properties=struct(props),
            options=analyzer_pb2.AnalyzerResourceOptions(protect=protect),
        )
        return list(self._stub.Analyze(request).diagnostics)

    def analyze_stack(self, *resources: Any) -> list[Any]:
        return list(self._stub.AnalyzeStack(analyzer_pb2.AnalyzeStackRequest(resources=resources)).diagnostics)


@contextmanager
def running(launcher: Path, folder: Path) -> Iterator[Pack]:
    """Start the pack with the engine's own arguments; the engine's address is never called."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PULUMI_")}
    process = subprocess.Popen(
        [launcher, "127.0.0.1:1", ".", "-virtualenv=.venv"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        port = process.stdout.readline().strip()
        assert port.isdigit(), f"the pack did not start: {port!r}"
        pack = Pack(f"127.0.0.1:{port}")
        yield pack
        pack.close()
    finally:
        process.terminate()
        process.wait(timeout=10)
        if process.stdout:
            process.stdout.close()
