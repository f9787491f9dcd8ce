"""`plinth-runtime mirror-weights --config PATH`, which runs as a Kubernetes Job.

It can be done again at any time: files that are there, whole and checked, are left alone. Nothing is deleted.
"""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from threading import Event
from typing import Any

from plinth_runtime.errors import StartupError
from plinth_runtime.files import read, resolve
from plinth_runtime.mirror.bucket import Bucket
from plinth_runtime.mirror.config import WeightsMirror
from plinth_runtime.mirror.hub import HubFile, Repository
from plinth_runtime.mirror.wanted import INDEX, check_shards, wanted
from plinth_runtime.startup import parse

FILES_AT_ONCE = 4
"""Each holds two parts in memory."""


def run(path: str) -> int:
    """Copy what is missing; return the exit status.

    Raises:
        StartupError: the repository cannot be read, is not what it says, or the bucket cannot be written.
    """
    # Slow to import; only this part needs it.
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.session import get_session

    file = resolve(path)
    config = parse(WeightsMirror, read(file, "the configuration"), file)
    settings = Config(
        max_pool_connections=FILES_AT_ONCE,
        connect_timeout=10,
        read_timeout=60,
        retries={"mode": "standard", "total_max_attempts": 8},
    )
    # Credentials come from the pod's own identity, the region from the pod's environment.
    client: Any = get_session().create_client("s3", config=settings)
    try:
        return _mirror(config, Bucket(client, config.bucket, config.path))
    except (BotoCoreError, ClientError) as error:
        raise StartupError(f"cannot write s3://{config.bucket}/{config.path}: {error}") from error


def _mirror(config: WeightsMirror, bucket: Bucket) -> int:
    repository = Repository(config.hub, config.repository, config.revision, _token(config))
    files = wanted(repository.files())
    for file in files:
        if file.path == INDEX:
            check_shards(repository.content(file), files)
    there = bucket.finished(files)
    missing = [file for file in files if file.path not in there]
    _log(f"{config.repository} at {config.revision}: {len(missing)} of {len(files)} files to copy, {_gib(missing)} GiB")
    stopped = Event()
    with ThreadPoolExecutor(FILES_AT_ONCE) as threads:
        running = {
            threads.submit(bucket.write, file, _until(stopped, repository.pieces(file))): file for file in missing
        }
        try:
            for done in as_completed(running):
                done.result()
                _log(f"copied {running[done].path}, {running[done].size} bytes")
        except BaseException:
            stopped.set()
            threads.shutdown(cancel_futures=True)
            raise
    _log(f"s3://{config.bucket}/{config.path} is complete: {len(files)} files, {_gib(files)} GiB")
    return 0


def _until(stopped: Event, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces, until another file has failed: then there is no use in finishing this one."""
    for piece in pieces:
        if stopped.is_set():
            raise StartupError("stopped: another file could not be copied")
        yield piece


def _token(config: WeightsMirror) -> str | None:
    if config.token_file is None:
        return None
    token = read(resolve(config.token_file), "the hub's token").decode(errors="replace").strip()
    if not token.isascii() or not token.isprintable() or not token or " " in token:
        raise StartupError(f"{config.token_file} does not hold a token: one word of printable letters")
    return token


def _gib(files: list[HubFile]) -> str:
    return f"{sum(file.size for file in files) / 2**30:.2f}"


def _log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - the pod's log
