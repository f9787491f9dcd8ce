"""ExternalSecrets resolved from the local Secrets Manager, as the External Secrets Operator does in a cluster.

Understood: `data` (with `property`) and `dataFrom` with `extract` or `find` (by path and name) and `rewrite` by
regular expression: what the platform renders (External Secrets API reference, external-secrets.io/v1).
"""

import json
import re
from typing import Any, Protocol, cast

from plinth_cli.errors import PlinthError
from plinth_cli.laptop.protocol import CLOUD
from plinth_cli.laptop.tree import Json, items, part

ACCESS_KEY = "rehearsal"
"""Both halves of the credentials for the local stand-in, which has no accounts to protect."""


class SecretStore(Protocol):
    """Where secrets come from."""

    def get(self, name: str) -> str | None:
        """Return a secret's value, or None where there is none."""
        ...

    def find(self, prefix: str) -> list[str]:
        """Return the names of the secrets that start with a prefix."""
        ...


class SecretsManager:
    """AWS Secrets Manager at an endpoint."""

    def __init__(self, endpoint: str, region: str) -> None:
        import boto3  # here, because it takes a third of a second that other commands need not wait
        from botocore.config import Config

        self._client: Any = boto3.client(  # pyright: ignore[reportUnknownMemberType] - untyped library
            "secretsmanager",
            endpoint_url=endpoint,
            region_name=region,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=ACCESS_KEY,
            config=Config(connect_timeout=3, read_timeout=10, retries={"max_attempts": 2}),
        )
        self._endpoint = endpoint

    def get(self, name: str) -> str | None:
        """Return a secret's value, or None where there is none."""
        answer = self._call("get_secret_value", SecretId=name)
        return None if answer is None else str(answer.get("SecretString", ""))

    def find(self, prefix: str) -> list[str]:
        """Return the names of the secrets that start with a prefix, sorted."""
        names: list[str] = []
        token: dict[str, str] = {}
        while True:
            answer = self._call("list_secrets", Filters=[{"Key": "name", "Values": [prefix]}], **token) or {}
            names += [item["Name"] for item in answer.get("SecretList", [])]
            if "NextToken" not in answer:
                return sorted(name for name in names if name.startswith(prefix))
            token = {"NextToken": answer["NextToken"]}

    def _call(self, operation: str, **arguments: Any) -> dict[str, Any] | None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return getattr(self._client, operation)(**arguments)
        except ClientError as error:
            found = cast("dict[str, Any]", error.response)  # pyright: ignore[reportUnknownMemberType] - untyped library
            if found.get("Error", {}).get("Code") == "ResourceNotFoundException":
                return None
            raise _unreachable(self._endpoint, error) from None
        except BotoCoreError as error:
            raise _unreachable(self._endpoint, error) from None


def resolve(body: Json, store: SecretStore) -> dict[str, str]:
    """Return the data of the Secret that an ExternalSecret makes.

    Raises:
        PlinthError: A secret is missing, or the manifest asks for something that the laptop does not do.
    """
    name = str(body["metadata"]["name"])
    spec: Json = body["spec"]
    if part(spec, "target").get("template"):
        raise _unsupported(name, "spec.target.template")
    data: dict[str, str] = {}
    for source in items(spec, "dataFrom"):
        data |= _from_source(name, source, store)
    for entry in items(spec, "data"):
        reference: Json = entry["remoteRef"]
        data[str(entry["secretKey"])] = _value(name, reference, store)
    return data


def target(body: Json) -> str:
    """Return the name of the Secret that an ExternalSecret makes."""
    return str(part(body, "spec", "target").get("name") or body["metadata"]["name"])


def _from_source(name: str, source: Json, store: SecretStore) -> dict[str, str]:
    if "extract" in source:
        found = _object(name, source["extract"], store)
    elif "find" in source and "tags" not in source["find"]:
        found = _find(source["find"], store)
    else:
        raise _unsupported(name, f"spec.dataFrom: {', '.join(source)}")
    for rule in items(source, "rewrite"):
        if "regexp" not in rule:
            raise _unsupported(name, f"spec.dataFrom.rewrite: {', '.join(rule)}")
        pattern, replacement = re.compile(rule["regexp"]["source"]), _replacement(rule["regexp"]["target"])
        found = {pattern.sub(replacement, key): value for key, value in found.items()}
    # Kubernetes allows these characters in a Secret's keys; the operator replaces others by default.
    return {re.sub(r"[^-._a-zA-Z0-9]", "_", key): value for key, value in found.items()}


def _find(find: Json, store: SecretStore) -> dict[str, str]:
    pattern = re.compile(str(part(find, "name").get("regexp", "")))
    names = [name for name in store.find(str(find.get("path", ""))) if pattern.search(name)]
    values = {name: store.get(name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def _value(name: str, reference: Json, store: SecretStore) -> str:
    text = _fetch(name, reference, store)
    if not (path := str(reference.get("property") or "")):
        return text
    value: Any = _parse(name, reference, text)
    for step in path.split("."):
        if not isinstance(value, dict) or step not in value:
            raise PlinthError(
                f"ExternalSecret {name}: secret {reference['key']} has no property {path}.",
                where=f"Secrets Manager: {reference['key']}",
                fix="Put it there, or correct the name of the property.",
            )
        value = cast("dict[str, Any]", value)[step]
    return value if isinstance(value, str) else json.dumps(value)


def _object(name: str, reference: Json, store: SecretStore) -> dict[str, str]:
    value = _parse(name, reference, _value(name, reference, store))
    if not isinstance(value, dict):
        raise PlinthError(f"ExternalSecret {name}: secret {reference['key']} is not a JSON object.")
    items = cast("dict[str, Any]", value).items()
    return {key: item if isinstance(item, str) else json.dumps(item) for key, item in items}


def _parse(name: str, reference: Json, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise PlinthError(f"ExternalSecret {name}: secret {reference['key']} is not JSON.") from None


def _fetch(name: str, reference: Json, store: SecretStore) -> str:
    key = str(reference["key"])
    value = store.get(key)
    if value is None:
        raise PlinthError(
            f"ExternalSecret {name} needs the secret {key}, which is not in Secrets Manager.",
            where=f"Secrets Manager: {key}",
            fix=f"Create it at the address of `{CLOUD}` in `plinth status local`, for example with: "
            f"aws --endpoint-url ADDRESS secretsmanager create-secret --name {key} --secret-string VALUE",
        )
    return value


def _replacement(target: str) -> str:
    r"""Turn a replacement of Go's regexp package into Python's: `${1}` and `$1` into `\g<1>`."""
    return re.sub(r"\$\{(\w+)\}|\$(\w+)", lambda found: f"\\g<{found[1] or found[2]}>", target.replace("\\", "\\\\"))


def _unsupported(name: str, what: str) -> PlinthError:
    return PlinthError(
        f"ExternalSecret {name} uses {what}, which the laptop does not do.",
        fix="Use data, or dataFrom with extract or find and rewrite.regexp.",
    )


def _unreachable(endpoint: str, error: Exception) -> PlinthError:
    return PlinthError(
        f"The local Secrets Manager does not answer as it should ({type(error).__name__}).",
        where=endpoint,
        fix="See: plinth logs local aws",
    )
