"""What a rehearsal left behind: state, ledger, manifests, cloud, processes.

Read without the product's help where that matters.
"""

import contextlib
import json
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import boto3
import yaml
from acceptance.checkout import Checkout
from botocore.config import Config

from plinth_cli.rehearsal.children import Child

REGION = "us-east-1"

T = TypeVar("T")


def resources(checkout: Checkout, env: str, project: str = "plinth") -> list[dict[str, Any]]:
    """The state's resources, without the stack itself."""
    path = checkout.base(env) / "state" / ".pulumi" / "stacks" / project / f"{env}.json"
    latest = json.loads(path.read_text())["checkpoint"].get("latest") or {}
    assert not latest.get("pending_operations")
    return [item for item in latest.get("resources") or [] if item["type"] != "pulumi:pulumi:Stack"]


def made(checkout: Checkout, env: str) -> dict[str, str]:
    """URN to id of what the state says the stand-in providers made."""
    return {
        item["urn"]: item["id"]
        for item in resources(checkout, env)
        if item.get("custom") and not item["type"].startswith("pulumi:") and not item.get("external")
    }


def ledger(checkout: Checkout, env: str) -> dict[str, str | None]:
    """URN to id of what the ledger of the stand-in providers lists; a URN listed twice is an error."""
    path = checkout.base(env) / "cloud" / "ledger.sqlite"
    if not path.exists():
        return {}
    with contextlib.closing(sqlite3.connect(path, timeout=10)) as database:
        rows = database.execute("SELECT urn, id FROM resource").fetchall()
    listed = dict(rows)
    assert len(listed) == len(rows), "a resource was made twice"
    return listed


def manifests(checkout: Checkout, env: str) -> dict[str, str]:
    """Text of each rendered object, by its path below `manifests`."""
    folder = checkout.base(env) / "manifests"
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


def expected_manifests(checkout: Checkout, env: str) -> set[str]:
    """Where the objects of the state must be."""
    expected: set[str] = set()
    for item in resources(checkout, env):
        if not item["type"].startswith("kubernetes:"):
            continue
        out = item["outputs"]
        if item["type"].endswith(":Release"):
            expected.add(f"{out['namespace']}/helm-{out['name']}.yaml")
        else:
            metadata = out["metadata"]
            expected.add(f"{metadata.get('namespace', '_cluster')}/{out['kind']}-{metadata['name']}.yaml")
    return expected


def manifest(checkout: Checkout, env: str, path: str) -> Any:
    """One rendered object."""
    return yaml.safe_load((checkout.base(env) / "manifests" / path).read_text())


@dataclass(frozen=True)
class Cloud:
    """The stand-in cloud of an environment, asked through boto3."""

    endpoint: str
    account: str

    def client(self, service: str) -> Any:
        client: Any = boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id="rehearsal",
            aws_secret_access_key="rehearsal",
            config=Config(s3={"addressing_style": "path"}, proxies={}),
        )

        def as_account(request: Any, **_: Any) -> None:
            request.headers["x-moto-account-id"] = self.account  # how a moto server tells accounts apart

        client.meta.events.register("before-sign.*.*", as_account)
        return client

    def inventory(self) -> dict[str, list[str]]:
        """What exists, by kind: everything that an account does not have from the beginning."""
        kms, events = self.client("kms"), self.client("events")
        keys = [kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"] for key in self._all("kms", "list_keys", "Keys")]
        return {
            "buckets": [item["Name"] for item in self.client("s3").list_buckets()["Buckets"]],
            "keys": [key["KeyId"] for key in keys if key["KeyState"] != "PendingDeletion"],
            "secrets": [item["Name"] for item in self._all("secretsmanager", "list_secrets", "SecretList")],
            "roles": [item["RoleName"] for item in self._all("iam", "list_roles", "Roles")],
            "policies": [item["Arn"] for item in self._all("iam", "list_policies", "Policies", Scope="Local")],
            "queues": [url.rpartition("/")[2] for url in self.client("sqs").list_queues().get("QueueUrls", [])],
            "topics": [item["TopicArn"] for item in self._all("sns", "list_topics", "Topics")],
            "rules": [
                item["Name"]
                for bus in events.list_event_buses()["EventBuses"]
                for item in events.list_rules(EventBusName=bus["Name"])["Rules"]
            ],
            "log groups": [item["logGroupName"] for item in self._all("logs", "describe_log_groups", "logGroups")],
        }

    def secrets(self) -> dict[str, str]:
        """Every secret's value, by its name."""
        client = self.client("secretsmanager")
        names = [item["Name"] for item in self._all("secretsmanager", "list_secrets", "SecretList")]
        found: dict[str, str] = {}
        for name in names:
            with contextlib.suppress(client.exceptions.ResourceNotFoundException):
                found[name] = client.get_secret_value(SecretId=name)["SecretString"]
        return found

    def _all(self, service: str, call: str, key: str, **arguments: Any) -> list[Any]:
        pages = self.client(service).get_paginator(call).paginate(**arguments)
        return [item for page in pages for item in page[key]]


@contextlib.contextmanager
def cloud(checkout: Checkout, env: str) -> Iterator[Cloud]:
    """The cloud of a rehearsal that is not running, restored from its journal for the duration."""
    account = yaml.safe_load((checkout.root / f"Pulumi.{env}.yaml").read_text())["config"]["plinth:platform"][
        "environment"
    ]["account_id"]
    child = Child(
        "plinth_cli.rehearsal.cloud",
        ["--journal", str(checkout.base(env) / "cloud" / "journal")],
        log=checkout.temporary / "cloud.log",
        environ={"PLINTH_JOURNAL_KEY": (checkout.base(env) / "passphrase").read_text().strip()},
    )
    try:
        yield Cloud(f"http://127.0.0.1:{child.ready['port']}", account)
    finally:
        child.stop()


IN_STATE = {
    "buckets": "aws:s3/bucket:Bucket",
    "keys": "aws:kms/key:Key",
    "roles": "aws:iam/role:Role",
    "policies": "aws:iam/policy:Policy",
    "queues": "aws:sqs/queue:Queue",
    "topics": "aws:sns/topic:Topic",
    "rules": "aws:cloudwatch/eventRule:EventRule",
    "log groups": "aws:cloudwatch/logGroup:LogGroup",
}
"""Types whose id in the state is what `Cloud.inventory` lists."""


def assert_all_agree(checkout: Checkout, env: str) -> None:
    """State, ledger, manifests and cloud tell of the same things, each once."""
    state = made(checkout, env)
    assert ledger(checkout, env) == state
    assert set(manifests(checkout, env)) == expected_manifests(checkout, env)
    with cloud(checkout, env) as found:
        inventory = found.inventory()
    listed = resources(checkout, env)
    expected = {
        kind: [_name(kind, item["id"]) for item in listed if item["type"] == token] for kind, token in IN_STATE.items()
    }
    expected["secrets"] = [
        item["outputs"]["name"] for item in listed if item["type"] == "aws:secretsmanager/secret:Secret"
    ]
    assert _sorted(inventory) == _sorted(expected)


def _name(kind: str, identifier: str) -> str:
    return identifier.rpartition("/")[2] if kind == "queues" else identifier


def _sorted(lists: dict[str, list[str]]) -> dict[str, list[str]]:
    return {kind: sorted(names) for kind, names in sorted(lists.items())}


def processes(checkout: Checkout) -> dict[int, str]:
    """Running processes that a command of this checkout started: id and command line."""
    found: dict[int, str] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if checkout.mark.encode() not in (entry / "environ").read_bytes():
                continue
            if (entry / "stat").read_text().rpartition(")")[2].split()[0] != "Z":
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return found


def end_processes(checkout: Checkout) -> None:
    """End what a failed test left running; only what this checkout's commands started."""
    for pid in processes(checkout):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def until(condition: Callable[[], T], seconds: float = 60, what: str = "the condition") -> T:
    """Wait until something is true, and return it."""
    end = time.monotonic() + seconds
    while True:
        if found := condition():
            return found
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.05)
