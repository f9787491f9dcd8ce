"""Where the knowledge graph is: the type that components render and clients read.

Only pydantic and the standard library are imported here, because Pulumi programs import this module.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class GraphEndpoint(BaseModel):
    """A graph that is asked in openCypher over HTTPS, with requests that the pod's own IAM role signs."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    kind: Literal["neptune"] = "neptune"
    """Engine of the graph."""

    host: Annotated[str, Field(min_length=1, max_length=253)]
    """Host name of the writer."""

    reader_host: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    """Host name of the readers. Absent: there are none."""

    port: Annotated[int, Field(ge=1, le=65535)] = 8182
    """TCP port (TLS)."""

    region: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
    """AWS region of the cluster."""

    ca_file: str | None = None
    """Certificate authorities (PEM) that the server's certificate must come from. Absent: those of the system."""

    timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 30
    """Longest time for one query."""
