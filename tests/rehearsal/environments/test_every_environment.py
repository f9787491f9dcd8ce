"""Each environment on the real engine: previewed, brought up, brought up again, and taken down."""

from dataclasses import dataclass

import pytest
from acceptance import observe
from acceptance.checkout import Checkout, Prepared, Ran

LEAST_RESOURCES = {"dev": 150, "staging": 150, "prod": 150}


@dataclass
class Site:
    """One environment, on which the tests of this module act in order."""

    env: str
    checkout: Checkout
    prepared: Prepared

    def plinth(self, operation: str):
        return self.checkout.plinth(operation, self.env, "--rehearse", "--json")


@pytest.fixture(scope="module", params=["prod", "staging", "dev"])
def site(request, prepared, make_checkout) -> Site:
    env = request.param
    checkout = make_checkout(env)
    have = prepared(env)
    have.copy_into(checkout)
    return Site(env, checkout, have)


def test_a_first_preview_and_the_update_after_it_say_the_same_and_break_no_policy(site):
    preview, up = site.prepared.preview.ok(), site.prepared.up.ok()
    for run in (preview, up):
        assert run.doc["policy"] == {"packs": 1, "violations": []}
        assert set(run.counts) == {"create"}
        assert run.doc["diagnostics"] == []
    assert preview.changed() == up.changed()
    assert up.counts["create"] >= LEAST_RESOURCES[site.env]
    assert up.counts["create"] == len(observe.resources(site.checkout, site.env))


def test_what_is_up_agrees_with_itself(site):
    observe.assert_all_agree(site.checkout, site.env)


def test_a_second_update_changes_nothing(site):
    before = observe.made(site.checkout, site.env), observe.manifests(site.checkout, site.env)
    journal = site.checkout.base(site.env) / "cloud" / "journal"
    size = journal.stat().st_size
    again = site.plinth("up").ok()
    assert again.counts == {"same": site.prepared.up.counts["create"]}
    assert again.doc["changes"] == []
    assert (observe.made(site.checkout, site.env), observe.manifests(site.checkout, site.env)) == before
    assert journal.stat().st_size == size, "the cloud was changed"


RELEASE = "kubernetes:helm.sh/v3:Release"


def assert_goes_in_order(run: Ran) -> None:
    """What the engine really did: the cloud resources of controllers go before these, and these before the cluster."""
    steps = [(item["type"], item["name"]) for item in run.doc["changes"] if item["operation"] == "delete"]
    place = {step: number for number, step in enumerate(steps)}

    def of(start: str, name: str = "") -> list[int]:
        found = [place[step] for step in steps if step[0].startswith(start) and step[1].startswith(name)]
        assert found, f"nothing of type {start} and name {name} was deleted"
        return found

    controllers = [number for (kind, name), number in place.items() if kind == RELEASE and not name.startswith("crds-")]
    assert max(of("kubernetes:")) < min(of("aws:eks/cluster:Cluster"))
    assert max(of("kubernetes:")) < min(of("aws:eks/nodeGroup:NodeGroup", "cluster-"))
    assert max(of("kubernetes:apps/v1:Deployment", "model-")) < min(of("kubernetes:karpenter.sh/v1:NodePool"))
    for kind, name in steps:
        if kind == "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass":
            pool = ("kubernetes:karpenter.sh/v1:NodePool", f"{name.removesuffix('-class')}-pool")
            assert place[pool] < place[kind, name]
    assert max(of("kubernetes:karpenter.k8s.aws/v1:EC2NodeClass")) < min(of(RELEASE, "karpenter"))
    assert max(of(RELEASE, "karpenter")) < min(of("aws:iam/rolePolicy:RolePolicy", "karpenter-identity"))
    assert max(of(RELEASE, "karpenter")) < min(of("aws:sqs/queue:Queue", "karpenter"))
    assert max(of("kubernetes:external-secrets.io/v1:ExternalSecret")) < min(of(RELEASE, "secrets-operator"))
    assert max(of("kubernetes:keda.sh/v1alpha1:ScaledObject")) < min(of(RELEASE, "keda"))
    assert max(of("kubernetes:kueue.x-k8s.io/v1beta2:LocalQueue")) < min(of(RELEASE, "batch-kueue"))
    assert max(of(RELEASE, "karpenter")) < min(of(RELEASE, "crds-karpenter"))
    assert controllers and max(of("aws:eks/cluster:Cluster")) > max(controllers)


def test_a_rehearsed_destroy_leaves_nothing(site):
    state = observe.resources(site.checkout, site.env)
    protected = [item for item in state if item.get("protect")]
    assert bool(protected) == (site.env != "dev")
    if protected:
        plain = site.checkout.plinth("destroy", site.env, "--rehearse").ok()
        assert f"{len(protected)} resources are protected" in plain.said
    else:
        assert_goes_in_order(site.plinth("destroy").ok())
    assert observe.resources(site.checkout, site.env) == []
    assert observe.ledger(site.checkout, site.env) == {}
    assert observe.manifests(site.checkout, site.env) == {}
    with observe.cloud(site.checkout, site.env) as cloud:
        assert {kind: found for kind, found in cloud.inventory().items() if found} == {}
    assert observe.processes(site.checkout) == {}
    assert list(site.checkout.temporary.glob("automation-*")) == []
