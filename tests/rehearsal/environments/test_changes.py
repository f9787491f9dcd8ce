"""One line of YAML is changed at a time on an environment that is up: what is previewed, done, and rendered."""

import json

import pytest
from acceptance import observe
from acceptance.checkout import Checkout, Ran

pytestmark = pytest.mark.xdist_group("changes")


@pytest.fixture(scope="module")
def dev(prepared, make_checkout) -> Checkout:
    checkout = make_checkout("changes")
    prepared("dev").copy_into(checkout)
    return checkout


def apply(dev: Checkout) -> Ran:
    """Preview, then update; both must say the same."""
    preview = dev.plinth("preview", "dev", "--rehearse", "--json").ok()
    before = observe.made(dev, "dev"), observe.manifests(dev, "dev")
    assert preview.doc["policy"]["violations"] == []
    up = dev.plinth("up", "dev", "--rehearse", "--json").ok()
    assert up.changed() == preview.changed()
    assert up.counts == preview.counts
    named = [
        {(item["urn"], tuple(p["path"] for p in item["properties"])) for item in run.doc["changes"]}
        for run in (preview, up)
    ]
    assert named[0] == named[1]
    for urn in before[0].keys() & observe.made(dev, "dev").keys():
        replaced = f"{urn.split('::')[2].rpartition('$')[2]} {urn.split('::')[3]}" in {
            key for key, operation in up.changed().items() if operation == "replace"
        }
        assert (before[0][urn] != observe.made(dev, "dev")[urn]) <= replaced, f"{urn} has a new id"
    return up


def routes_of(dev: Checkout, tenant: str) -> list[str]:
    text = observe.manifest(dev, "dev", "plinth-system/ConfigMap-gateway-config.yaml")["data"]["runtime.json"]
    (found,) = [item["routes"] for item in json.loads(text)["tenants"] if item["name"] == tenant]
    return found


def test_a_changed_property_of_a_cloud_resource_updates_it_alone(dev):
    manifests = observe.manifests(dev, "dev")
    dev.replace_line(
        "dev",
        "    postgres: {min_acu: 0, max_acu: 2, backup_days: 1}",
        "    postgres: {min_acu: 0, max_acu: 4, backup_days: 1}",
    )
    up = apply(dev)
    assert up.changed() == {
        "plinth:index:Postgres postgres": "update",
        "aws:rds/cluster:Cluster postgres-cluster": "update",
    }
    path = "serverlessv2ScalingConfiguration.maxCapacity"
    assert up.properties("postgres-cluster") == {path: {"path": path, "old": 2, "new": 4, "forcesReplacement": False}}
    assert observe.manifests(dev, "dev") == manifests


def test_a_changed_kubernetes_object_is_rendered_and_restarts_what_reads_it(dev):
    assert routes_of(dev, "search") == ["chat"]
    before = observe.manifests(dev, "dev")
    dev.replace_line("dev", "        routes: [chat]", "        routes: [chat, chat-large]")
    up = apply(dev)
    assert up.changed() == {
        "plinth:index:Tenant tenant-search": "update",
        "kubernetes:core/v1:ConfigMap gateway-config": "update",
        "kubernetes:apps/v1:Deployment gateway-deployment": "update",
    }
    assert set(up.properties("gateway-config")) == {'data["runtime.json"]'}
    assert routes_of(dev, "search") == ["chat", "chat-large"]
    after = observe.manifests(dev, "dev")
    assert {path for path in after if after[path] != before[path]} == {
        "plinth-system/ConfigMap-gateway-config.yaml",
        "plinth-system/Deployment-gateway.yaml",
    }


def test_an_immutable_property_replaces_and_is_named(dev):
    nodes = "aws:eks/nodeGroup:NodeGroup cluster-system-nodes"
    old = [urn for urn in observe.made(dev, "dev") if urn.endswith("::cluster-system-nodes")]
    generation = observe.made(dev, "dev")[old[0]]
    line = "      system_nodes: {{instance_types: [{}.large, t4g.xlarge], min_size: 2, max_size: 3}}"
    dev.replace_line("dev", line.format("t4g"), line.format("m7g"))
    plain = dev.plinth("preview", "dev", "--rehearse").ok()
    (told,) = [text for text in plain.out.splitlines() if "forces replacement" in text]
    assert told.split() == ["instanceTypes[0]:", '"t4g.large"', "→", '"m7g.large"', "forces", "replacement"]
    assert "± cluster-system-nodes  aws eks NodeGroup" in plain.out and "1 to replace" in plain.out
    up = apply(dev)
    assert up.changed() == {"plinth:index:Cluster cluster": "update", nodes: "replace"}
    assert up.properties("cluster-system-nodes")["instanceTypes[0]"]["forcesReplacement"] is True
    assert observe.made(dev, "dev")[old[0]] != generation


def test_an_immutable_kubernetes_object_is_replaced_on_disk_too(dev):
    dev.replace_line(
        "dev", "        - {name: documents, dimensions: 1024}", "        - {name: documents, dimensions: 768}"
    )
    before = observe.manifests(dev, "dev")
    up = apply(dev)
    assert up.changed() == {
        "plinth:index:VectorStore vector": "update",
        "kubernetes:core/v1:ConfigMap vector-schema": "update",
        "kubernetes:batch/v1:Job vector-job": "replace",
    }
    assert up.properties("vector-job")["metadata.name"]["forcesReplacement"] is True
    after = observe.manifests(dev, "dev")
    (gone,), (new,) = before.keys() - after.keys(), after.keys() - before.keys()
    assert gone.startswith("plinth-system/Job-vector-schema-") and new.startswith("plinth-system/Job-vector-schema-")


def test_what_leaves_the_file_is_deleted(dev):
    dev.replace_line("dev", "        - {name: artifacts, expire_after_days: 90}", "")
    up = apply(dev)
    assert up.counts["delete"] == 7 and up.counts["update"] == 1
    assert up.changed()["aws:s3/bucket:Bucket storage-artifacts"] == "delete"
    assert up.changed()["plinth:index:ObjectStore storage"] == "update"

    dev.edit_spec("dev", lambda spec: spec.pop("snowflake"))
    snowflake = {item["urn"] for item in observe.resources(dev, "dev") if "snowflake" in item["type"].lower()}
    up = apply(dev)
    assert {item["urn"] for item in up.doc["changes"]} == snowflake
    assert up.counts["delete"] == len(snowflake)
    observe.assert_all_agree(dev, "dev")
