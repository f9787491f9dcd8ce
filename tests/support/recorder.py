"""Runs a Pulumi program against a monitor that records every registration, options included.

No engine and no cloud: the program's resources are answered with made-up outputs of the right shape. With
`preview=True` nothing that a provider would compute is known, as at the first preview of a new stack.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
from google.protobuf import json_format
from pulumi.runtime import mocks, rpc, settings
from pulumi.runtime.stack import run_pulumi_func
from pulumi.runtime.sync_await import _sync_await

ACCOUNT = "123456789012"
REGION = "us-east-1"

OUTPUTS: dict[str, Callable[[str], dict[str, Any]]] = {
    "aws:eks/cluster:Cluster": lambda name: {
        "endpoint": f"https://{name}.eks.example.com",
        "certificateAuthority": {"data": "Y2E="},
        "vpcConfig": {"clusterSecurityGroupId": f"sg-{name}", "vpcId": "vpc-1"},
    },
    "aws:rds/cluster:Cluster": lambda name: {
        "endpoint": f"{name}.rds.example.com",
        "readerEndpoint": f"{name}.ro.rds.example.com",
        "port": 5432,
        "clusterIdentifier": name,
        "clusterResourceId": "cluster-ABC",
        "masterUserSecrets": [{"secretArn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:rds!{name}"}],
    },
    "aws:serverlessrepository/cloudFormationStack:CloudFormationStack": lambda name: {
        "outputs": {"RotationLambdaARN": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"}
    },
    "aws:neptune/cluster:Cluster": lambda name: {
        "endpoint": f"{name}.neptune.example.com",
        "readerEndpoint": f"{name}-ro.neptune.example.com",
        "clusterIdentifier": name,
        "clusterResourceId": "cluster-NEP",
    },
    "aws:elasticache/globalReplicationGroup:GlobalReplicationGroup": lambda name: {
        "globalReplicationGroupId": f"ldgnf-{name}"
    },
    "aws:elasticache/replicationGroup:ReplicationGroup": lambda name: {
        "replicationGroupId": name,
        "primaryEndpointAddress": f"{name}.cache.example.com",
        "readerEndpointAddress": f"{name}-ro.cache.example.com",
    },
    "aws:s3/vectorsVectorBucket:VectorsVectorBucket": lambda name: {
        "vectorBucketArn": f"arn:aws:s3vectors:{REGION}:{ACCOUNT}:bucket/{name}"
    },
    "aws:opensearch/domain:Domain": lambda name: {"endpoint": f"vpc-{name}.{REGION}.es.amazonaws.com"},
    "aws:eks/nodeGroup:NodeGroup": lambda name: {"resources": [{"autoscalingGroups": [{"name": f"eks-{name}"}]}]},
    "aws:acm/certificate:Certificate": lambda name: {
        "domainValidationOptions": [
            {
                "resourceRecordName": f"_{name}.example.com",
                "resourceRecordType": "CNAME",
                "resourceRecordValue": "_proof.acm-validations.aws",
            }
        ]
    },
    "aws:sqs/queue:Queue": lambda name: {"url": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}"},
    "aws:ec2/launchTemplate:LaunchTemplate": lambda name: {"latestVersion": 1},
    "aws:ec2/vpcEndpoint:VpcEndpoint": lambda name: {"dnsEntries": [{"dnsName": f"{name}.vpce.example.com"}]},
    "snowflake:index/storageIntegrationAws:StorageIntegrationAws": lambda name: {
        "describeOutputs": [{"iamUserArn": "arn:aws:iam::210987654321:user/snow", "externalId": "ACME_SFCRole=2_abc="}]
    },
    "snowflake:index/notificationIntegration:NotificationIntegration": lambda name: {
        "awsSnsIamUserArn": "arn:aws:iam::210987654321:user/snow",
        "awsSnsExternalId": "ACME_SFCRole=3_abc=",
    },
    "snowflake:index/pipe:Pipe": lambda name: {"notificationChannel": f"arn:aws:sqs:{REGION}:210987654321:sf-snowpipe"},
    "aws:ec2/vpc:Vpc": lambda name: {"defaultNetworkAclId": "acl-1", "defaultSecurityGroupId": "sg-default"},
    "random:index/randomBytes:RandomBytes": lambda name: {"hex": "c0" * 32, "base64": "wMDA"},
    "pulumi-python:dynamic/lambda:Instance": lambda name: {"ip": "198.51.100.7"},
    "aws:ec2/natGateway:NatGateway": lambda name: {"publicIp": "203.0.113.9"},
    "random:index/randomPassword:RandomPassword": lambda name: {"result": f"canary-{name}", "bcryptHash": "canary"},
    "aws:secretsmanager/secretVersion:SecretVersion": lambda name: {
        "secretArn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}"
    },
}
"""What a provider would compute, for types whose consumers need more than an id, an ARN and a name."""


@dataclass(frozen=True)
class Recorded:
    """One registration, as the engine would have received it."""

    type: str
    name: str
    parent: str | None
    """Name of the parent; None for a child of the stack itself."""
    custom: bool
    inputs: dict[str, Any]
    """Plain inputs by their wire (camelCase) names; what is unknown is `rpc.UNKNOWN`."""
    secrets: frozenset[str]
    """Paths of inputs that travel as secrets, for example `secretString` or `data.password`."""
    protect: bool
    retain_on_delete: bool
    deleted_with: str | None
    """Name of the resource whose deletion takes this one along."""
    depends_on: frozenset[str]
    """Names of what it depends on, explicitly or through its inputs."""
    ignore_changes: tuple[str, ...]
    delete_before_replace: bool
    provider: str

    @property
    def identity(self) -> tuple[str, str, str | None]:
        """What a rename would change."""
        return (self.type, self.name, self.parent)


@dataclass
class Recording:
    """What a program registered."""

    resources: list[Recorded] = field(default_factory=list)
    outputs_registered: list[str] = field(default_factory=list)
    """Names of components that called `register_outputs`, in order."""
    result: Any = None
    """What the program returned."""

    def of(self, type_: str) -> list[Recorded]:
        """Registrations of one type token, in order."""
        return [resource for resource in self.resources if resource.type == type_]

    def one(self, type_: str, name: str | None = None) -> Recorded:
        """The only registration of a type, or the one with this name."""
        found = [resource for resource in self.of(type_) if name is None or resource.name == name]
        assert len(found) == 1, f"{len(found)} of {type_} {name or ''}: {[r.name for r in self.of(type_)]}"
        return found[0]

    @property
    def identities(self) -> list[tuple[str, str, str | None]]:
        """Sorted identities: the snapshot that pins logical names."""
        return sorted((resource.identity for resource in self.resources), key=lambda item: (item[0], item[1]))

    def value(self, output: pulumi.Output[Any]) -> Any:
        """What an output resolved to; None where it is unknown."""
        return _sync_await(output.future())

    def is_secret(self, output: pulumi.Output[Any]) -> bool:
        """Whether an output is secret."""
        return bool(_sync_await(output.is_secret()))

    def depends_on(self, output: pulumi.Output[Any]) -> set[str]:
        """Names of the resources that an output waits for."""
        return {resource._name for resource in _sync_await(output.resources())}

    def leaks(self, canary: str) -> list[str]:
        """Where a secret text appears in an input outside a secret-marked value: `name: path`."""
        return [
            f"{resource.name}: {path}"
            for resource in self.resources
            for path, value in _leaves(resource.inputs)
            if canary in str(value) and not any(path == s or path.startswith(f"{s}.") for s in resource.secrets)
        ]


class _Answers(mocks.Mocks):
    def __init__(self, preview: bool, calls: Mapping[str, Any]) -> None:
        self._preview = preview
        self._calls = calls
        self.secret_outputs: frozenset[str] = frozenset()

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        if self._preview:
            return "", dict(args.inputs)
        account = "" if args.typ.startswith("aws:s3/") else ACCOUNT
        service = args.typ.partition(":")[2].partition("/")[0]
        made_up = {"arn": f"arn:aws:{service}:{REGION}:{account}:{args.name}", "name": args.name}
        if args.typ.startswith("snowflake:"):
            places = [args.inputs.get(part) for part in ("database", "schema", "name")]
            made_up["fullyQualifiedName"] = ".".join(f'"{place}"' for place in places if place)
        specific = OUTPUTS.get(args.typ, lambda _: {})(args.name)
        computed = {**made_up, **specific}
        state = {**computed, **{key: _filled(value, computed.get(key)) for key, value in args.inputs.items()}}
        hidden = {key: pulumi.Output.secret(state[key]) for key in self.secret_outputs & state.keys()}
        return f"{args.name}-id", {**state, **hidden}

    def call(self, args: mocks.MockCallArgs) -> Any:
        if args.token not in self._calls:
            raise AssertionError(f"the program asked the cloud ({args.token}): a plan must not need it")
        return self._calls[args.token]


class _Monitor(mocks.MockMonitor):
    def __init__(self, answers: _Answers) -> None:
        super().__init__(answers)
        self._answers = answers
        self.recording = Recording()

    def RegisterResource(self, request: Any) -> Any:
        if request.type != "pulumi:pulumi:Stack":
            recorded = _recorded(request)
            self.recording.resources.append(recorded)
            # As the engine does: outputs that the SDK declares secret, and those that echo a secret input.
            echoed = (path.partition(".")[0].partition("[")[0] for path in recorded.secrets)
            self._answers.secret_outputs = frozenset([*request.additionalSecretOutputs, *echoed])
        return super().RegisterResource(request)

    def RegisterResourceOutputs(self, request: Any) -> Any:
        if name := _name(request.urn):
            self.recording.outputs_registered.append(name)
        return super().RegisterResourceOutputs(request)


def record(
    program: Callable[[], Any],
    *,
    project: str = "plinth",
    stack: str = "dev",
    preview: bool = False,
    calls: Mapping[str, Any] | None = None,
) -> Recording:
    """Run `program` and wait for every registration.

    Args:
        program: builds resources; what it returns is kept as `Recording.result`.
        project: name of the Pulumi project.
        stack: name of the stack.
        preview: nothing that a provider computes is known.
        calls: answers to provider functions by token; any other call fails the test.
    """
    # The SDK keeps the first root resource it made, so a second program would get parents of the first.
    settings.set_root_resource(None)  # type: ignore[arg-type]
    _ensure_loop()
    monitor = _Monitor(_Answers(preview, calls or {}))
    mocks.set_mocks(monitor.mocks, project=project, stack=stack, preview=preview, monitor=monitor)
    recording = monitor.recording

    def run() -> None:
        recording.result = program()

    try:
        _sync_await(run_pulumi_func(run))
    except BaseException:
        _abandon()
        raise
    return recording


def _ensure_loop() -> None:
    """Have a current event loop, which the SDK expects: `asyncio.run` in a test before this one has taken it away."""
    try:
        asyncio.get_event_loop()
    except RuntimeError:
        asyncio.set_event_loop(asyncio.new_event_loop())


def _abandon() -> None:
    """Forget what a failed program left unfinished: it would fail the next one."""
    settings._get_rpc_manager().clear()
    settings.SETTINGS.outputs.clear()
    loop = asyncio.get_event_loop()
    unfinished = asyncio.all_tasks(loop)
    for task in unfinished:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*unfinished, return_exceptions=True))


def _filled(given: Any, computed: Any) -> Any:
    """An input as the provider gives it back: an object with what the provider computes in it."""
    return {**computed, **given} if isinstance(given, Mapping) and isinstance(computed, Mapping) else given


def _recorded(request: Any) -> Recorded:
    inputs = json_format.MessageToDict(request.object)
    return Recorded(
        type=request.type,
        name=request.name,
        parent=_name(request.parent),
        custom=request.custom,
        inputs=_plain(inputs),
        secrets=frozenset(path.lstrip(".") for path in _secret_paths(inputs, "")),
        protect=request.protect,
        retain_on_delete=request.retainOnDelete,
        deleted_with=_name(request.deletedWith),
        depends_on=frozenset(name for urn in request.dependencies if (name := _name(urn))),
        ignore_changes=tuple(request.ignoreChanges),
        delete_before_replace=request.deleteBeforeReplace,
        provider=request.provider,
    )


def _name(urn: str) -> str | None:
    if not urn or "pulumi:pulumi:Stack" in urn.split("::")[2].split("$")[-1]:
        return None
    return urn.split("::")[3]


def _is_special(value: Any, signature: str) -> bool:
    return isinstance(value, dict) and value.get(rpc._special_sig_key) == signature


def _plain(value: Any) -> Any:
    if _is_special(value, rpc._special_secret_sig):
        return _plain(value["value"])
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _secret_paths(value: Any, path: str) -> Iterator[str]:
    if _is_special(value, rpc._special_secret_sig):
        yield path
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _secret_paths(item, f"{path}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _secret_paths(item, f"{path}[{index}]")


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{path}[{index}]")
    else:
        yield path, value


__all__ = ["ACCOUNT", "REGION", "Recorded", "Recording", "record"]
