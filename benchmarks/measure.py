"""Time and memory of a process and everything it starts, read from /proc."""

import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

INTERVAL_SECONDS = 0.05


@dataclass(frozen=True)
class Measurement:
    """One run.

    Attributes:
        seconds: Wall time.
        peak_mib: Most memory that the process and its descendants held at one time (sum of PSS, so that
            pages they share count once), in MiB.
        output: What it wrote to standard output.
    """

    seconds: float
    peak_mib: float
    output: str


def _children() -> dict[int, list[int]]:
    tree: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError, ValueError):
                continue
            tree.setdefault(parent, []).append(int(folder.name))
    return tree


def _memory_kib(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")), 0)


def tree_memory_mib(root: int) -> float:
    """Memory of a process and its descendants now, in MiB."""
    tree, pending, total = _children(), [root], 0
    while pending:
        pid = pending.pop()
        total += _memory_kib(pid)
        pending.extend(tree.get(pid, []))
    return total / 1024


def run(command: Sequence[str], cwd: Path, environ: dict[str, str], *, memory: bool = True) -> Measurement:
    """Run a command to its end.

    Sampling memory costs time, so take time from runs with `memory=False`.

    Raises:
        RuntimeError: The command failed; has what it wrote.
    """
    started = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    peak, over = [0.0], threading.Event()

    def sample() -> None:
        while not over.wait(INTERVAL_SECONDS):
            peak[0] = max(peak[0], tree_memory_mib(process.pid))

    sampler = threading.Thread(target=sample, daemon=True)
    if memory:
        sampler.start()
    output, errors = process.communicate(timeout=900)
    seconds = time.monotonic() - started
    over.set()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{output[-3000:]}\n{errors[-3000:]}")
    return Measurement(seconds, peak[0], output)
