"""Small grammars of the Kubernetes API: names, labels, quantities, ports.

Sources: k8s.io/apimachinery `pkg/util/validation` and `pkg/api/resource`, and the API reference on labels.
Each function returns what is wrong, or None.
"""

import re
from decimal import Decimal, InvalidOperation
from typing import Any

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LABEL_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_CONFIG_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_PORT_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_QUANTITY = re.compile(r"([+-]?\d+(?:\.\d*)?|[+-]?\.\d+)(m|n|u|k|Ki|Mi|Gi|Ti|Pi|Ei|M|G|T|P|E|[eE][+-]?\d+)?")

_FACTORS = {
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate(("n", "u", "m", "", "k", "M", "G"), -3)},
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate(("T", "P", "E"), 4)},
    **{suffix: Decimal(1024) ** power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)},
}


def dns_label(name: str) -> str | None:
    """DNS-1123 label: 63 characters, lower case letters, digits and dashes."""
    if len(name) > 63:
        return f"must have at most 63 characters, it has {len(name)}"
    if not _LABEL.fullmatch(name):
        return f"must be lower case letters, digits and '-', with a letter or digit at both ends, not '{name}'"
    return None


def dns_label_1035(name: str) -> str | None:
    """DNS-1035 label: like a DNS-1123 label, with a letter first."""
    wrong = dns_label(name)
    if wrong is None and not _LABEL_1035.fullmatch(name):
        return f"must start with a letter, not '{name}'"
    return wrong


def dns_subdomain(name: str, limit: int = 253) -> str | None:
    """DNS-1123 subdomain: labels joined by dots."""
    if len(name) > limit:
        return f"must have at most {limit} characters, it has {len(name)}"
    if not _SUBDOMAIN.fullmatch(name):
        return f"must be lower case letters, digits, '-' and '.', with a letter or digit at both ends, not '{name}'"
    return None


def path_segment(name: str) -> str | None:
    """What may stand in a URL path: names of RBAC objects."""
    if name in (".", "..") or "/" in name or "%" in name:
        return f"must not be '.' or '..' or contain '/' or '%', not '{name}'"
    return None


def label_key(key: str) -> str | None:
    """An optional DNS prefix and a slash, then up to 63 letters, digits, '-', '_', '.'."""
    prefix, slash, name = key.rpartition("/")
    if slash and (not prefix or dns_subdomain(prefix)):
        return "must have a DNS name such as app.kubernetes.io before its '/'"
    if len(name) > 63 or not _QUALIFIED.fullmatch(name):
        return "must be at most 63 letters, digits, '-', '_' and '.', after an optional DNS prefix and '/'"
    return None


def label_value(value: str) -> str | None:
    """Up to 63 letters, digits, '-', '_', '.', with a letter or digit at both ends; may be empty."""
    if len(value) > 63:
        return f"must have at most 63 characters, it has {len(value)}"
    if value and not _QUALIFIED.fullmatch(value):
        return f"must be letters, digits, '-', '_' and '.', with a letter or digit at both ends, not '{value}'"
    return None


def config_key(key: str) -> str | None:
    """Key of a ConfigMap or Secret: a file name."""
    if len(key) > 253 or not _CONFIG_KEY.fullmatch(key) or key in (".", ".."):
        return "must be at most 253 letters, digits, '-', '_' and '.'"
    return None


def port_name(name: str) -> str | None:
    """IANA service name: 15 characters, at least one letter."""
    if len(name) > 15:
        return f"must have at most 15 characters, '{name}' has {len(name)}"
    if not _PORT_NAME.fullmatch(name) or not re.search("[a-z]", name) or "--" in name:
        return f"must be lower case letters, digits and single '-', with at least one letter, not '{name}'"
    return None


def environment_name(name: str) -> str | None:
    """Name of an environment variable; Kubernetes 1.34 and later take any printable ASCII but '='."""
    if not name or any(not " " <= char <= "~" or char == "=" for char in name):
        return f"must be printable ASCII without '=', not '{name}'"
    return None


def quantity(value: Any) -> Decimal | None:
    """The number that `500m`, `16Gi` or 2 stands for; None when it is no quantity."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if not isinstance(value, str):
        return Decimal(repr(float(value))) if isinstance(value, float) else Decimal(int(value))
    match = _QUANTITY.fullmatch(value)
    if match is None:
        return None
    suffix = match[2] or ""
    try:
        if suffix[:1] in ("e", "E") and len(suffix) > 1:
            return Decimal(match[1] + suffix)
        return Decimal(match[1]) * _FACTORS[suffix]
    except InvalidOperation:
        return None
