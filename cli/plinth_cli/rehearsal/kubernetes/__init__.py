"""Stand-in for Kubernetes: objects are checked against the API's own schemas and rendered as YAML."""

from plinth_cli.rehearsal.kubernetes.package import KubernetesPackage

__all__ = ["KubernetesPackage"]
