"""One line of YAML is changed at a time on an environment that is up: what is previewed, done, and rendered."""

import json

import pytest
from acceptance import observe
from acceptance.checkout import Checkout, Ran

ENV = "dev"


@pytest.fixture(scope="module")
def dev(prepared, make_checkout) -> Checkout:
    checkout = make_checkout("changes")
    prepared(ENV).copy_into(checkout)
    return checkout


def what(run: Ran) -> set[tuple[str, str, tuple[str, ...]]]:
    """Resource, operation and changed properties of each change."""
    return {
        (item["urn"], item["operation"], tuple(changed["path"] for changed in item["properties"]))
        for item in run.doc["changes"]
    }


def apply(dev: Checkout) -> Ran:
    """Preview, then update: both say the same, and only what is replaced gets another id."""
    preview = dev.plinth("preview", ENV, "--rehearse", "--json").ok()
    before = observe.made(dev, ENV)
    up = dev.plinth("up", ENV, "--rehearse", "--json").ok()
    assert what(up) == what(preview) and up.counts == preview.counts
    assert preview.doc["policy"] == up.doc["policy"] == {"packs": 1, "violations": []}
    after = observe.made(dev, ENV)
    renewed = {urn for urn in before.keys() & after.keys() if before[urn] != after[urn]}
    assert renewed == {urn for urn, operation, _ in what(up) if operation == "replace"}
    return up


def test_a_changed_property_of_a_cloud_resource_updates_it_alone(dev):
    manifests = observe.manifests(dev, ENV)
    dev.edit_line(ENV, "max_acu: 2,", "max_acu: 4,")
    up = apply(dev)
    cluster = "aws:rds/cluster:Cluster postgres-cluster"
    assert up.changed() == {"plinth:index:Postgres postgres": "update", cluster: "update"}
    path = "serverlessv2ScalingConfiguration.maxCapacity"
    assert up.properties("postgres-cluster") == {path: {"path": path, "old": 2, "new": 4, "forcesReplacement": False}}
    assert observe.manifests(dev, ENV) == manifests


def test_a_changed_kubernetes_object_is_rendered_and_what_reads_it_again_is_not_restarted(dev):
    before = observe.manifests(dev, ENV)
    dev.edit_line(ENV, "routes: [chat]", "routes: [chat, chat-large]")
    up = apply(dev)
    assert up.changed() == {
        "plinth:index:Tenant tenant-search": "update",
        "kubernetes:core/v1:ConfigMap gateway-config": "update",
    }
    assert set(up.properties("gateway-config")) == {'data["runtime.json"]'}
    after = observe.manifests(dev, ENV)
    config = "plinth-system/ConfigMap-gateway-config.yaml"
    assert {path for path in after if after[path] != before[path]} == {config}
    tenants = json.loads(observe.manifest(dev, ENV, config)["data"]["runtime.json"])["tenants"]
    assert [tenant["routes"] for tenant in tenants if tenant["name"] == "search"] == [["chat", "chat-large"]]


def test_an_immutable_property_replaces_and_is_named(dev):
    before = observe.manifests(dev, ENV)
    dev.edit_line(ENV, "dimensions: 1024}", "dimensions: 768}")
    dev.edit_line(ENV, "instance_types: [t4g.large,", "instance_types: [m7g.large,")
    up = apply(dev)
    assert up.changed() == {
        "plinth:index:Cluster cluster": "update",
        "aws:eks/nodeGroup:NodeGroup cluster-system-nodes": "replace",
        "plinth:index:VectorStore vector": "update",
        "kubernetes:core/v1:ConfigMap vector-schema": "update",
        "kubernetes:batch/v1:Job vector-job": "replace",
    }
    forcing = {
        name: [path for path, changed in up.properties(name).items() if changed["forcesReplacement"]]
        for name in ("cluster-system-nodes", "vector-job")
    }
    assert forcing == {"cluster-system-nodes": ["instanceTypes[0]"], "vector-job": ["metadata.name"]}
    after = observe.manifests(dev, ENV)
    (gone,), (new,) = before.keys() - after.keys(), after.keys() - before.keys()
    assert gone.startswith("plinth-system/Job-vector-schema-") and new.startswith("plinth-system/Job-vector-schema-")


def test_what_leaves_the_file_is_deleted_and_a_person_reads_what_will_happen(dev):
    dev.edit_line(ENV, "- {name: artifacts, expire_after_days: 90}", "")
    dev.edit_line(ENV, "buckets: [artifacts]", "")
    dev.edit_line(ENV, "instance_types: [m7g.large,", "instance_types: [t4g.large,")
    plain = dev.plinth("preview", ENV, "--rehearse", "--markdown", "report.md", "--html", "report.html").ok()
    line = (dev.root / "Pulumi.dev.yaml").read_text().splitlines().index("    storage:") + 1
    comment = (dev.root / "report.md").read_text()
    lost = "- **aws s3 Bucket storage-artifacts is deleted**. It holds data that exists nowhere else"
    assert lost in comment and f"(`storage`, Pulumi.dev.yaml:{line})" in comment.partition("<details>")[0]
    assert '["cluster", "network"]' in (dev.root / "report.html").read_text()
    (told,) = [line.split() for line in plain.out.splitlines() if "forces replacement" in line]
    assert told == ["instanceTypes[0]:", '"m7g.large"', "→", '"t4g.large"', "forces", "replacement"]
    assert "± cluster-system-nodes  aws eks NodeGroup" in plain.out
    assert "3 to update, 1 to replace, 13 to delete" in plain.out
    dev.edit_line(ENV, "instance_types: [t4g.large,", "instance_types: [m7g.large,")
    dev.edit_spec(ENV, lambda spec: spec.pop("snowflake"))
    snowflake = {item["urn"] for item in observe.resources(dev, ENV) if "snowflake" in item["type"].lower()}
    up = apply(dev)
    deleted = {urn for urn, operation, _ in what(up) if operation == "delete"}
    buckets = {urn for urn in deleted if "::storage-artifacts" in urn}
    # What let the tenant's pods reach the bucket, since it was their only one.
    access = {urn for urn in deleted if "Tenant$" in urn}
    assert (len(buckets), len(access)) == (7, 6) and deleted == buckets | access | snowflake
    updated = {"plinth:index:ObjectStore storage": "update", "plinth:index:Tenant tenant-search": "update"}
    assert updated.items() <= up.changed().items() and up.counts["update"] == 2
    observe.assert_all_agree(dev, ENV)
