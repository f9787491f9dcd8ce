"""What is particular to an AI platform: GPUs and tenants."""
