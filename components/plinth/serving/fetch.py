"""Runs in an init container of model pods, as it stands: copies prefixes of a bucket into folders, with boto3 alone.

Usage: python3 -c SCRIPT BUCKET PREFIX=FOLDER...
"""

import pathlib
import sys
from importlib import import_module
from typing import Any


def fetch(bucket: str, prefix: str, folder: str) -> int:
    """Copy what is under `prefix` to `folder`, unless a file of that size is there already; gives the number of files.

    Raises:
        SystemExit: there is nothing.
    """
    storage: Any = import_module("boto3").client("s3")  # of vLLM's image; the platform itself does not need it
    count = 0
    for page in storage.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/"):
        for item in page.get("Contents", []):
            name = item["Key"][len(prefix) + 1 :]
            target = pathlib.Path(folder, name)
            if not name or name.endswith("/") or ".." in name.split("/"):
                continue
            count += 1
            if target.exists() and target.stat().st_size == item["Size"]:
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            storage.download_file(bucket, item["Key"], str(target))
    if not count:
        sys.exit(f"s3://{bucket}/{prefix}/ has no files")
    return count


if __name__ == "__main__":
    for pair in sys.argv[2:]:
        wanted, _, place = pair.partition("=")
        files = fetch(sys.argv[1], wanted, place)
        print(f"{wanted}: {files} files in {place}", flush=True)  # noqa: T201 - the log of the init container
