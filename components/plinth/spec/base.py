"""What every section of the spec shares: strictness, names and small value types."""

from ipaddress import IPv4Network
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


class Model(BaseModel):
    """A frozen section of the spec that refuses unknown fields and values of another type, such as `yes` for a number.

    Attribute docstrings become the descriptions of the JSON Schema that editors read.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)


PATTERN_MEANING: dict[str, str] = {}
"""What each pattern means, in words: error messages say it, and editors show it."""


def matches(pattern: str, meaning: str, *, min_length: int | None = None, max_length: int | None = None) -> Any:
    """A string field that must match `pattern`; `meaning` says in words what that is."""
    PATTERN_MEANING[pattern] = meaning
    return Field(
        pattern=pattern,
        json_schema_extra={"patternErrorMessage": meaning},
        min_length=min_length,
        max_length=max_length,
    )


Name = Annotated[
    str,
    matches(
        r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$",
        "lower-case letters and digits with single dashes between, starting with a letter",
        min_length=2,
        max_length=30,
    ),
]
"""Valid as a Kubernetes name and inside AWS names."""

Email = Annotated[str, matches(r"^[^@\s]+@[^@\s]+\.[a-z]{2,}$", "an e-mail address", max_length=254)]

CostCenter = Annotated[str, matches(r"^[A-Za-z0-9-]{2,32}$", "2 to 32 letters, digits and dashes")]

RoleArn = Annotated[
    str,
    matches(
        r"^arn:aws(-[a-z]+)*:iam::\d{12}:role/[\w+=,.@/-]+$",
        "the ARN of an IAM role, for example arn:aws:iam::123456789012:role/platform-deployer",
    ),
]


def _network(value: str) -> str:
    IPv4Network(value, strict=False)  # raises ValueError for 300.0.0.0/8 and 10.0.0.0/33
    return value


Cidr = Annotated[
    str,
    matches(r"^\d{1,3}(\.\d{1,3}){3}/\d{1,2}$", "an IPv4 network in CIDR notation, for example 10.20.0.0/16"),
    AfterValidator(_network),
]

ImageDigest = Annotated[
    str,
    matches(
        r"^[a-z0-9.-]+(:\d+)?/[a-z0-9._/-]+@sha256:[0-9a-f]{64}$",
        "a container image by digest, for example registry.example.com/app@sha256: and 64 hexadecimal digits",
    ),
]

Port = Annotated[int, Field(ge=1024, le=65535)]
"""An unprivileged TCP port."""

LogDays = Literal[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731]
"""Days of log retention that CloudWatch Logs accepts."""
