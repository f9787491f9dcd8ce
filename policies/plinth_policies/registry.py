"""Every rule of the pack, in the order in which they are listed."""

from plinth_policies.ai.gpu import GPU_POOLS_BOUNDED
from plinth_policies.ai.tenants import TENANT_HAS_BUDGET_AND_QUOTA
from plinth_policies.cost.snowflake import SNOWFLAKE_WAREHOUSE_BOUNDED
from plinth_policies.data.protection import STATEFUL_PROTECTED
from plinth_policies.data.stores import STORES_ENCRYPTED_AND_PRIVATE
from plinth_policies.rule import Rule
from plinth_policies.security.cluster import EKS_API_NOT_OPEN
from plinth_policies.security.identity import IAM_NO_WILDCARDS
from plinth_policies.security.images import IMAGES_PINNED
from plinth_policies.security.secrets import NO_PLAINTEXT_SECRETS
from plinth_policies.security.snowflake import SNOWFLAKE_LEAST_PRIVILEGE
from plinth_policies.security.workloads import PODS_RESTRICTED

RULES: tuple[Rule, ...] = (
    EKS_API_NOT_OPEN,
    IAM_NO_WILDCARDS,
    NO_PLAINTEXT_SECRETS,
    PODS_RESTRICTED,
    IMAGES_PINNED,
    STORES_ENCRYPTED_AND_PRIVATE,
    STATEFUL_PROTECTED,
    GPU_POOLS_BOUNDED,
    SNOWFLAKE_WAREHOUSE_BOUNDED,
    SNOWFLAKE_LEAST_PRIVILEGE,
    TENANT_HAS_BUDGET_AND_QUOTA,
)
