"""Custom Kubernetes resources that the platform writes, as small typed models."""
