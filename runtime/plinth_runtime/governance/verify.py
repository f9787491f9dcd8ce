"""`plinth-runtime verify-receipt`: whether receipts are what was signed, and none is missing in between."""

from pathlib import Path

from plinth_runtime.errors import StartupError
from plinth_runtime.files import read, resolve
from plinth_runtime.governance.ingest import load
from plinth_runtime.governance.receipts import Ledger, mistakes

WRONG = 1


def run(config_path: str, public_key: str | None) -> int:
    """Verify the whole chain; return the exit status.

    Args:
        config_path: the configuration.
        public_key: file with the key (PEM) that was published. Without it, the signer is asked for its own.

    Raises:
        StartupError: the receipts or the key cannot be read.
    """
    config = load(config_path)
    if config.receipts is None:
        raise StartupError("the configuration has no receipts")
    ledger = Ledger(config.receipts)
    key = read(Path(resolve(public_key)), "the public key") if public_key else ledger.signer.public_key()
    entries = list(ledger.entries())
    wrong = list(mistakes(iter(entries), key))
    for mistake in wrong:
        print(mistake)  # noqa: T201 - the answer
    if not wrong:
        print(f"{len(entries)} receipts: each signed by the key, and none missing in between")  # noqa: T201 - the answer
    return WRONG if wrong else 0
