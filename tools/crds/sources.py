"""Where the CustomResourceDefinitions come from: one row per project of the release train.

Every file comes from the project's own Go module: the module proxy and the checksum database vouch for it. Where a
release has no module version that can be had, the row says which other project's module carries the same file.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """One project's release and the files to take from it."""

    project: str
    """Short name: what the program calls it."""
    release: str
    """Version of the project whose definitions these are."""
    licence: str
    """SPDX identifier."""
    module: str | None
    """Go module; None for a file of this folder."""
    paths: tuple[str, ...]
    """Files in the module. One with several documents counts for those that are definitions."""
    at: str | None = None
    """Version of the module, where another project's module carries the files."""
    versions: tuple[str, ...] = ()
    """API versions to keep; empty for all that are served."""
    wanted: tuple[str, ...] = ()
    """Definitions to take from a file with several; empty for all."""
    written_from: str = ""
    """For a file of this folder: the documents that it was written from."""
    as_of: str | None = None
    """Day of the release, where no module tells it."""


def _under(folder: str, prefix: str, *plurals: str) -> tuple[str, ...]:
    return tuple(f"{folder}/{prefix}_{plural}.yaml" for plural in plurals)


SOURCES = (
    Source(
        "karpenter",
        "v1.14.1",
        "Apache-2.0",
        "github.com/aws/karpenter-provider-aws",
        (
            *_under("pkg/apis/crds", "karpenter.sh", "nodepools", "nodeclaims", "nodeoverlays"),
            "pkg/apis/crds/karpenter.k8s.aws_ec2nodeclasses.yaml",
            "pkg/apis/crds/autoscaling.x-k8s.io_capacitybuffers.yaml",
        ),
    ),
    # EKS installs it; AWS publishes no definition. Written from the EKS User Guide, "Create a Node Class".
    Source(
        "eks-auto",
        "v1",
        "Apache-2.0",
        None,
        ("eks.amazonaws.com_nodeclasses.yaml",),
        written_from='EKS User Guide, "Create a Node Class for Amazon EKS"',
        as_of="2026-11-01",
    ),
    Source(
        "vpc-cni",
        "v1.22.4",
        "Apache-2.0",
        "github.com/aws/amazon-vpc-cni-k8s",
        ("charts/aws-vpc-cni/crds/customresourcedefinition.yaml",),
        wanted=("eniconfigs.crd.k8s.amazonaws.com",),
    ),
    Source(
        "prometheus",
        "v0.93.0",
        "Apache-2.0",
        "github.com/prometheus-operator/prometheus-operator",
        _under(
            "example/prometheus-operator-crd",
            "monitoring.coreos.com",
            "alertmanagerconfigs",
            "alertmanagers",
            "podmonitors",
            "probes",
            "prometheusagents",
            "prometheuses",
            "prometheusrules",
            "scrapeconfigs",
            "servicemonitors",
            "thanosrulers",
        ),
    ),
    Source(
        "keda",
        "v2.21.0",
        "Apache-2.0",
        "github.com/kedacore/keda/v2",
        (
            *_under(
                "config/crd/bases",
                "keda.sh",
                "clustertriggerauthentications",
                "scaledjobs",
                "scaledobjects",
                "triggerauthentications",
            ),
            *_under("config/crd/bases", "eventing.keda.sh", "cloudeventsources", "clustercloudeventsources"),
        ),
    ),
    Source(
        "gateway-api",
        "v1.5.1",
        "Apache-2.0",
        "sigs.k8s.io/gateway-api",
        _under(
            "config/crd/standard",
            "gateway.networking.k8s.io",
            "backendtlspolicies",
            "gatewayclasses",
            "gateways",
            "grpcroutes",
            "httproutes",
            "listenersets",
            "referencegrants",
            "tlsroutes",
        ),
    ),
    Source(
        "inference-extension",
        "v1.5.0",
        "Apache-2.0",
        "sigs.k8s.io/gateway-api-inference-extension",
        ("config/crd/bases/inference.networking.k8s.io_inferencepools.yaml",),
    ),
    # The router's own module cannot be had; KServe's carries the definitions of the router that it pins.
    Source(
        "llm-d",
        "v0.9.0",
        "Apache-2.0",
        "github.com/kserve/kserve",
        ("config/llmisvc/gateway-inference-extension.yaml",),
        at="v0.20.0",
        wanted=("inferencemodelrewrites.llm-d.ai", "inferenceobjectives.llm-d.ai"),
    ),
    Source(
        "kserve",
        "v0.20.0",
        "Apache-2.0",
        "github.com/kserve/kserve",
        (
            *_under(
                "config/crd/full",
                "serving.kserve.io",
                "clusterservingruntimes",
                "inferenceservices",
                "servingruntimes",
            ),
            "config/crd/full/clusterstoragecontainer/serving.kserve.io_clusterstoragecontainers.yaml",
        ),
    ),
    # Its older version would need a conversion webhook; nothing here ever wrote it.
    Source(
        "kserve-llm",
        "v0.20.0",
        "Apache-2.0",
        "github.com/kserve/kserve",
        _under("config/crd/full/llmisvc", "serving.kserve.io", "llminferenceserviceconfigs", "llminferenceservices"),
        versions=("v1alpha2",),
    ),
    Source(
        "lws",
        "v0.9.0",
        "Apache-2.0",
        "sigs.k8s.io/lws",
        (
            "config/crd/bases/leaderworkerset.x-k8s.io_leaderworkersets.yaml",
            "config/crd/bases/disaggregatedset.x-k8s.io_disaggregatedsets.yaml",
        ),
    ),
    # Its older version would need a conversion webhook; nothing here ever wrote it.
    Source(
        "kueue",
        "v0.19.2",
        "Apache-2.0",
        "sigs.k8s.io/kueue",
        _under(
            "config/components/crd/bases",
            "kueue.x-k8s.io",
            "admissionchecks",
            "clusterqueues",
            "cohorts",
            "localqueues",
            "multikueueclusters",
            "multikueueconfigs",
            "provisioningrequestconfigs",
            "resourceflavors",
            "topologies",
            "workloadpriorityclasses",
            "workloads",
        ),
        versions=("v1beta2",),
    ),
    Source(
        "kuberay",
        "v1.6.2",
        "Apache-2.0",
        "github.com/ray-project/kuberay/ray-operator",
        _under("config/crd/bases", "ray.io", "rayclusters", "raycronjobs", "rayjobs", "rayservices"),
        versions=("v1",),
    ),
    Source(
        "trainer",
        "v2.2.1",
        "Apache-2.0",
        "github.com/kubeflow/trainer/v2",
        _under(
            "manifests/base/crds", "trainer.kubeflow.org", "clustertrainingruntimes", "trainingruntimes", "trainjobs"
        ),
    ),
    Source(
        "jobset",
        "v0.11.1",
        "Apache-2.0",
        "sigs.k8s.io/jobset",
        ("config/components/crd/bases/jobset.x-k8s.io_jobsets.yaml",),
    ),
    Source(
        "kyverno",
        "v1.19.0",
        "Apache-2.0",
        "github.com/kyverno/kyverno",
        (
            *_under(
                "config/crds/policies.kyverno.io",
                "policies.kyverno.io",
                "deletingpolicies",
                "generatingpolicies",
                "imagevalidatingpolicies",
                "mutatingpolicies",
                "namespaceddeletingpolicies",
                "namespacedgeneratingpolicies",
                "namespacedimagevalidatingpolicies",
                "namespacedmutatingpolicies",
                "namespacedvalidatingpolicies",
                "policyexceptions",
                "validatingpolicies",
            ),
            *_under(
                "config/crds/kyverno",
                "kyverno.io",
                "cleanuppolicies",
                "clustercleanuppolicies",
                "clusterpolicies",
                "globalcontextentries",
                "policies",
                "policyexceptions",
                "updaterequests",
            ),
            *_under("config/crds/reports", "reports.kyverno.io", "clusterephemeralreports", "ephemeralreports"),
            *_under("config/crds/policyreport", "wgpolicyk8s.io", "clusterpolicyreports", "policyreports"),
        ),
    ),
    Source(
        "envoy-gateway",
        "v1.8.1",
        "Apache-2.0",
        "github.com/envoyproxy/gateway",
        _under(
            "charts/gateway-helm/charts/crds/crds/generated",
            "gateway.envoyproxy.io",
            "backends",
            "backendtrafficpolicies",
            "clienttrafficpolicies",
            "envoyextensionpolicies",
            "envoypatchpolicies",
            "envoyproxies",
            "httproutefilters",
            "securitypolicies",
        ),
    ),
    Source(
        "cert-manager",
        "v1.21.2",
        "Apache-2.0",
        "github.com/cert-manager/cert-manager",
        (
            *_under("deploy/crds", "acme.cert-manager.io", "challenges", "orders"),
            *_under(
                "deploy/crds", "cert-manager.io", "certificaterequests", "certificates", "clusterissuers", "issuers"
            ),
        ),
    ),
)
