"""What all configuration models share. Only pydantic and the standard library are imported here."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class ConfigModel(BaseModel):
    """Frozen, and refuses unknown fields: what is not understood must not be ignored in silence."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", min_length=2, max_length=63)]
"""A lower-case name with single dashes, as in Kubernetes."""

ModelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@+-]*$", min_length=1, max_length=200)]
"""A model's name as clients or providers write it, for example `chat` or `Qwen/Qwen3-8B`."""

Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
"""A duration in seconds."""
