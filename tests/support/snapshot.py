"""Identities of resources as a file: a rename that nobody meant shows as a difference.

`PLINTH_UPDATE_SNAPSHOTS=1 pytest ...` writes the file anew; the difference belongs into the commit's review.
"""

import json
import os
from pathlib import Path

from support.recorder import Recording


def check_identities(recording: Recording, file: Path) -> None:
    """Compare (type, name, parent) of every registration with what `file` says."""
    found = [list(identity) for identity in recording.identities]
    if os.environ.get("PLINTH_UPDATE_SNAPSHOTS") == "1":
        lines = ",\n  ".join(json.dumps(identity) for identity in found)
        file.write_text(f"[\n  {lines}\n]\n")
    expected = json.loads(file.read_text())
    assert found == expected, (
        f"logical names are a public API: a changed one replaces a resource. See {file.name}; "
        f"new: {[i for i in found if i not in expected]}, gone: {[i for i in expected if i not in found]}"
    )
