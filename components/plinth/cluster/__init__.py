"""The EKS cluster, what every workload in it stands on, and its GPU nodes."""
