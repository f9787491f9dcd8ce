"""Rules on secrets: none is written where people and logs can read it."""

import json
import re
from collections.abc import Iterator
from typing import Any

from plinth_policies.kubernetes import POD_SPECS, containers, pod_spec
from plinth_policies.rule import Finding, Resource, Rule
from plinth_policies.values import UNKNOWN, Value, at, entries, items, plain, shown, texts

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SECRET_WORDS = frozenset({"password", "passwd", "pwd", "passphrase", "secret", "token", "credential", "credentials"})
_SECRET_PAIRS = frozenset(
    {
        ("access", "key"),
        ("api", "key"),
        ("auth", "key"),
        ("connection", "string"),
        ("encryption", "key"),
        ("private", "key"),
        ("signing", "key"),
    }
)
_NAMES_OF_OBJECTS = frozenset({"existing", "tls", "pull"})
"""Before `secret`: the value is the name of a Kubernetes Secret, not its content."""

_SHAPES = re.compile(
    r"""-----BEGIN\ [A-Z ]*PRIVATE\ KEY-----
      | \b(?:AKIA|ASIA)[0-9A-Z]{16}\b                           # AWS access key
      | \bgh[pousr]_[A-Za-z0-9]{36,}                            # GitHub
      | \bhf_[A-Za-z0-9]{30,}                                   # Hugging Face
      | \bsk-[A-Za-z0-9_-]{20,}                                 # OpenAI, Anthropic and others
      | \bxox[abprs]-[A-Za-z0-9-]{10,}                          # Slack
      | \bplinth_[a-z0-9-]+_[A-Za-z0-9]{24,}                    # a key of Plinth's gateway
      | \beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.        # JSON Web Token
      | ://[^/\s:@]+:[^/\s@$]{3,}@                              # URL with a password
    """,
    re.VERBOSE,
)
_REFERENCE = re.compile(r"^(?:/|file:|arn:|\$[({_]|true$|false$)", re.IGNORECASE)
"""Paths, ARNs and placeholders: they say where a secret is."""

_WHY = "it can be read in manifests, state and `kubectl get`"
_FIX = (
    "put it into AWS Secrets Manager and mount it through an ExternalSecret; "
    "provider keys go by name in models[].api_key_secret"
)


def _pods(workload: Resource) -> Iterator[Finding]:
    for container in containers(pod_spec(workload)):
        for variable in items(container.get("env")):
            name = at(variable, "name")
            if isinstance(name, str) and _is_secret(name, at(variable, "value")):
                yield Finding(f"{container.label} has a secret in env {shown(name)}", _WHY, _FIX)
        for field in ("command", "args"):
            if any(_SHAPES.search(text) for text in texts(container.get(field))):
                yield Finding(f"{container.label} has a secret in {field}", _WHY, _FIX)


def _config_map(config_map: Resource) -> Iterator[Finding]:
    for key, text in entries(config_map.get("data")):
        found = [key] if _is_secret(key, text) else [f"{key}{path}" for path in _in_json(text)]
        for path in found:
            yield Finding(f"data.{path} holds a secret", _WHY, _FIX)


def _secret_object(secret: Resource) -> Iterator[Finding]:
    for field in ("data", "stringData"):
        for key, _ in entries(secret.get(field)):
            why = "its value passes through Pulumi's state and the rendered manifests"
            yield Finding(f"{field}.{key} is written by the program", why, _FIX)


def _chart(release: Resource) -> Iterator[Finding]:
    for path in _search(release.get("values"), "values"):
        yield Finding(f"{path} holds a secret", _WHY, f"name an existing Secret in the chart's values; {_FIX}")


def _function(function: Resource) -> Iterator[Finding]:
    for path in _search(function.get("environment", "variables"), "environment.variables"):
        yield Finding(f"{path} holds a secret", "anyone who may list functions can read it", _FIX)


def _parameter(parameter: Resource) -> Iterator[Finding]:
    name = parameter.get("name")
    called = f"{name}" if isinstance(name, str) else parameter.name
    value = parameter.get("value")
    if parameter.get("type") in ("String", "StringList") and (value is UNKNOWN or _is_secret(called, value)):
        if value is UNKNOWN and not _sounds_secret(called):
            return
        what = f"type is {shown(parameter.get('type'))}, while {shown(called)} is a secret"
        yield Finding(what, "it is stored unencrypted", "use type SecureString, or AWS Secrets Manager")


def _in_json(text: Value) -> Iterator[str]:
    """Paths of secrets inside JSON text; nothing for other text."""
    if not isinstance(text, str) or not text.lstrip().startswith(("{", "[")):
        return
    try:
        parsed: Any = json.loads(str.__str__(text))
    except ValueError:
        return
    yield from _search(plain(parsed), "")


def _search(value: Value, path: str) -> Iterator[str]:
    for key, item in entries(value):
        if _is_secret(key, item):
            yield f"{path}.{key}"
        yield from _search(item, f"{path}.{key}")
    for index, item in enumerate(items(value)):
        if isinstance(item, str) and _SHAPES.search(item):
            yield f"{path}[{index}]"
        yield from _search(item, f"{path}[{index}]")


def _is_secret(key: str, value: Value) -> bool:
    if not isinstance(value, str) or not value:
        return False
    if _SHAPES.search(value):
        return True
    return _sounds_secret(key) and not _REFERENCE.match(value)


def _sounds_secret(key: str) -> bool:
    """Whether a name says that its value is a secret: `DB_PASSWORD`, `apiKey`; not `maxTokens`, `existingSecret`."""
    words = [word.lower() for word in _WORD.findall(key)]
    if not words:
        return False
    before = words[-2] if len(words) > 1 else ""
    if words[-1] == "secret" and before in _NAMES_OF_OBJECTS:
        return False
    return words[-1] in _SECRET_WORDS or (before, words[-1]) in _SECRET_PAIRS


NO_PLAINTEXT_SECRETS = Rule(
    id="no-plaintext-secrets",
    title="Secrets are referred to, never written into workloads and configuration.",
    severity="critical",
    fix="models[].api_key_secret; everything else is generated and mounted",
    checks={
        **dict.fromkeys(POD_SPECS, _pods),
        "kubernetes:core/v1:ConfigMap": _config_map,
        "kubernetes:core/v1:Secret": _secret_object,
        "kubernetes:helm.sh/v3:Release": _chart,
        "kubernetes:helm.sh/v4:Chart": _chart,
        "aws:lambda/function:Function": _function,
        "aws:ssm/parameter:Parameter": _parameter,
    },
)
