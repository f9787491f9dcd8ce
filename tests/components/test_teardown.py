"""In which order an environment goes: a test over the dependencies of everything that its program registers.

The engine deletes what depends on something before it: by property, `depends_on`, parent and provider.
"""

from collections.abc import Iterable
from functools import cache

import pytest
from support.platforms import recorded_platform
from support.recorder import Recorded
from support.worlds import spec

from plinth import definitions, naming
from plinth.cluster import crds
from plinth.spec import PlatformSpec

ENVIRONMENTS = ("local", "dev", "staging", "prod")
RELEASE = "kubernetes:helm.sh/v3:Release"

CONTROLLERS = {
    "karpenter.sh": "karpenter",
    "karpenter.k8s.aws": "karpenter",
    "external-secrets.io": "external-secrets",
    "keda.sh": "keda",
    "monitoring.coreos.com": "monitoring",
    "kueue.x-k8s.io": "kueue",
    "ray.io": "kuberay-operator",
    "policies.kyverno.io": "kyverno",
    "serving.kserve.io": "kserve-llmisvc-resources",
    "leaderworkerset.x-k8s.io": "lws",
    "trainer.kubeflow.org": "kubeflow-trainer",
}
"""Name or chart of the release whose controller cleans up after objects of an API group."""


class Teardown:
    """What goes after what, by logical name."""

    def __init__(self, name: str) -> None:
        self.resources = recorded_platform(name).resources
        self._direct: dict[str, set[str]] = {}
        for resource in self.resources:
            provider = {resource.provider.rpartition("::")[0].rpartition("::")[2]} if resource.provider else set()
            direct = {*resource.depends_on, *provider, *([resource.parent] if resource.parent else [])}
            self._direct.setdefault(resource.name, set()).update(direct - {resource.name})
        self._closed: dict[str, frozenset[str]] = {}

    def after(self, name: str) -> frozenset[str]:
        """Everything that goes after a resource."""
        if name not in self._closed:
            seen: set[str] = set()
            waiting = [name]
            while waiting:
                new = self._direct.get(waiting.pop(), set()) - seen
                seen |= new
                waiting += new
            self._closed[name] = frozenset(seen)
        return self._closed[name]

    def of(self, *types: str) -> list[Recorded]:
        return [resource for resource in self.resources if resource.type in types]

    def in_cluster(self) -> list[Recorded]:
        return [each for each in self.resources if each.type.startswith("kubernetes:")]

    def missing(self, firsts: Iterable[Recorded], lasts: Iterable[Recorded | str]) -> list[str]:
        """Pairs whose order nothing tells."""
        names = [last if isinstance(last, str) else last.name for last in lasts]
        return [
            f"{one.name} may go after {last}" for one in firsts for last in names if last not in self.after(one.name)
        ]


@cache
def teardown_of(name: str) -> Teardown:
    return Teardown(name)


@pytest.fixture(params=ENVIRONMENTS)
def teardown(request) -> Teardown:
    return teardown_of(request.param)


@pytest.fixture
def wanted(request, teardown) -> PlatformSpec:
    return spec(request.node.callspec.params["teardown"])


def group_of(resource: Recorded) -> str:
    return str(resource.inputs.get("apiVersion", "")).partition("/")[0]


def custom(teardown: Teardown) -> list[Recorded]:
    groups = {each.group for each in definitions.index().values()}
    return [each for each in teardown.in_cluster() if group_of(each) in groups]


def releases(teardown: Teardown, name: str) -> list[Recorded]:
    return [
        each for each in teardown.of(RELEASE) if name in (each.inputs["name"], each.inputs["chart"].rpartition("/")[2])
    ]


def test_what_is_in_the_cluster_goes_before_access_nodes_addons_and_cluster(teardown):
    """Without its access entry the deployer could delete nothing; without nodes no controller would clean up."""
    later = teardown.of(
        "aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
        "aws:eks/addon:Addon",
        "aws:eks/cluster:Cluster",
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    )
    later += [each for each in teardown.of("aws:eks/nodeGroup:NodeGroup") if "system" in each.name]
    later = [each for each in later if each.name.startswith("cluster-")]
    assert len(later) > 5
    assert not teardown.missing(teardown.in_cluster(), later)


def test_custom_resources_go_before_their_controller_and_their_definition(teardown, wanted):
    for resource in custom(teardown):
        group = group_of(resource)
        controllers = releases(teardown, CONTROLLERS[group]) if group in CONTROLLERS else []
        by_eks = group == "eks.amazonaws.com" or (group == "karpenter.sh" and _is_auto(resource))
        assert controllers or by_eks or group not in CONTROLLERS, f"{resource.name}: no controller of {group}"
        if by_eks:
            continue
        bundled = {each.project for each in definitions.index().values() if each.group == group} & set(
            crds.projects(wanted)
        )
        assert not teardown.missing([resource], [*controllers, *(f"crds-{project}" for project in bundled)])


def _is_auto(resource: Recorded) -> bool:
    spec_of = resource.inputs["spec"]
    return spec_of.get("template", {}).get("spec", {}).get("nodeClassRef", {}).get("group") == "eks.amazonaws.com"


def test_controllers_go_before_definitions(teardown):
    bundled = [each for each in teardown.of(RELEASE) if each.inputs["name"].startswith("crds-")]
    names = {each.inputs["name"].removeprefix("crds-") for each in bundled}
    pairs = {"karpenter": "karpenter", "keda": "keda", "prometheus": "monitoring"}
    for project, controller in pairs.items():
        if project in names:
            assert not teardown.missing(releases(teardown, controller), [f"crds-{project}"])


def test_node_pools_go_before_what_their_nodes_need(teardown):
    """Pool, then class, then controller, then the role that its nodes and the instances profile stand on."""
    pools = [each for each in custom(teardown) if each.inputs["kind"] == "NodePool" and not _is_auto(each)]
    assert pools
    roles = [each for each in teardown.resources if each.name.startswith("karpenter-") and each.type.startswith("aws:")]
    roles = [each for each in roles if "budget" not in each.name]
    assert len(roles) > 5
    controllers = releases(teardown, "karpenter")
    assert not teardown.missing(pools, controllers)
    essential = ("aws:iam/", "aws:eks/", "aws:sqs/queue:")
    assert not teardown.missing(pools, [each for each in roles if each.type.startswith(essential)])
    for pool in pools:
        wanted_class = pool.inputs["spec"]["template"]["spec"]["nodeClassRef"]["name"]
        classes = [
            each
            for each in custom(teardown)
            if each.inputs["kind"] == "EC2NodeClass" and each.inputs["metadata"]["name"] == wanted_class
        ]
        assert not teardown.missing([pool], classes)


def test_managed_nodes_go_before_their_role_and_its_policies(teardown):
    roles = [
        each
        for each in teardown.of("aws:iam/role:Role", "aws:iam/rolePolicyAttachment:RolePolicyAttachment")
        if each.name.startswith("cluster-system-nodes")
    ]
    assert len(roles) > 2
    assert not teardown.missing(teardown.of("aws:eks/nodeGroup:NodeGroup"), roles)


def test_the_cluster_goes_before_its_network(teardown):
    """Nodes leave through it, and their interfaces hold subnets and security groups."""
    network = teardown.of("aws:ec2/subnet:Subnet", "aws:ec2/vpc:Vpc", "aws:ec2/natGateway:NatGateway")
    assert network
    assert not teardown.missing(teardown.of("aws:eks/cluster:Cluster"), network)


def test_pod_identities_go_after_the_pods_that_use_them(teardown):
    """A controller without its role leaves behind what it made in the cloud."""
    pairs = {
        "karpenter": "karpenter-identity",
        "external-secrets": "secrets-identity",
        "monitoring": "monitoring-identity",
    }
    for release, identity in pairs.items():
        found = [each for each in teardown.resources if each.name.startswith(f"{identity}-")]
        assert len(found) > 1
        assert not teardown.missing(releases(teardown, release), found)


def test_external_secrets_go_before_their_store(teardown):
    stores = {
        each.inputs["metadata"]["name"]: each.name for each in custom(teardown) if "SecretStore" in each.inputs["kind"]
    }
    secrets = [each for each in custom(teardown) if each.inputs["kind"] == "ExternalSecret"]
    assert secrets
    for secret in secrets:
        assert not teardown.missing([secret], [stores[secret.inputs["spec"]["secretStoreRef"]["name"]]])


def test_owners_of_volumes_go_before_the_storage_class_and_its_driver(teardown):
    """The driver deletes the volumes: it must outlive the claims."""
    owners = [*releases(teardown, "monitoring"), *teardown.of("kubernetes:apps/v1:StatefulSet")]
    classes = teardown.of("kubernetes:storage.k8s.io/v1:StorageClass")
    assert classes
    assert not teardown.missing(owners, [*classes, "cluster-addon-aws-ebs-csi-driver"])


def test_load_balancers_go_before_nodes_and_cluster(teardown):
    fronts = [
        each
        for each in teardown.in_cluster()
        if each.type.endswith(":Ingress") or each.inputs.get("spec", {}).get("type") == "LoadBalancer"
    ]
    assert not teardown.missing(fronts, teardown.of("aws:eks/nodeGroup:NodeGroup", "aws:eks/cluster:Cluster"))


def test_namespaces_go_after_what_is_in_them(teardown):
    spaces = {each.inputs["metadata"]["name"]: each.name for each in teardown.of("kubernetes:core/v1:Namespace")}
    inside = [
        (each, spaces[namespace])
        for each in teardown.in_cluster()
        if (namespace := each.inputs.get("metadata", each.inputs).get("namespace")) in spaces
    ]
    assert len(inside) > 20
    assert not [line for each, space in inside for line in teardown.missing([each], [space])]


def test_workloads_go_before_the_nodes_that_they_run_on(teardown):
    """Else Karpenter starts a new node for every pod that it has just drained."""
    pools = {each.inputs["metadata"]["name"]: each for each in custom(teardown) if each.inputs["kind"] == "NodePool"}
    general = [each for each in pools.values() if each.name.startswith("general-")]
    assert general
    assert not teardown.missing(releases(teardown, "monitoring"), general)
    for workload in teardown.of("kubernetes:apps/v1:Deployment"):
        chosen = workload.inputs["spec"]["template"]["spec"].get("nodeSelector", {}).get(naming.POOL_LABEL)
        if chosen in pools:
            assert not teardown.missing([workload], [pools[chosen]])


def test_the_checks_notice_a_lost_dependency(teardown):
    """The cluster depends on no node pool: the other way around nothing would be found."""
    cluster = teardown.of("aws:eks/cluster:Cluster")
    namespaces = teardown.of("kubernetes:core/v1:Namespace")
    assert len(teardown.missing(cluster, namespaces)) == len(namespaces)
