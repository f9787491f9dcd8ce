"""The laptop is stopped, comes back as it was, is refused a port, is killed, and is taken down."""

import json
import socket

import pytest
from acceptance import leaks, observe
from acceptance.local import QUESTION, Local
from acceptance.observe import until

GONE_SECONDS = 12


def test_down_and_up_again_brings_back_what_there_was(local: Local):
    keys = {tenant["name"]: local.key(tenant["name"]) for tenant in local.checkout.spec("local")["tenants"]}
    secrets = leaks.in_cloud(local.cloud)
    inventory = local.cloud.inventory()
    bucket = next(name for name in inventory["buckets"] if "artifacts" in name)
    local.cloud.client("s3").put_object(Bucket=bucket, Key="report.txt", Body=b"kept")
    down = local.checkout.plinth("down", "local").ok()
    assert "state is kept" in down.said
    assert observe.processes(local.checkout) == {}
    base = local.checkout.base("local")
    assert leaks.on_disk([local.checkout.root.parent], secrets, [base / "passphrase"]) == []
    status = local.checkout.plinth("status", "local")
    assert status.code == 1 and "Nothing is running" in status.out
    assert local.key("search") == keys["search"], "keys can be had while it is down"

    up = local.checkout.plinth("up", "local", "--json").ok()
    assert set(up.counts) == {"same"} and up.doc["recovered"] == []
    assert {tenant: local.key(tenant) for tenant in keys} == keys
    assert local.cloud.inventory() == inventory
    assert leaks.in_cloud(local.cloud) == secrets
    assert local.cloud.client("s3").get_object(Bucket=bucket, Key="report.txt")["Body"].read() == b"kept"
    client = local.client(keys["search"])
    assert client.chat.completions.create(model="chat", messages=QUESTION).choices
    until(lambda: "search/answers" in {model.id for model in client.models.list()}, 90, "the team's route")


@pytest.mark.parametrize("name", ["gateway", "aws", "models.dev-small"])
def test_a_busy_port_is_refused_before_anything_happens(local: Local, name: str):
    local.checkout.plinth("down", "local").ok()
    port = json.loads(json.dumps(local.ports))
    for part in name.split("."):
        port = port[part]
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", port))
        holder.listen()
        refused = local.checkout.plinth("up", "local")
    assert refused.code == 1 and "Traceback" not in refused.said
    assert f"Port {port}" in refused.err and f"platform.laptop.ports.{name}" in refused.err
    assert "Pulumi.local.yaml" in refused.err
    assert "pytest" in refused.err or "python" in refused.err, "it does not say who holds the port"
    until(lambda: not observe.processes(local.checkout), GONE_SECONDS, "the end of what was started")


@pytest.mark.parametrize("stage", ["while the engine works", "while the workloads start"])
def test_a_killed_up_leaves_nothing_running(local: Local, stage: str):
    marks = {"while the engine works": "--non-interactive up ", "while the workloads start": "plinth_runtime"}
    with local.checkout.start("up", "local") as process:
        try:
            until(
                lambda: (
                    any(marks[stage] in line for line in observe.processes(local.checkout).values())
                    or process.poll() is not None
                ),
                60,
                stage,
            )
            assert process.poll() is None, process.communicate()
        finally:
            process.kill()
    until(lambda: not observe.processes(local.checkout), GONE_SECONDS, "the end of what was started")
    base = local.checkout.base("local")
    assert not (base / "run" / "supervisor.json").exists() or local.checkout.plinth("status", "local").code == 1


def test_it_comes_back_after_being_killed(local: Local):
    up = local.checkout.plinth("up", "local", "--json").ok()
    assert set(up.counts) == {"same"}
    assert len(local.running()) == 4
    client = local.client(local.key("search"))
    assert client.chat.completions.create(model="chat-small", messages=QUESTION).choices


def test_destroy_leaves_nothing_and_stops_everything(local: Local):
    local.checkout.plinth("destroy", "local", "--stack", "stacks/search").ok()
    local.checkout.plinth("destroy", "local").ok()
    assert observe.processes(local.checkout) == {}
    assert observe.resources(local.checkout, "local") == []
    assert observe.ledger(local.checkout, "local") == {}
    assert observe.manifests(local.checkout, "local") == {}
    with observe.cloud(local.checkout, "local") as cloud:
        left = {kind: found for kind, found in cloud.inventory().items() if found}
    assert left == {"secrets": ["plinth/local/providers/large"]}, "only what the person put there stays"
