"""For every rule and resource type: inputs that pass, and changes to them that must not."""

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

DROP = object()
"""As a new value: take the property away."""

DIGEST = "@sha256:" + "0123456789abcdef" * 4
CANARY = "canary-5f1b7c0d9e"

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Bad:
    """A change, and what the message about it must say."""

    path: Path
    value: Any
    says: str
    presence: bool = False
    """Whether the rule is about the property being there at all, so that an unknown value passes."""


@dataclass(frozen=True)
class Sample:
    rule: str
    type: str
    good: dict[str, Any]
    bad: list[Bad]
    protect: bool = False
    also_good: list[tuple[Path, Any]] = field(default_factory=list)


def changed(props: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """A copy of the properties with one of them replaced, added or dropped."""
    root = copy.deepcopy(props)
    holder: Any = root
    for step in path[:-1]:
        holder = holder.setdefault(step, {}) if isinstance(holder, dict) else holder[step]
    if value is DROP:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return root


def paths(value: Any, prefix: Path = ()) -> Iterator[Path]:
    """The path of every property at any depth."""
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield (*prefix, key)
        yield from paths(value[key], (*prefix, key))


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: Any, resource: Any = "arn:aws:s3:::acme-models/*", **more: Any) -> str:
    return policy({"Effect": "Allow", "Action": action, "Resource": resource, **more})


def container(**more: Any) -> dict[str, Any]:
    return {
        "name": "gateway",
        "image": "registry.acme.example.com/plinth-runtime" + DIGEST,
        "env": [
            {"name": "MAX_TOKENS", "value": "4096"},
            {"name": "PLINTH_KEYS_FILE", "value": "/etc/plinth/keys/keys.json"},
            {"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}},
        ],
        "args": ["gateway", "--config", "/etc/plinth/runtime.json"],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        **more,
    }


def pod() -> dict[str, Any]:
    return {
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "initContainers": [container(name="wait")],
        "containers": [container()],
        "volumes": [{"name": "scratch", "emptyDir": {}}],
    }


def deployment() -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "gateway", "namespace": "plinth-system"},
        "spec": {"replicas": 2, "template": {"metadata": {"labels": {"app": "gateway"}}, "spec": pod()}},
    }


POD: Path = ("spec", "template", "spec")
FIRST: Path = (*POD, "containers", 0)
INIT: Path = (*POD, "initContainers", 0)
DEPLOYMENT = "kubernetes:apps/v1:Deployment"

CLUSTER = Sample(
    "eks-api-not-open",
    "aws:eks/cluster:Cluster",
    {
        "roleArn": "arn:aws:iam::111122223333:role/eks",
        "vpcConfig": {
            "endpointPrivateAccess": True,
            "endpointPublicAccess": True,
            "publicAccessCidrs": ["203.0.113.0/24"],
        },
    },
    [
        Bad(("vpcConfig", "publicAccessCidrs"), ["203.0.113.0/24", "0.0.0.0/0"], "0.0.0.0/0"),
        Bad(("vpcConfig", "publicAccessCidrs"), ["0.0.0.0/1", "128.0.0.0/1"], "128.0.0.0/1"),
        Bad(("vpcConfig", "publicAccessCidrs"), ["::/0"], "::/0"),
        Bad(("vpcConfig", "publicAccessCidrs"), DROP, "EKS takes as 0.0.0.0/0"),
        Bad(("vpcConfig",), DROP, "not set, which EKS takes as true"),
    ],
    also_good=[
        (("vpcConfig",), {"endpointPublicAccess": False}),
        (("vpcConfig", "publicAccessCidrs"), ["10.0.0.0/8", "2001:db8::/32"]),
    ],
)

IDENTITY = [
    Sample(
        "iam-no-wildcards",
        "aws:iam/rolePolicy:RolePolicy",
        {"role": "gateway", "policy": allow(["s3:GetObject", "s3:List*"])},
        [
            Bad(("policy",), allow("*", "*"), "allows *"),
            Bad(("policy",), allow("s3:*"), "allows s3:*"),
            Bad(
                ("policy",), allow("secretsmanager:GetSecretValue", "*"), "secretsmanager:GetSecretValue on resource *"
            ),
            Bad(("policy",), allow("bedrock:InvokeModel", ["*"], Sid="Models"), "statement Models"),
            Bad(("policy",), allow("s3:GetObject", "arn:aws:s3:::*"), "on resource arn:aws:s3:::*"),
            Bad(("policy",), policy({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}), "NotAction"),
            Bad(("policy",), {"Statement": {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}}, "kms:*"),
        ],
        also_good=[
            (("policy",), allow(["ec2:DescribeInstances", "ecr:GetAuthorizationToken"], "*")),
            (("policy",), allow("ec2:RunInstances", "*", Condition={"StringEquals": {"aws:RequestTag/a": "b"}})),
            (("policy",), policy({"Effect": "Deny", "Action": "*", "Resource": "*"})),
            (("policy",), "not JSON: the provider says so"),
        ],
    ),
    Sample(
        "iam-no-wildcards",
        "aws:iam/role:Role",
        {
            "assumeRolePolicy": policy(
                {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "pods.eks.amazonaws.com"}}
            ),
            "managedPolicyArns": ["arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy"],
            "inlinePolicies": [{"name": "read", "policy": allow("s3:GetObject")}],
        },
        [
            Bad(
                ("assumeRolePolicy",),
                policy({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}),
                "Principal *",
            ),
            Bad(("managedPolicyArns",), ["arn:aws:iam::aws:policy/AdministratorAccess"], "AdministratorAccess"),
            Bad(("inlinePolicies", 0, "policy"), allow("dynamodb:*"), "dynamodb:*"),
        ],
    ),
    Sample(
        "iam-no-wildcards",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        {"role": "nodes", "policyArn": "arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy"},
        [Bad(("policyArn",), "arn:aws:iam::aws:policy/AmazonS3FullAccess", "AmazonS3FullAccess")],
    ),
]

SECRETS = [
    Sample(
        "no-plaintext-secrets",
        DEPLOYMENT,
        deployment(),
        [
            Bad((*FIRST, "env"), [{"name": "OPENAI_API_KEY", "value": CANARY}], "env OPENAI_API_KEY"),
            Bad((*FIRST, "env"), [{"name": "dbPassword", "value": CANARY}], "env dbPassword"),
            Bad(
                (*FIRST, "env"),
                [{"name": "DATABASE_URL", "value": f"postgresql://app:{CANARY}@db/app"}],
                "env DATABASE_URL",
            ),
            Bad((*INIT, "env"), [{"name": "HF_TOKEN", "value": CANARY}], "init container wait"),
            Bad((*FIRST, "args"), ["--key", "hf_" + "a" * 34], "args"),
        ],
        also_good=[((*FIRST, "env"), [{"name": "API_KEY", "value": "$(FROM_SECRET)"}])],
    ),
    Sample(
        "no-plaintext-secrets",
        "kubernetes:core/v1:ConfigMap",
        {"data": {"runtime.json": '{"gateway": {"keys_file": "/etc/plinth/keys.json"}}', "LOG_LEVEL": "info"}},
        [
            Bad(
                ("data", "runtime.json"),
                f'{{"backends": [{{"api_key": "{CANARY}"}}]}}',
                "runtime.json.backends[0].api_key",
            ),
            Bad(("data", "password"), CANARY, "data.password"),
            Bad(("data", "key.pem"), "-----BEGIN RSA PRIVATE KEY-----\nMIIE", "data.key.pem"),
        ],
    ),
    Sample(
        "no-plaintext-secrets",
        "kubernetes:core/v1:Secret",
        {"metadata": {"name": "token"}, "type": "kubernetes.io/service-account-token"},
        [
            Bad(("stringData", "password"), CANARY, "stringData.password", presence=True),
            Bad(("data", "key"), "Y2FuYXJ5", "data.key", presence=True),
        ],
    ),
    Sample(
        "no-plaintext-secrets",
        "kubernetes:helm.sh/v3:Release",
        {"chart": "grafana", "values": {"admin": {"existingSecret": "grafana-admin", "passwordKey": "password"}}},
        [
            Bad(("values", "adminPassword"), CANARY, "values.adminPassword"),
            Bad(("values", "extra"), [{"apiKey": CANARY}], "values.extra[0].apiKey"),
        ],
    ),
    Sample(
        "no-plaintext-secrets",
        "aws:lambda/function:Function",
        {"environment": {"variables": {"SECRET_ARN": "arn:aws:secretsmanager:us-east-1:111122223333:secret:a"}}},
        [Bad(("environment", "variables", "API_TOKEN"), CANARY, "environment.variables.API_TOKEN")],
    ),
    Sample(
        "no-plaintext-secrets",
        "aws:ssm/parameter:Parameter",
        {"name": "/plinth/dev/image", "type": "String", "value": "v1"},
        [Bad(("name",), "/plinth/dev/db-password", "type is String")],
        also_good=[(("type",), "SecureString")],
    ),
]

WORKLOADS = [
    Sample(
        "pods-restricted",
        DEPLOYMENT,
        deployment(),
        [
            Bad((*POD, "hostNetwork"), True, "hostNetwork is true"),
            Bad((*POD, "volumes", 0), {"name": "sock", "hostPath": {"path": "/run"}}, "hostPath /run"),
            Bad((*POD, "securityContext", "runAsNonRoot"), DROP, "runAsNonRoot not set"),
            Bad((*POD, "securityContext", "runAsUser"), 0, "runAsUser 0"),
            Bad((*POD, "securityContext", "seccompProfile"), {"type": "Unconfined"}, "seccompProfile.type Unconfined"),
            Bad((*FIRST, "securityContext", "privileged"), True, "container gateway is privileged"),
            Bad((*FIRST, "securityContext", "allowPrivilegeEscalation"), DROP, "allowPrivilegeEscalation not set"),
            Bad((*FIRST, "securityContext", "readOnlyRootFilesystem"), False, "readOnlyRootFilesystem false"),
            Bad((*FIRST, "securityContext", "runAsNonRoot"), False, "runAsNonRoot false"),
            Bad((*FIRST, "securityContext", "capabilities"), {"drop": ["NET_RAW"]}, "drops capabilities [NET_RAW]"),
            Bad((*FIRST, "securityContext", "capabilities", "add"), ["SYS_ADMIN"], "adds capability SYS_ADMIN"),
            Bad((*INIT, "securityContext"), DROP, "init container wait"),
        ],
        also_good=[((*FIRST, "securityContext", "capabilities", "add"), ["NET_BIND_SERVICE"])],
    ),
    Sample(
        "pods-restricted",
        "kubernetes:batch/v1:CronJob",
        {"spec": {"jobTemplate": {"spec": {"template": {"spec": pod()}}}}},
        [Bad(("spec", "jobTemplate", "spec", "template", "spec", "hostPID"), True, "hostPID is true")],
    ),
    Sample(
        "images-pinned",
        DEPLOYMENT,
        deployment(),
        [
            Bad((*FIRST, "image"), "registry.acme.example.com/plinth-runtime:latest", "plinth-runtime:latest, without"),
            Bad((*FIRST, "image"), "vllm/vllm-openai:v0.11.0", "vllm-openai:v0.11.0, without"),
            Bad((*FIRST, "image"), "vllm" + DIGEST[:-4], "without a digest"),
            Bad((*INIT, "image"), "busybox", "init container wait has image busybox"),
            Bad((*FIRST, "image"), DROP, "image not set"),
        ],
    ),
    Sample(
        "images-pinned",
        "plinth:index:Gateway",
        {"image": "registry.acme.example.com/plinth-runtime" + DIGEST, "replicas": 2},
        [Bad(("image",), "plinth-runtime:1.0", "give gateway.image as")],
    ),
    Sample(
        "images-pinned",
        "plinth:index:ModelDeployment",
        {"kind": "vllm", "image": "registry.acme.example.com/vllm" + DIGEST},
        [Bad(("image",), "vllm:latest", "give models[].image as")],
        also_good=[(("image",), DROP)],
    ),
    Sample(
        "images-pinned",
        "kubernetes:helm.sh/v3:Release",
        {"chart": "kube-prometheus-stack", "values": {"grafana": {"image": {"tag": "12.2.0"}}}},
        [
            Bad(("values", "grafana", "image", "tag"), "latest", "values.grafana.image.tag is latest"),
            Bad(("values", "extra"), [{"image": "busybox:latest"}], "values.extra[0].image is latest"),
        ],
    ),
]

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
