"""What every section of the spec shares: strictness, names and small value types."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Model(BaseModel):
    """A frozen section of the spec that refuses unknown fields.

    Attribute docstrings become the descriptions of the JSON Schema that editors read.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", min_length=2, max_length=30)]
"""A lower-case name with single dashes: valid as a Kubernetes name and inside AWS names."""

Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[a-z]{2,}$", max_length=254)]
"""An e-mail address."""

RoleArn = Annotated[str, Field(pattern=r"^arn:aws(-[a-z]+)*:iam::\d{12}:role/[\w+=,.@/-]+$")]
"""The ARN of an IAM role, for example `arn:aws:iam::123456789012:role/platform-deployer`."""

Cidr = Annotated[str, Field(pattern=r"^\d{1,3}(\.\d{1,3}){3}/\d{1,2}$")]
"""An IPv4 network in CIDR notation, for example `10.20.0.0/16`."""

ImageDigest = Annotated[str, Field(pattern=r"^[a-z0-9.-]+(:\d+)?/[a-z0-9._/-]+@sha256:[0-9a-f]{64}$")]
"""A container image by digest, for example `registry.example.com/app@sha256:<64 hex digits>`."""

Port = Annotated[int, Field(ge=1024, le=65535)]
"""An unprivileged TCP port."""

LogDays = Annotated[int, Field(json_schema_extra={"enum": [1, 3, 5, 7, 14, 30, 60, 90, 120, 180, 365, 400, 545, 731]})]
"""Days of log retention that CloudWatch Logs accepts."""
