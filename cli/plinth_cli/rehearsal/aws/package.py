"""The stand-in for the package `aws`: AWS's own ids and names, and partly real in the rehearsal's cloud."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar, cast

from botocore.exceptions import BotoCoreError, ClientError
from typing_extensions import override

from plinth_cli.rehearsal.aws import dynamodb, ecr, facts, iam, messaging, operations, s3, secrets, vectors
from plinth_cli.rehearsal.aws.binding import Binding, Op, P, Target, is_gone, refusal
from plinth_cli.rehearsal.aws.functions import FUNCTIONS
from plinth_cli.rehearsal.aws.tables import PATTERNS, ROWS
from plinth_cli.rehearsal.immutable import AWS_RENAMES
from plinth_cli.rehearsal.package import Call, Created, Failure, Found, Invoked
from plinth_cli.rehearsal.schema import SdkSchema
from plinth_cli.rehearsal.sdk import SdkPackage, Tables
from plinth_cli.rehearsal.templates import Facts
from plinth_cli.rehearsal.values import UNKNOWN, Props, Secret, has_unknown, reveal

_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class Lookup:
    """A function that is answered by one call to the cloud."""

    service: str
    op: Op
    secret: frozenset[str] = frozenset()
    """Results that are secret."""


BINDINGS: Final[Mapping[str, Binding]] = {
    **s3.BINDINGS,
    **dynamodb.BINDINGS,
    **ecr.BINDINGS,
    **secrets.BINDINGS,
    **iam.BINDINGS,
    **messaging.BINDINGS,
    **operations.BINDINGS,
    **vectors.BINDINGS,
}
"""The types that are really created, by token."""

LOOKUPS: Final[Mapping[str, Lookup]] = {
    "aws:secretsmanager/getSecretVersion:getSecretVersion": Lookup(
        "secretsmanager",
        Op(
            "get_secret_value",
            {"SecretId": "secretId", "VersionId": "versionId", "VersionStage": "versionStage"},
            captures={"arn": "ARN", "secretString": "SecretString", "versionId": "VersionId"},
        ),
        frozenset({"secretString"}),
    ),
    "aws:ssm/getParameter:getParameter": Lookup(
        "ssm",
        Op(
            "get_parameter",
            {"Name": "name", "WithDecryption": P(lambda target: True)},
            captures={"arn": "Parameter.ARN", "value": "Parameter.Value", "type": "Parameter.Type"},
        ),
        frozenset({"value"}),
    ),
}
"""Functions that read what is really there, by token."""

TABLES: Final = Tables(
    rows=ROWS,
    id="{kind}-{hex17}",
    outputs=PATTERNS,
    planned=frozenset({"region"}),
    functions=FUNCTIONS,
    renames_in_place=AWS_RENAMES,
)


class Clients:
    """boto3 clients of the rehearsal's cloud, made when first needed and shared between threads."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, str, str], Any] = {}
        self._session: Any = None

    def get(self, service: str, region: str, account: str) -> Any:
        """A client for the service as the account sees it in the region."""
        key = (service, region, account)
        with self._lock:
            if key not in self._clients:
                self._clients[key] = self._make(*key)
            return self._clients[key]

    def _make(self, service: str, region: str, account: str) -> Any:
        import boto3  # a third of a second that a program without real AWS types does not pay
        from botocore.config import Config

        if self._session is None:
            self._session = boto3.Session(aws_access_key_id="rehearsal", aws_secret_access_key="rehearsal")  # noqa: S106  moto asks for no credentials
        config = Config(
            retries={"total_max_attempts": 1},
            connect_timeout=5,
            read_timeout=60,
            max_pool_connections=16,
            s3={"addressing_style": "path"},
            inject_host_prefix=False,
        )
        client = self._session.client(service, region_name=region, endpoint_url=self._endpoint, config=config)
        if account != facts.ACCOUNT:
            client.meta.events.register("before-sign.*.*", _as_account(account))
        return client


def _as_account(account: str) -> Any:
    def add(request: Any, **_: Any) -> None:
        request.headers["x-moto-account-id"] = account  # how a moto server is told whose call it is

    return add


class AwsPackage(SdkPackage):
    """What `StandIn` asks about resources of the package `aws`.

    Args:
        endpoint: URL of the rehearsal's cloud; None makes nothing real.
    """

    def __init__(self, schema: SdkSchema, endpoint: str | None) -> None:
        super().__init__(schema, TABLES)
        self._clients = Clients(endpoint) if endpoint else None

    @override
    def facts(self, call: Call, inputs: Props, **known: Any) -> Facts:
        return super().facts(call, inputs, **facts.of(call, inputs), **known)

    @override
    def refine(self, call: Call, inputs: Props) -> list[Failure]:
        """Like the real provider, keeps all tags, the provider's default ones included, beside the given ones."""
        schema = self.schema.resource(call.urn.type)
        if schema is not None and "tagsAll" in schema.outputs.properties:
            everything = facts.all_tags(call, inputs)
            inputs["tagsAll"] = Secret(everything) if isinstance(inputs.get("tags"), Secret) else everything
        if call.urn.type == "aws:kms/alias:Alias":
            return _check_alias(inputs)
        return []

    @override
    def invoke(self, call: Call, token: str, args: Props) -> Invoked:
        """Answers from the rehearsal's cloud where the function reads a value that the program may have put there."""
        answer = super().invoke(call, token, args)
        lookup = LOOKUPS.get(token)
        if answer.failures or lookup is None or self._clients is None or has_unknown(args):
            return answer
        target = self._target(call, "", args, {})
        try:
            found = lookup.op.run(self._clients.get(lookup.service, target.region, target.account), target)
        except ClientError as error:
            if is_gone(error):
                return answer
            raise refusal(error) from error
        known = {name: Secret(value) if name in lookup.secret else value for name, value in found.items()}
        return Invoked({**answer.result, **{name: value for name, value in known.items() if reveal(value) is not None}})

    # --- what is real ------------------------------------------------------------------------------------------

    @override
    def create(self, call: Call, inputs: Props) -> Created:
        binding = BINDINGS.get(call.urn.type)
        if binding is None or self._clients is None or call.preview:
            return super().create(call, inputs)
        planned = super().create(call, inputs)
        target = self._target(call, planned.id, inputs, planned.outputs)
        captured = self._ask(binding, target, partial(binding.make, target=target, resumed=call.resumed))
        return self._with_captured(call, planned.id, inputs, captured)

    def _with_captured(self, call: Call, id: str, inputs: Props, captured: Props) -> Created:
        id = str(captured.pop("id", id))
        known = {name: value for name, value in captured.items() if value is not None}
        return Created(id, self.outputs(call, id, inputs, kept=known))

    @override
    def adopt(self, call: Call, id: str, inputs: Props) -> Created:
        """Takes over what exists and settles it again; makes it anew if the cloud has lost it."""
        binding = BINDINGS.get(call.urn.type)
        if binding is None or self._clients is None:
            return super().adopt(call, id, inputs)
        target = self._target(call, id, inputs, self.outputs(call, id, inputs))
        if not self._ask(binding, target, partial(binding.exists, target=target)):
            return self.create(call, inputs)
        captured = self._ask(binding, target, partial(binding.take_over, target=target))
        return self._with_captured(call, id, inputs, captured)

    @override
    def read(self, call: Call, id: str, inputs: Props, outputs: Props) -> Found | None:
        binding = BINDINGS.get(call.urn.type)
        found = super().read(call, id, inputs, outputs)
        if binding is None or self._clients is None or found is None or not inputs:
            return found
        target = self._target(call, id, inputs, outputs)
        return found if self._ask(binding, target, partial(binding.exists, target=target)) else None

    @override
    def update(self, call: Call, id: str, old_inputs: Props, old_outputs: Props, inputs: Props) -> Props:
        binding = BINDINGS.get(call.urn.type)
        kept = self._kept(call, old_inputs, old_outputs, inputs)
        if binding is not None and self._clients is not None and not call.preview:
            target = self._target(call, id, inputs, old_outputs, old_inputs)
            captured = self._ask(binding, target, partial(binding.change, target=target))
            kept |= {name: value for name, value in captured.items() if name != "id" and value is not None}
        return self.outputs(call, id, inputs, kept=kept)

    @override
    def delete(self, call: Call, id: str, inputs: Props, outputs: Props) -> None:
        binding = BINDINGS.get(call.urn.type)
        if binding is not None and self._clients is not None:
            target = self._target(call, id, inputs, outputs)
            self._ask(binding, target, partial(binding.remove, target=target))

    def _target(self, call: Call, id: str, inputs: Props, outputs: Props, old: Props | None = None) -> Target:
        plain = cast("Props", reveal(inputs))
        region = facts.region(call.config, plain)
        return Target(id, plain, reveal(outputs), facts.account(call.config), region, reveal(old or {}))

    def _ask(self, binding: Binding, target: Target, question: Callable[[Any], _Answer]) -> _Answer:
        assert self._clients is not None
        try:
            return question(self._clients.get(binding.service, target.region, target.account))
        except (BotoCoreError, ClientError) as error:
            raise refusal(error) from error


def _check_alias(inputs: Props) -> list[Failure]:
    """AWS KMS API, CreateAlias: the name begins with alias/ and not with alias/aws/."""
    name = reveal(inputs.get("name"))
    if isinstance(name, str) and name is not UNKNOWN and not name.startswith("alias/"):
        return [Failure("name", "must begin with 'alias/'")]
    return []
