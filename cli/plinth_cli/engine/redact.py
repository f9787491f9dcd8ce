"""Takes secrets out of text and values before a person or a file sees them.

The engine already blinds what is marked as a secret. This is the second line: known values (the passphrase), the shapes
of well-known credentials, and values whose name says that they are one.
"""

import re
from collections.abc import Iterable

HIDDEN = "[secret]"

_SHAPES = re.compile(
    r"""
    plinth_[a-z0-9-]+_[A-Za-z0-9_-]{8,}                 # a tenant's gateway key
    | \b(?:AKIA|ASIA)[A-Z0-9]{16}\b                     # an AWS access key id
    | \b(?:sk|pk|rk)-[A-Za-z0-9_-]{16,}                 # model providers' keys
    | \bgh[pousr]_[A-Za-z0-9]{30,}                      # GitHub
    | \bpul-[0-9a-f]{40}\b                              # Pulumi
    | \bv1:[A-Za-z0-9+/=]{8,}:[A-Za-z0-9+/=]{8,}        # Pulumi ciphertext and salts
    | -----BEGIN[ ][A-Z ]*PRIVATE[ ]KEY-----.*?-----END[ ][A-Z ]*PRIVATE[ ]KEY-----
    | (?<=://)[^/\s:@'"]+:[^/\s@'"]+(?=@)               # user:password in an address
    """,
    re.VERBOSE | re.DOTALL,
)
_ASSIGNMENT = re.compile(
    r"(?i)\b([\w.-]*(?:password|passphrase|secret|token|api_?key|private_?key|credential)[\w.-]*"
    r"[\"']?\s*[=:]\s*)([\"']?)([^\s\"',;)}\]]{4,})"
)
_TYPE = re.compile(r"\b[a-z][a-z0-9-]*:[\w.-]+/\Z")
"""What comes before the name in a resource's type, `aws:secretsmanager/secret:Secret`: no assignment."""
_NAMES = re.compile(r"(?i)(password|passphrase|secret|token|api_?key|private_?key|credentials?|salt)$")


def names_a_secret(path: str) -> bool:
    """Return whether a property path ends in a name that promises a secret, such as `masterPassword`."""
    return bool(_NAMES.search(re.split(r"[.\[]", path.replace("]", ""))[-1].strip("\"'")))


def text(value: str, known: Iterable[str] = ()) -> str:
    """Return the text without the known secrets and without anything that has the shape of one."""
    for secret in known:
        if len(secret) >= 4:
            value = value.replace(secret, HIDDEN)
    value = _SHAPES.sub(HIDDEN, value)
    return _ASSIGNMENT.sub(_without_value, value)


def _without_value(found: re.Match[str]) -> str:
    if _TYPE.search(found.string, 0, found.start()):
        return found[0]
    return f"{found[1]}{found[2]}{HIDDEN}"
