"""Which files of a repository are copied: weights as safetensors, and what describes them. Pure."""

import json
from collections.abc import Sequence
from fnmatch import fnmatchcase

from plinth_runtime.errors import StartupError
from plinth_runtime.mirror.hub import HubFile

WEIGHTS = "*.safetensors"
INDEX = "model.safetensors.index.json"

ALLOWED = (
    WEIGHTS,
    "*.safetensors.index.json",
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "*.tiktoken",
    "tekken.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "preprocessor_config.json",
    "processor_config.json",
    "video_preprocessor_config.json",
    "quantize_config.json",
    "hf_quant_config.json",
)
"""What may be copied. Not in it: pickles (*.bin, *.pt, *.ckpt), which run code when they are loaded, and *.py."""

OTHER_FORMAT = "consolidated*.safetensors"
"""The same weights once more, in the format of their maker's own program."""


def wanted(files: Sequence[HubFile]) -> list[HubFile]:
    """The files to copy, small ones first.

    Raises:
        StartupError: there are no weights as safetensors, or no config.json.
    """
    allowed = [file for file in files if any(fnmatchcase(file.path, pattern) for pattern in ALLOWED)]
    weights = [file for file in allowed if fnmatchcase(file.path, WEIGHTS)]
    own = [file for file in weights if not fnmatchcase(file.path, OTHER_FORMAT)]
    if not weights:
        raise StartupError("the repository has no *.safetensors: convert the weights; other formats can run code")
    if not any(file.path == "config.json" for file in allowed):
        raise StartupError("the repository has no config.json, so that no engine could load it")
    left_out = {file.path for file in weights} - {file.path for file in own or weights}
    return sorted((file for file in allowed if file.path not in left_out), key=lambda file: (file.size, file.path))


def check_shards(index: bytes, files: Sequence[HubFile]) -> None:
    """Every shard that the index names is there.

    Raises:
        StartupError: one is missing, or the index cannot be read.
    """
    try:
        named = set(json.loads(index)["weight_map"].values())
    except (ValueError, KeyError, TypeError, AttributeError):
        raise StartupError(f"{INDEX} names no shards: it has no weight_map") from None
    if missing := sorted(str(name) for name in named - {file.path for file in files}):
        raise StartupError(f"{INDEX} names {missing[0]}, which the repository does not have")
