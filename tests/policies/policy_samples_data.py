"""Samples of the rules on data, cost and tenants."""

from typing import Any

from policy_cases import CANARY, DROP, Bad, Sample

STORES = [
    Sample(
        "stores-encrypted-and-private",
        "aws:s3/bucket:Bucket",
        {"tags": {"owner": "ai-platform"}},
        [Bad(("acl",), "public-read", "acl is public-read")],
    ),
    Sample(
        "stores-encrypted-and-private",
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        {
            "bucket": "models",
            "blockPublicAcls": True,
            "blockPublicPolicy": True,
            "ignorePublicAcls": True,
            "restrictPublicBuckets": True,
        },
        [
            Bad(("blockPublicPolicy",), False, "blockPublicPolicy is false"),
            Bad(("restrictPublicBuckets",), DROP, "restrictPublicBuckets is not set"),
        ],
    ),
    Sample(
        "stores-encrypted-and-private",
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        {
            "bucket": "models",
            "rules": [
                {
                    "applyServerSideEncryptionByDefault": {
                        "sseAlgorithm": "aws:kms",
                        "kmsMasterKeyId": "arn:aws:kms:us-east-1:111122223333:key/1",
                    }
                }
            ],
        },
        [
            Bad(("rules", 0, "applyServerSideEncryptionByDefault", "sseAlgorithm"), "AES256", "sseAlgorithm is AES256"),
            Bad(
                ("rules", 0, "applyServerSideEncryptionByDefault", "kmsMasterKeyId"), DROP, "kmsMasterKeyId is not set"
            ),
        ],
    ),
    Sample(
        "stores-encrypted-and-private",
        "aws:rds/cluster:Cluster",
        {"engine": "aurora-postgresql", "storageEncrypted": True, "manageMasterUserPassword": True},
        [
            Bad(("storageEncrypted",), DROP, "storageEncrypted is not set"),
            Bad(("masterPassword",), CANARY, "masterPassword is set by the program", presence=True),
        ],
    ),
    Sample(
        "stores-encrypted-and-private",
        "aws:rds/clusterInstance:ClusterInstance",
        {"instanceClass": "db.serverless"},
        [Bad(("publiclyAccessible",), True, "publiclyAccessible is true")],
    ),
    Sample(
        "stores-encrypted-and-private",
        "aws:rds/instance:Instance",
        {"instanceClass": "db.t4g.micro", "storageEncrypted": True, "publiclyAccessible": False},
        [
            Bad(("storageEncrypted",), False, "storageEncrypted is false"),
            Bad(("password",), CANARY, "password is set by the program", presence=True),
        ],
    ),
    Sample(
        "stores-encrypted-and-private",
        "aws:elasticache/replicationGroup:ReplicationGroup",
        {
            "atRestEncryptionEnabled": True,
            "transitEncryptionEnabled": True,
            "transitEncryptionMode": "required",
            "authToken": CANARY,
        },
        [
            Bad(("atRestEncryptionEnabled",), DROP, "atRestEncryptionEnabled is not set"),
            Bad(("transitEncryptionEnabled",), False, "transitEncryptionEnabled is false"),
            Bad(("transitEncryptionMode",), "preferred", "transitEncryptionMode is preferred"),
            Bad(("authToken",), DROP, "neither authToken nor userGroupIds"),
        ],
        also_good=[((), {"globalReplicationGroupId": "ldgnf-plinth", "userGroupIds": ["plinth-users"]})],
    ),
    Sample(
        "stores-encrypted-and-private",
        "aws:kms/key:Key",
        {"enableKeyRotation": True, "deletionWindowInDays": 30},
        [
            Bad(("enableKeyRotation",), DROP, "enableKeyRotation is not set"),
            Bad(("deletionWindowInDays",), 7, "deletionWindowInDays is 7"),
        ],
        also_good=[((), {"customerMasterKeySpec": "RSA_2048", "keyUsage": "SIGN_VERIFY"})],
    ),
]

PROTECTION = [
    Sample(
        "stateful-protected",
        "aws:s3/bucket:Bucket",
        {"forceDestroy": False},
        [Bad(("forceDestroy",), True, "forceDestroy is true")],
        protect=True,
    ),
    Sample(
        "stateful-protected",
        "aws:rds/cluster:Cluster",
        {
            "storageEncrypted": True,
            "deletionProtection": True,
            "skipFinalSnapshot": False,
            "backupRetentionPeriod": 14,
        },
        [
            Bad(("deletionProtection",), DROP, "deletionProtection is not set"),
            Bad(("skipFinalSnapshot",), True, "skipFinalSnapshot is true"),
            Bad(("backupRetentionPeriod",), 3, "backupRetentionPeriod is 3"),
            Bad(("backupRetentionPeriod",), DROP, "backupRetentionPeriod is not set"),
        ],
        protect=True,
    ),
]


def node_pool() -> dict[str, Any]:
    return {
        "spec": {
            "limits": {"nvidia.com/gpu": "32"},
            "template": {
                "spec": {
                    "taints": [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}],
                    "requirements": [
                        {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": ["p5.48xlarge"]}
                    ],
                }
            },
        }
    }


GPU = [
    Sample(
        "gpu-pools-bounded",
        "plinth:index:GpuNodePool",
        {"name": "l4-spot", "maxGpus": 4},
        [
            Bad(("maxGpus",), 0, "maxGpus is 0"),
            Bad(("maxGpus",), 5000, "maxGpus is 5000"),
            Bad(("maxGpus",), DROP, "maxGpus is not set"),
        ],
    ),
    Sample(
        "gpu-pools-bounded",
        "kubernetes:karpenter.sh/v1:NodePool",
        node_pool(),
        [
            Bad(("spec", "limits"), DROP, "spec.limits is not set"),
            Bad(("spec", "limits"), {"cpu": "100"}, "bounds cpu, and not nvidia.com/gpu"),
            Bad(("spec", "limits", "nvidia.com/gpu"), "9999", "nvidia.com/gpu 9999"),
        ],
        also_good=[((), {"spec": {"limits": {"cpu": "100"}, "template": {"spec": {}}}})],
    ),
    Sample(
        "gpu-pools-bounded",
        "pulumi-python:dynamic/lambda:Instance",
        {"instanceType": "gpu_1x_h100_sxm5", "maxCentsPerHour": 400},
        [
            Bad(("maxCentsPerHour",), DROP, "maxCentsPerHour is not set"),
            Bad(("maxCentsPerHour",), 0, "maxCentsPerHour is 0"),
            Bad(("maxCentsPerHour",), 200_000, "maxCentsPerHour is 200000"),
        ],
    ),
    Sample(
        "gpu-pools-bounded",
        "kubernetes:karpenter.sh/v1:NodePool",
        {"spec": {**node_pool()["spec"], "replicas": 2, "limits": {"nodes": "3"}}},
        [Bad(("spec", "limits", "nodes"), "500", "nodes 500")],
    ),
    Sample(
        "gpu-pools-bounded",
        "aws:eks/nodeGroup:NodeGroup",
        {"scalingConfig": {"minSize": 2, "maxSize": 4, "desiredSize": 2}},
        [
            Bad(("scalingConfig", "maxSize"), 1000, "scalingConfig.maxSize is 1000"),
            Bad(("scalingConfig",), DROP, "scalingConfig.maxSize is not set"),
        ],
    ),
]

SNOWFLAKE = [
    Sample(
        "snowflake-warehouse-bounded",
        "snowflake:index/warehouse:Warehouse",
        {
            "name": "ML_WH",
            "warehouseSize": "LARGE",
            "autoSuspend": 60,
            "resourceMonitor": "ML_WH",
            "statementTimeoutInSeconds": 3600,
            "maxClusterCount": 3,
        },
        [
            Bad(("autoSuspend",), 0, "autoSuspend is 0, which means never"),
            Bad(("autoSuspend",), 3600, "autoSuspend is 3600"),
            Bad(("autoSuspend",), DROP, "autoSuspend is not set"),
            Bad(("resourceMonitor",), DROP, "resourceMonitor is not set"),
            Bad(("statementTimeoutInSeconds",), DROP, "Snowflake takes as two days"),
            Bad(("warehouseSize",), "X4LARGE", "warehouseSize is X4LARGE"),
            Bad(("maxClusterCount",), 40, "maxClusterCount is 40"),
        ],
        also_good=[(("warehouseSize",), "X-LARGE")],
    ),
    Sample(
        "snowflake-warehouse-bounded",
        "snowflake:index/resourceMonitor:ResourceMonitor",
        {"name": "ML_WH", "creditQuota": 900, "suspendTrigger": 100},
        [
            Bad(("creditQuota",), DROP, "creditQuota is not set"),
            Bad(("suspendTrigger",), DROP, "neither suspendTrigger"),
        ],
    ),
    Sample(
        "snowflake-least-privilege",
        "snowflake:index/grantAccountRole:GrantAccountRole",
        {"roleName": "ANALYST", "parentRoleName": "SYSADMIN"},
        [
            Bad(("roleName",), "ACCOUNTADMIN", "roleName is"),
            Bad(("roleName",), '"SECURITYADMIN"', "roleName is"),
        ],
    ),
    *(
        Sample(
            "snowflake-least-privilege",
            f"snowflake:index/grantPrivilegesTo{kind}Role:GrantPrivilegesTo{kind}Role",
            {"privileges": ["USAGE"], "allPrivileges": False},
            [
                Bad(("allPrivileges",), True, "allPrivileges is true"),
                Bad(("withGrantOption",), True, "withGrantOption is true"),
            ],
        )
        for kind in ("Account", "Database")
    ),
    Sample(
        "snowflake-least-privilege",
        "snowflake:index/serviceUser:ServiceUser",
        {"name": "LOADER", "networkPolicy": "PLINTH_SERVICES"},
        [Bad(("networkPolicy",), DROP, "networkPolicy is not set")],
    ),
    *(
        Sample(
            "snowflake-least-privilege",
            f"snowflake:index/{kind[0].lower()}{kind[1:]}:{kind}",
            {"name": "SOMEBODY"},
            [Bad(("password",), "hunter2hunter2", "password is set")],
        )
        for kind in ("User", "LegacyServiceUser")
    ),
    Sample(
        "snowflake-least-privilege",
        "snowflake:index/networkPolicy:NetworkPolicy",
        {"name": "PLINTH_SERVICES", "allowedIpLists": ["198.51.100.0/24"]},
        [Bad(("allowedIpLists", 0), "0.0.0.0/0", "allowedIpLists has 0.0.0.0/0")],
    ),
    Sample(
        "snowflake-least-privilege",
        "snowflake:index/networkRule:NetworkRule",
        {"name": "PLINTH_SOURCES", "valueLists": ["198.51.100.0/24"]},
        [Bad(("valueLists", 0), "0.0.0.0/0", "valueLists has 0.0.0.0/0")],
    ),
]

TENANT = Sample(
    "tenant-has-budget-and-quota",
    "plinth:index:Tenant",
    {
        "name": "search",
        "costCenter": "CC-2100",
        "monthlyBudgetUsd": 40000,
        "quota": {"cpus": 64, "memoryGib": 256, "gpus": 0, "pods": 200},
    },
    [
        Bad(("monthlyBudgetUsd",), DROP, "monthlyBudgetUsd is not set"),
        Bad(("monthlyBudgetUsd",), 0, "monthlyBudgetUsd is 0"),
        Bad(("costCenter",), DROP, "costCenter is not set"),
        Bad(("quota",), DROP, "set tenants[].quota.memory_gib"),
        Bad(("quota", "gpus"), DROP, "quota.gpus is not set"),
    ],
)
