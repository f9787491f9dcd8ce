"""Training and other batch jobs: queues over node pools, and the operators that run jobs."""
