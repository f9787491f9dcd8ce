import json

import pytest
from support.platforms import recorded_platform

from plinth import definitions, naming
from plinth.batch import plan, rules
from plinth.kinds.kueue import WorkloadPriorityClass

RELEASE = "kubernetes:helm.sh/v3:Release"
KUEUE = "kubernetes:kueue.x-k8s.io/v1beta2:"


@pytest.fixture(scope="module")
def prod():
    return recorded_platform("prod")


def test_kueue_manages_tenants_queues_and_nothing_else(prod):
    release = prod.one(RELEASE, "batch-kueue")
    config = json.loads(release.inputs["values"]["managerConfig"]["controllerManagerConfigYaml"])
    assert config["manageJobsWithoutQueueName"] is False
    assert config["managedJobsNamespaceSelector"] == {"matchLabels": {naming.QUEUE_LABEL: "true"}}
    assert config["integrations"]["frameworks"] == [
        "batch/job",
        "pod",
        "trainer.kubeflow.org/trainjob",
        "ray.io/rayjob",
    ]
    assert {"batch-trainer", "kuberay"} <= release.depends_on
    labels = {space.name: space.inputs["metadata"]["labels"] for space in prod.of("kubernetes:core/v1:Namespace")}
    queued = {name for name, item in labels.items() if item.get(naming.QUEUE_LABEL) == "true"}
    assert queued == {"tenant-search-namespace", "tenant-analytics-namespace"}


def test_a_flavor_sends_pods_to_its_pool(prod):
    flavors = {flavor.inputs["metadata"]["name"]: flavor.inputs["spec"] for flavor in prod.of(f"{KUEUE}ResourceFlavor")}
    taint = {"key": naming.POOL_LABEL, "operator": "Equal", "value": "batch", "effect": "NoSchedule"}
    assert flavors["general"] == {"nodeLabels": {naming.POOL_LABEL: "batch"}, "tolerations": [taint]}
    assert flavors["a100-training"]["nodeLabels"] == {naming.POOL_LABEL: "a100-training"}
    assert flavors["a100-training"]["tolerations"] == [
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
        {"key": naming.POOL_LABEL, "operator": "Equal", "value": "a100-training", "effect": "NoSchedule"},
    ]


def quotas(groups):
    (group,) = groups
    return {
        flavor["name"]: {
            item["name"]: (item["nominalQuota"], item.get("borrowingLimit")) for item in flavor["resources"]
        }
        for flavor in group["flavors"]
    }


def test_a_tenants_queue_is_its_own_and_may_borrow(prod):
    queue = prod.one(f"{KUEUE}ClusterQueue", "tenant-search-cluster-queue").inputs["spec"]
    (group,) = queue["resourceGroups"]
    assert group["coveredResources"] == ["cpu", "memory", "nvidia.com/gpu"]
    assert all([item["name"] for item in f["resources"]] == group["coveredResources"] for f in group["flavors"])
    # A p4d has 96 processors and 1,152 GiB for 8 GPUs: 10 and 122 a GPU, once the node has had its own.
    assert quotas(queue["resourceGroups"]) == {
        "general": {"cpu": ("32", "128"), "memory": ("128Gi", "896Gi"), "nvidia.com/gpu": ("0", "0")},
        "a100-training": {"cpu": ("160", "80"), "memory": ("1952Gi", "976Gi"), "nvidia.com/gpu": ("16", "8")},
    }
    assert queue["cohortName"] == plan.COHORT
    assert queue["preemption"] == {"reclaimWithinCohort": "Any", "withinClusterQueue": "LowerPriority"}
    assert queue["fairSharing"] == {"weight": "2"}
    assert queue["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "tenant-search"}
    local = prod.one(f"{KUEUE}LocalQueue", "tenant-search-queue").inputs
    assert local["metadata"]["namespace"] == "tenant-search"
    assert local["spec"] == {"clusterQueue": "tenant-search"}


def test_the_cohort_lends_what_models_do_not_need_and_nobody_was_promised(prod):
    cohort = prod.one(f"{KUEUE}Cohort").inputs["spec"]
    assert quotas(cohort["resourceGroups"])["a100-training"]["nvidia.com/gpu"] == ("8", None)


def test_jobs_run_below_everything_else(prod):
    classes = {
        item.inputs["metadata"]["name"]: item.inputs
        for item in prod.of("kubernetes:scheduling.k8s.io/v1:PriorityClass")
    }
    batch = classes.pop(naming.BATCH_PRIORITY)
    assert batch["value"] < 0 < min(item["value"] for item in classes.values())
    assert batch["preemptionPolicy"] == "Never"


def test_gpus_of_tenants_come_through_a_queue(prod):
    policy = prod.one("kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy").inputs["spec"]
    (validation,) = policy["validations"]
    assert '"nvidia.com/gpu" in c.resources.limits' in validation["expression"]
    assert f"'{naming.BATCH_PRIORITY}'" in validation["expression"]
    binding = prod.one("kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicyBinding").inputs["spec"]
    assert binding["validationActions"] == ["Deny"]
    assert binding["policyName"] == rules.NAME
    assert binding["matchResources"]["namespaceSelector"] == {"matchLabels": {naming.QUEUE_LABEL: "true"}}


def test_classes_of_urgency_have_the_fields_of_their_kind(prod):
    made = prod.of(f"{KUEUE}WorkloadPriorityClass")
    assert {item.inputs["metadata"]["name"]: item.inputs["value"] for item in made} == {
        "urgent": 1000,
        "normal": 0,
        "low": -1000,
    }
    schema = definitions.read(definitions.index()["workloadpriorityclasses.kueue.x-k8s.io"])["spec"]["versions"][0]
    fields = schema["schema"]["openAPIV3Schema"]["properties"]
    assert set(WorkloadPriorityClass.model_fields) <= set(fields)


def test_there_is_nothing_of_it_where_nobody_asked():
    local = recorded_platform("local")
    assert not [
        resource for resource in local.resources if "kueue" in resource.type or resource.name.startswith("batch")
    ]
