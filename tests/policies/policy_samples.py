"""For every rule and resource type: inputs that pass, and changes to them that must not."""

from policy_cases import Sample
from policy_samples_data import GPU, PROTECTION, SNOWFLAKE, STORES, TENANT
from policy_samples_security import CLUSTER, IDENTITY, SECRETS, WORKLOADS

SAMPLES: list[Sample] = [
    CLUSTER,
    *IDENTITY,
    *SECRETS,
    *WORKLOADS,
    *STORES,
    *PROTECTION,
    *GPU,
    *SNOWFLAKE,
    TENANT,
]
