"""Samples of the rules on access, secrets and pods."""

import json
from typing import Any

from policy_cases import CANARY, DIGEST, DROP, Bad, Path, Sample


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
        {"kind": "self_hosted", "engine": {"kind": "vllm", "image": "registry.acme.example.com/vllm" + DIGEST}},
        [Bad(("engine", "image"), "vllm:latest", "give models[].engine.image as")],
        also_good=[(("engine",), DROP)],
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
