"""`python -m benchmarks.warehouse_durability [KILLS]`: `kill -9` during ingestion, at random points.

The rows and the offsets are in the emulator, in a folder; the process that ingests is killed, and everything that it
had acknowledged must be there. Exits with 1 if a row was lost or doubled.
"""

import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main(kills: int) -> int:
    """Kill, count, print."""
    sys.path.insert(0, str(ROOT / "tests"))
    from support.kills import kill_often
    from support.warehouse import emulator

    with tempfile.TemporaryDirectory(prefix="plinth-kills-") as name:
        folder = Path(name)
        (folder / "data").mkdir()
        started = time.monotonic()
        with emulator(folder / "data") as server:
            outcome = kill_often(server.port, kills, folder, rows=kills * 150, seed=2026, longest=0.5)
    print(f"{outcome} in {time.monotonic() - started:.0f} s")
    return 1 if outcome.lost or outcome.doubled or outcome.missing or outcome.not_quarantined else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200))
