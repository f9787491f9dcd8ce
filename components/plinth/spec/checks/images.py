"""Where images come from."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from pydantic import BaseModel

from plinth.spec.images import KmsSignature, registries
from plinth.spec.problem import Problem

if TYPE_CHECKING:
    from plinth.spec.platform import PlatformSpec

_BY_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")


def image_origins(spec: "PlatformSpec") -> Iterator[Problem]:
    """Every image that the spec names would be admitted to the cluster."""
    allowed = registries(spec.cluster.images, spec.environment)
    for section in ("gateway", "models"):
        for path, image in _images(getattr(spec, section), section):
            if not any(image.startswith(f"{registry}/") for registry in allowed):
                known = ", ".join(allowed)
                yield Problem(path, image, f"an image from {known}, or its registry in cluster.images.registries")


def signing_keys(spec: "PlatformSpec") -> Iterator[Problem]:
    """Keys that images are signed with can be read in the region: KMS is asked there, and nowhere else."""
    region = spec.environment.region
    for index, signature in enumerate(spec.cluster.images.signatures):
        if isinstance(signature, KmsSignature) and signature.region not in (None, region):
            allowed = f"a key of {region}, or a multi-Region key (mrk-...) with a replica there"
            yield Problem(f"cluster.images.signatures[{index}].key_arn", signature.key_arn, allowed)


def _images(value: object, path: str) -> Iterator[tuple[str, str]]:
    """Every image by digest below a value, with its path."""
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _images(getattr(value, name), f"{path}.{name}")
    elif isinstance(value, Mapping):
        for key, item in cast("Mapping[str, object]", value).items():
            yield from _images(item, f"{path}.{key}")
    elif isinstance(value, str):
        if _BY_DIGEST.search(value):
            yield path, value
    elif isinstance(value, Sequence):
        for index, item in enumerate(cast("Sequence[object]", value)):
            yield from _images(item, f"{path}[{index}]")
