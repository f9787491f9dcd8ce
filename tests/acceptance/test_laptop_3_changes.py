"""A running laptop's spec changes: what is new is served, the rest keeps running, secrets stay hidden."""

import stat

import openai
import pytest
from acceptance import leaks
from acceptance.local import QUESTION, Local
from acceptance.provider import ANSWER

PROVIDER_KEY = "canary-provider-key-5d0c7e"
SECRET = "plinth/local/providers/large"


def add_route_tenant_and_hosted_model(spec, url: str) -> None:
    spec["models"].append(
        {
            "kind": "hosted",
            "name": "large",
            "provider": "openai_compatible",
            "model": "large",
            "base_url": url,
            "api_key_secret": SECRET,
        }
    )
    spec["gateway"]["routes"] += [
        {"name": "quick", "targets": [{"model": "dev-small"}]},
        {"name": "large", "targets": [{"model": "large"}]},
    ]
    tenant = {**spec["tenants"][1], "name": "analytics", "routes": ["quick", "large"]}
    spec["tenants"].append(tenant)


def test_a_changed_spec_is_served_and_only_what_it_affects_restarts(local: Local):
    before = local.running()
    local.cloud.client("secretsmanager").create_secret(Name=SECRET, SecretString=PROVIDER_KEY)
    local.checkout.edit_spec("local", lambda spec: add_route_tenant_and_hosted_model(spec, local.provider.url))
    up = local.checkout.plinth("up", "local", "--json").ok()
    assert up.doc["policy"]["violations"] == []
    assert up.changed()["plinth:index:Tenant tenant-analytics"] == "create"
    after = local.running()
    assert {name for name in before if before[name] != after[name]} == {"gateway"}
    client = local.client(local.key("analytics"))
    assert {model.id for model in client.models.list()} == {"quick", "large"}
    assert (
        "development model"
        in client.chat.completions.create(model="quick", messages=QUESTION).choices[0].message.content
    )
    answer = client.chat.completions.create(model="large", messages=QUESTION)
    assert answer.choices[0].message.content == ANSWER
    assert local.provider.authorized_as == [f"Bearer {PROVIDER_KEY}"]
    with pytest.raises(openai.NotFoundError):
        local.client(local.key("search")).chat.completions.create(model="quick", messages=QUESTION)


def test_no_secret_is_on_disk_but_where_processes_read_it(local: Local):
    secrets = leaks.in_cloud(local.cloud)
    assert secrets.pop(f"{SECRET} 0") == PROVIDER_KEY
    assert len(secrets) >= 6  # three tenants, the cache, Grafana, the vector store's logins
    secrets |= {
        "provider": PROVIDER_KEY,
        "passphrase": (local.checkout.base("local") / "passphrase").read_text().strip(),
    }
    base = local.checkout.base("local")
    mounts, passphrase = base / "run" / "mounts", base / "passphrase"
    assert leaks.on_disk([local.checkout.root.parent], secrets, [mounts, passphrase]) == []
    found = {line.rpartition(": ")[2] for line in leaks.on_disk([mounts], secrets)}
    assert found == {"provider"}, "the gateway is given hashes of tenants' keys, and the provider's key"
    for path in [passphrase, *(path for path in mounts.rglob("*") if path.is_file())]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o700 for path in [mounts, *mounts.rglob("*")] if path.is_dir())
    said = [
        local.checkout.plinth(*command).said
        for command in (
            ("status", "local", "--json"),
            ("logs", "local"),
            ("preview", "local", "--json"),
            ("preview", "local"),
        )
    ]
    assert leaks.in_text([local.up.said, local.preview.said, *said], secrets) == []
