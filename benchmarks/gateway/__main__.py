"""`python -m benchmarks.gateway`: throughput, added latency, time to first byte and open streams, side by side.

All gateways get the same mock upstream and the same CPU, one after the other within each round; medians of the rounds.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.gateway.peers import KEY, PEERS, Peer
from benchmarks.gateway.processes import CACHE, Cpus, Process, Unavailable, load_tool, run_tool

WARM_SECONDS = 1.0
MODELS = {"tensorzero": "tensorzero::model_name::bench"}
GOALS = {"nginx": 0.25, "litellm": 50.0, "portkey": 8.0, "tensorzero": 1.0}
"""What our throughput must be at least, as a multiple of a peer's."""


class Bench:
    """One run."""

    def __init__(self, chosen: argparse.Namespace) -> None:
        self.chosen = chosen
        self.cpus = Cpus.here()
        self.tool = load_tool()

    def load(self, name: str, peer: Peer, *arguments: str, command: str = "load", procs: int = 1) -> dict[str, Any]:
        """Put load on a gateway."""
        target = ["--address", f"127.0.0.1:{peer.port}", "--path", peer.path, "--key", KEY]
        target += ["--model", MODELS.get(name, "bench"), "--headers", "|".join(peer.headers)]
        return run_tool(self.tool, self.cpus.load, command, *target, *arguments, procs=procs)

    @contextmanager
    def upstreams(self, folder: Path, *arguments: str) -> Iterator[list[int]]:
        """Two mock upstreams."""
        mocks = [
            Process([self.tool, "mock", *arguments], self.cpus.mock, log=folder / f"mock{n}.log", output=True)
            for n in range(2)
        ]
        try:
            yield [mock.first_line()["port"] for mock in mocks]
        finally:
            for mock in mocks:
                mock.stop()

    @contextmanager
    def running(self, name: str, *mock: str) -> Iterator[Peer]:
        """A gateway, with upstreams."""
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f"bench-{name}-", dir=CACHE) as found:
            folder = Path(found)
            with self.upstreams(folder, *mock) as ports:
                peer = PEERS[name](folder, ports, self.cpus)
                peer.upstream = ports[0]
                try:
                    yield peer
                finally:
                    if peer.process is not None:
                        peer.process.stop()

    def measure(self, name: str) -> dict[str, float]:
        """One round of one gateway."""
        seconds, connections = str(self.chosen.seconds), ["--connections", str(self.chosen.connections)]
        with self.running(name) as peer:
            self.load(name, peer, "--seconds", str(WARM_SECONDS), *connections)
            full = self.load(name, peer, "--seconds", seconds, *connections)
            rate = max(full["per_second"] / 2, 1)
            half = self.load(name, peer, "--seconds", seconds, "--rate", f"{rate:.0f}", *connections)
            bare = self.load(
                "direct", Peer(peer.upstream, None), "--seconds", seconds, "--rate", f"{rate:.0f}", *connections
            )
            memory = peer.process.memory_mib() if peer.process else 0.0
        with self.running(name, "--events", "20", "--every", "10ms") as peer:
            streams = ["--stream", "--first-byte", "--connections", "16", "--seconds", seconds]
            first = self.load(name, peer, *streams)
        return {
            "per_second": full["per_second"],
            "errors": full["errors"] + half["errors"] + first["errors"],
            "p99_added_ms": max(half["p99_ms"] - bare["p99_ms"], 0.0),
            "first_byte_ms": first["p50_ms"],
            "memory_mib": memory,
        }

    def open_streams(self, count: int) -> None:
        """Many open streams at ten events a second each."""
        with self.running("plinth", "--events", "300", "--every", "100ms") as peer:
            assert peer.process is not None
            found = self.load("plinth", peer, "--stream", "--count", str(count), command="streams")
            memory = peer.process.memory_mib()
        print(f"\n{count} open streams at 10 events/s: {found['finished']} finished, {found['errors']} errors, longest")
        print(f"silence {found['longest_silence_seconds']:.2f} s, memory at the end {memory:.0f} MiB")

    def soak(self, seconds: int) -> None:
        """Half load for a long time: memory and descriptors every ten seconds."""
        with self.running("plinth") as peer:
            assert peer.process is not None
            full = self.load("plinth", peer, "--seconds", "3")
            print(
                f"\nsoak at {full['per_second'] / 2:.0f} requests/s for {seconds} s: seconds, MiB, descriptors, errors"
            )
            began = time.monotonic()
            while time.monotonic() - began < seconds:
                done = self.load("plinth", peer, "--seconds", "10", "--rate", f"{full['per_second'] / 2:.0f}")
                memory, files = peer.process.memory_mib(), peer.process.descriptors()
                print(f"{time.monotonic() - began:8.0f}{memory:10.1f}{files:8}{done['errors']:8}", flush=True)


def main() -> None:
    """Measure and print."""
    chosen = _arguments()
    bench = Bench(chosen)
    rounds: dict[str, list[dict[str, float]]] = {}
    absent: dict[str, str] = {}
    for _ in range(chosen.rounds):
        for name in chosen.gateways:
            if name in absent:
                continue
            try:
                rounds.setdefault(name, []).append(bench.measure(name))
            except Unavailable as error:
                absent[name] = str(error)
                rounds.pop(name, None)
    _print(rounds, absent)
    if chosen.streams:
        bench.open_streams(chosen.streams)
    if chosen.soak:
        bench.soak(chosen.soak)


def _print(rounds: dict[str, list[dict[str, float]]], absent: dict[str, str]) -> None:
    medians = {
        name: {key: statistics.median(it[key] for it in found) for key in found[0]} for name, found in rounds.items()
    }
    print(f"{'gateway':<12}{'requests/s':>12}{'p99 added ms':>14}{'first byte ms':>15}{'memory MiB':>12}{'errors':>8}")
    for name, it in medians.items():
        numbers = f"{it['per_second']:>12.0f}{it['p99_added_ms']:>14.2f}{it['first_byte_ms']:>15.2f}"
        print(f"{name:<12}{numbers}{it['memory_mib']:>12.0f}{it['errors']:>8.0f}")
    for name, why in absent.items():
        print(f"{name:<12}not measured: {why}")
    ours = medians.get("plinth")
    for name, goal in GOALS.items():
        if ours and name in medians and medians[name]["per_second"]:
            ratio = ours["per_second"] / medians[name]["per_second"]
            print(f"plinth is at {ratio:.2f} of {name}'s throughput (goal: at least {goal:g})")
    if ours and "direct" in medians:
        added = ours["first_byte_ms"] - medians["direct"]["first_byte_ms"]
        print(f"plinth adds {added:.2f} ms to the first byte of a stream (p50)")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gateway", description=__doc__)
    parser.add_argument("gateways", nargs="*", default=list(PEERS), help=f"of: {', '.join(PEERS)}")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, whose median counts")
    parser.add_argument("--seconds", type=float, default=4, help="seconds of each measurement")
    parser.add_argument("--connections", type=int, default=32, help="connections at a time")
    parser.add_argument("--streams", type=int, default=0, help="also hold so many open streams")
    parser.add_argument("--soak", type=int, default=0, metavar="SECONDS", help="also run at half load for so long")
    chosen = parser.parse_args()
    unknown = set(chosen.gateways) - set(PEERS)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))} (there are: {', '.join(PEERS)})")
    return chosen


if __name__ == "__main__":
    main()
