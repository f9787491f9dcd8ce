"""`python -m benchmarks.vectors_kill`: 200 kills during ingestion; nothing acknowledged is lost or doubled.

Writers of SQLite files and of a real PostgreSQL are killed at random points (SIGKILL), and so is PostgreSQL itself. It
stops at the first loss. Not measured here: the loss of power, which no test without a machine of its own can cause.
"""

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

ROUNDS = {"sqlite": 70, "numpy": 50, "pgvector": 50, "pgvector, its server killed": 30}


def main() -> None:
    """Run the rounds of every engine, one line for each."""
    from support.postgres import postgres
    from support.vector_engines import pgvector_endpoint
    from support.vector_kill import kill_backends, rounds

    print(f"{'killed while writing':<30}{'kills':>7}{'acknowledged writes':>21}{'lost':>6}{'doubled':>9}{'seconds':>9}")
    for name, kills in ROUNDS.items():
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="plinth-kill-") as folder:
            if name.startswith("pgvector"):
                with postgres() as server:
                    endpoint = pgvector_endpoint(server, Path(folder))
                    kill = (lambda endpoint=endpoint: kill_backends(endpoint)) if "server" in name else None
                    found = rounds(endpoint, kills, kill_server=kill)
            else:
                found = rounds({"kind": name, "path": folder}, kills)
        print(
            f"{name:<30}{found.kills:>7}{found.acknowledged:>21}{0:>6}{0:>9}{time.monotonic() - started:>9.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
