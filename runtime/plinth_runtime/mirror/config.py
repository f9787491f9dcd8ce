"""What is copied, and where to. Only pydantic and the standard library: Pulumi programs build `WeightsMirror`."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

REPOSITORY = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}$"
"""OWNER/NAME of a repository on the hub."""

REVISION = r"^[0-9a-f]{40}$"
"""A commit: unlike a branch it cannot become something else."""


class WeightsMirror(BaseModel):
    """One revision of one repository, and the folder of a bucket that gets it."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    version: Literal["v1"] = "v1"
    """Version of this shape."""

    hub: Annotated[str, Field(pattern=r"^https?://[^/\s]+$")] = "https://huggingface.co"
    """Address of the hub."""

    repository: Annotated[str, Field(pattern=REPOSITORY)]
    """OWNER/NAME."""

    revision: Annotated[str, Field(pattern=REVISION)]
    """Commit."""

    bucket: str
    """S3 bucket."""

    path: str
    """Prefix in the bucket, without a slash at the end."""

    token_file: str | None = None
    """File with a token of the hub, for repositories that ask for one."""
