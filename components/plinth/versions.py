"""The release train: every chart, add-on and API version in one place.

Versions that run together are changed together; `plinth.train` knows which ones do (docs/reference/release-train.md).
Sources: the projects' own releases, as of 2026-11-21.
"""

from dataclasses import dataclass

KUBERNETES = "1.36"
"""Minor version of Kubernetes that this train is built for."""

BOTTLEROCKET = "v1.52.0"
"""Bottlerocket release of the nodes: pinned, so that a new image is a change somebody reviews."""


AL2023 = "v20260903"
"""Release of the Amazon Linux 2023 EKS images, for pools that need it."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A Helm chart at one version."""

    name: str
    version: str
    repository: str | None = None
    """HTTP repository; None where `name` is an OCI address."""


KARPENTER = Chart("oci://public.ecr.aws/karpenter/karpenter", "1.14.1")
EXTERNAL_SECRETS = Chart("external-secrets", "2.9.0", "https://charts.external-secrets.io")
KEDA = Chart("keda", "2.21.0", "https://kedacore.github.io/charts")
LWS = Chart("oci://registry.k8s.io/lws/charts/lws", "0.9.0")
CERT_MANAGER = Chart("oci://quay.io/jetstack/charts/cert-manager", "v1.21.2")
KSERVE_LLM = Chart("oci://ghcr.io/kserve/charts/kserve-llmisvc-resources", "v0.20.0")
KUEUE = Chart("oci://registry.k8s.io/kueue/charts/kueue", "0.19.2")
KUBEFLOW_TRAINER = Chart("oci://ghcr.io/kubeflow/charts/kubeflow-trainer", "2.2.1")
JOBSET = "0.11.0"
"""Version of JobSet: the one that Kubeflow Trainer's chart brings along."""
KUBERAY = Chart("kuberay-operator", "1.6.2", "https://ray-project.github.io/kuberay-helm/")
NVIDIA_DEVICE_PLUGIN = Chart("nvidia-device-plugin", "0.20.0", "https://nvidia.github.io/k8s-device-plugin")
NVIDIA_DRA_DRIVER = Chart("oci://registry.k8s.io/dra-driver-nvidia/charts/dra-driver-nvidia-gpu", "0.4.0")
DCGM_EXPORTER = Chart("dcgm-exporter", "4.8.2", "https://nvidia.github.io/dcgm-exporter/helm-charts")
EFA_DEVICE_PLUGIN = Chart("aws-efa-k8s-device-plugin", "v0.5.30", "https://aws.github.io/eks-charts")
NEURON = Chart("oci://public.ecr.aws/neuron/neuron-helm-chart", "1.5.0")
KYVERNO = Chart("kyverno", "3.9.0", "https://kyverno.github.io/kyverno")
KYVERNO_APP = "1.19.0"
QDRANT = Chart("qdrant", "1.19.0", "https://qdrant.github.io/qdrant-helm")
QDRANT_APP = "v1.19.0"
"""Tag of Qdrant's image; the chart adds `-unprivileged`."""
KUBE_PROMETHEUS_STACK = Chart("oci://ghcr.io/prometheus-community/charts/kube-prometheus-stack", "88.5.3")

EKS_ADDONS = {
    "vpc-cni": "v1.22.3-eksbuild.1",
    "kube-proxy": "v1.36.0-eksbuild.13",
    "coredns": "v1.14.3-eksbuild.3",
    "eks-pod-identity-agent": "v1.3.10-eksbuild.3",
    "aws-ebs-csi-driver": "v1.63.1-eksbuild.1",
    "eks-node-monitoring-agent": "v1.7.0-eksbuild.1",
    "metrics-server": "v0.8.1-eksbuild.10",
}
"""EKS add-ons and their versions. Check against `aws eks describe-addon-versions` when raising KUBERNETES."""

API = {
    "NodePool": "karpenter.sh/v1",
    "NodeOverlay": "karpenter.sh/v1alpha1",
    "NodeClass": "eks.amazonaws.com/v1",
    "EC2NodeClass": "karpenter.k8s.aws/v1",
    "ExternalSecret": "external-secrets.io/v1",
    "ClusterSecretStore": "external-secrets.io/v1",
    "ScaledObject": "keda.sh/v1alpha1",
    "LeaderWorkerSet": "leaderworkerset.x-k8s.io/v1",
    "InferencePool": "inference.networking.k8s.io/v1",
    "LLMInferenceService": "serving.kserve.io/v1alpha2",
    "LLMInferenceServiceConfig": "serving.kserve.io/v1alpha2",
    "RayService": "ray.io/v1",
    "ResourceFlavor": "kueue.x-k8s.io/v1beta2",
    "Cohort": "kueue.x-k8s.io/v1beta2",
    "ClusterQueue": "kueue.x-k8s.io/v1beta2",
    "LocalQueue": "kueue.x-k8s.io/v1beta2",
    "WorkloadPriorityClass": "kueue.x-k8s.io/v1beta2",
    "TrainJob": "trainer.kubeflow.org/v1alpha1",
    "TrainingRuntime": "trainer.kubeflow.org/v1alpha1",
    "RayJob": "ray.io/v1",
    "ValidatingPolicy": "policies.kyverno.io/v1",
    "ImageValidatingPolicy": "policies.kyverno.io/v1",
    "ServiceMonitor": "monitoring.coreos.com/v1",
    "PodMonitor": "monitoring.coreos.com/v1",
    "PrometheusRule": "monitoring.coreos.com/v1",
}
"""API version of every custom resource that the platform writes."""
