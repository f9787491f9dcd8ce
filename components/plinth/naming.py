"""Names that more than one place must agree on."""

from plinth.spec.environment import Environment

SYSTEM_NAMESPACE = "plinth-system"
"""Namespace of the gateway and of the platform's controllers."""

SERVING_NAMESPACE = "plinth-serving"
"""Namespace of model servers."""

MONITORING_NAMESPACE = "plinth-monitoring"
"""Namespace of Prometheus, Alertmanager and Grafana."""

GATEWAY = "gateway"
"""Name of the gateway's Deployment, Service and pods."""

SYSTEM_PRIORITY = "plinth-system"
"""Priority class of the platform's own pods."""

SERVING_PRIORITY = "plinth-serving"
"""Priority class of model servers."""

BATCH_PRIORITY = "plinth-batch"
"""Priority class of jobs' pods: everything else goes before them."""

QUEUE_LABEL = "plinth.dev/queue"
"""Label, value `true`, of namespaces whose jobs are queued."""

NODES_NAMESPACE = "plinth-nodes"
"""Namespace of what has to see its node from the inside: the only one whose pods may be privileged."""

POOL_LABEL = "plinth.dev/pool"
"""Node label with the name of the node pool; key of the taint of a general pool that is kept for some pods."""

SYSTEM_TAINT = "CriticalAddonsOnly"
"""Taint of the system nodes: only what the cluster itself stands on tolerates it (`plinth.pods`)."""

RUNTIME_LABEL = "plinth.dev/runtime"
"""Pod label, value `true`: its image is plinth-runtime, so the laptop can run it as a process."""

WAREHOUSE_LABEL = "plinth.dev/warehouse"
"""Pod label, value `true`, in a tenant's namespace: it reaches Snowflake."""

GPU_TAINT = "nvidia.com/gpu"
"""Taint (and resource) of nodes that have GPUs."""


def cluster_name(environment: Environment) -> str:
    """EKS name of the cluster: fixed, because its log group must exist, encrypted, before it does."""
    return f"plinth-{environment.name}"


def tenant_namespace(tenant: str) -> str:
    """Namespace of a tenant."""
    return f"tenant-{tenant}"


def tenant_folder(environment: Environment, tenant: str) -> str:
    """Start of the Secrets Manager names of what belongs to a tenant: it and its stacks may read and write there."""
    return f"plinth/{environment.name}/tenants/{tenant}/"


def tenant_role_path(environment: Environment) -> str:
    """IAM path of the roles with which tenants' secrets are read."""
    return f"/plinth/{environment.name}/tenants/"


def tenant_key_secret(environment: Environment, tenant: str) -> str:
    """Secrets Manager name of a tenant's gateway key."""
    return f"{tenant_folder(environment, tenant)}gateway-key"


def remote_gpu_secret(environment: Environment, gpu: str, what: str) -> str:
    """Secrets Manager name of what the gateway needs for a GPU outside AWS: its token, or its certificate."""
    return f"plinth/{environment.name}/remote-gpus/{gpu}/{what}"


def gateway_keys_secret(environment: Environment) -> str:
    """Secrets Manager name of the hashes of all gateway keys."""
    return f"plinth/{environment.name}/gateway/keys"


def tenant_route_secret(environment: Environment, tenant: str, route: str) -> str:
    """Secrets Manager name of a route that a tenant added; the place in the tenant's own folder says whose it is."""
    return f"{tenant_folder(environment, tenant)}routes/{route}"


def cache_token_secret(environment: Environment) -> str:
    """Secrets Manager name of the cache's access token."""
    return f"plinth/{environment.name}/cache/token"


def postgres_master_secret(environment: Environment) -> str:
    """Secrets Manager name of PostgreSQL's master user, where RDS does not keep it."""
    return f"plinth/{environment.name}/postgres/master"


def tenant_vectors_secret(environment: Environment, tenant: str) -> str:
    """Secrets Manager name of a tenant's login at the vector store."""
    return f"{tenant_folder(environment, tenant)}vectors"


def tenant_collection_secret(environment: Environment, tenant: str, name: str) -> str:
    """Secrets Manager name of a collection that a tenant declares in a store of the platform."""
    return f"{tenant_folder(environment, tenant)}collections/{name}"


def vector_secret(environment: Environment, store: str, what: str) -> str:
    """Secrets Manager name of what belongs to a vector store on the cluster: its keys, its certificate."""
    return f"plinth/{environment.name}/vectors/{store}/{what}"


def tenant_prefix(tenant: str) -> str:
    """Start of the keys of what belongs to a tenant, in every bucket that it was granted."""
    return f"tenants/{tenant}/"


def trace_project(environment: Environment, tenant: str) -> str:
    """Name under which a tenant's traces belong together, in whatever stores them."""
    return f"{environment.name}-{tenant}"


def snowflake_key_secret(environment: Environment, user: str, tenant: str | None = None) -> str:
    """Secrets Manager name of the key pair of a Snowflake service user; a tenant's is in the tenant's own folder."""
    if tenant:
        return f"{tenant_folder(environment, tenant)}snowflake"
    return f"plinth/{environment.name}/snowflake/{user.lower().replace('_', '-')}"
