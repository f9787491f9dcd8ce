"""`make bench`: a growing spec, rehearsed previews, and the overhead of our program over a flat one.

Every run is a process of its own on a fresh copy of the configuration, with state of its own.
"""

import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import measure
from benchmarks.growth import growth

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 3
ENVIRONMENTS = ("local", "dev", "staging", "prod")


@contextmanager
def checkout() -> Iterator[Path]:
    """A folder with the platform's configuration and policies, and no state."""
    with tempfile.TemporaryDirectory(prefix="plinth-bench-") as name:
        folder = Path(name)
        for file in ROOT.glob("Pulumi*.yaml"):
            shutil.copy(file, folder)
        shutil.copy(ROOT / "__main__.py", folder)
        (folder / "policies").symlink_to(ROOT / "policies")
        (folder / "components").symlink_to(ROOT / "components")
        yield folder


def environ() -> dict[str, str]:
    """The environment of every run."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def previews() -> None:
    """Time, memory, resources and violations of `plinth preview ENV --rehearse`."""
    print("plinth preview ENV --rehearse: real engine, policy pack on, no state before")
    print(f"{'environment':<13}{'resources':>10}{'violations':>12}{'median s':>10}{'peak MiB':>10}")
    for env in ENVIRONMENTS:
        command = [str(Path(sys.executable).with_name("plinth")), "preview", env, "--rehearse", "--json"]
        with checkout() as folder:
            first = measure.run(command, folder, environ())
        seconds: list[float] = []
        for _ in range(ROUNDS):
            with checkout() as folder:
                seconds.append(measure.run(command, folder, environ(), memory=False).seconds)
        result = json.loads(first.output)
        counts, violations = sum(result["counts"].values()), len(result["violations"])
        print(
            f"{env:<13}{counts:>10}{violations:>12}{statistics.median(seconds):>10.1f}{first.peak_mib:>10.0f}",
            flush=True,
        )


def overhead() -> None:
    """Our program against a flat one that registers the same resources, turn by turn."""
    times: dict[str, list[float]] = {"platform": [], "flat": []}
    with tempfile.TemporaryDirectory(prefix="plinth-bench-") as name:
        recording = Path(name) / "prod.json"
        with checkout() as folder:
            command = [sys.executable, "-m", "benchmarks.flat", "record", "prod", str(recording)]
            measure.run(command, folder, environ(), memory=False)
        resources = len(json.loads(recording.read_text()))
        for _ in range(ROUNDS + 2):
            for kind, seconds in times.items():
                with checkout() as folder:
                    command = [sys.executable, "-m", "benchmarks.flat", kind, "prod", str(recording)]
                    seconds.append(float(measure.run(command, folder, environ(), memory=False).output))
    ours, flat = (statistics.median(seconds[1:]) for seconds in times.values())
    print(f"\nOur program against a flat one: preview of prod, {resources} registrations, engine and stand-ins alike")
    print(f"  platform {ours:.2f} s, flat {flat:.2f} s: ratio {ours / flat:.2f} (goal: at most 1.15)")


if __name__ == "__main__":
    growth()
    previews()
    overhead()
