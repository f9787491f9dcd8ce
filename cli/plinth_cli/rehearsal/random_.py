"""The random package, with real random values: what hashicorp/random makes, made by Python's `secrets`."""

from __future__ import annotations

import base64
import secrets
import string
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from typing_extensions import override

from plinth_cli.rehearsal.package import Call, Created, Failure, Refusal
from plinth_cli.rehearsal.schema import SdkSchema
from plinth_cli.rehearsal.sdk import SdkPackage, Tables
from plinth_cli.rehearsal.values import UNKNOWN, Props, Secret, has_unknown, reveal
from plinth_cli.rehearsal.words import ADJECTIVES, ADVERBS, NOUNS

SPECIAL = "!@#$%&*()-_=+[]{}<>:?"
"""Special characters of hashicorp/random, unless `overrideSpecial` is given."""

_CLASSES = (("lower", string.ascii_lowercase), ("upper", string.ascii_uppercase), ("numeric", string.digits))
_rng = secrets.SystemRandom()


def _characters(inputs: Mapping[str, Any]) -> dict[str, str]:
    """The characters of each class that is switched on."""
    special = inputs.get("overrideSpecial") or SPECIAL
    numeric = inputs.get("numeric", inputs.get("number", True))
    on = {**inputs, "numeric": numeric}
    return {name: chars for name, chars in (*_CLASSES, ("special", special)) if on.get(name, True)}


def _text(inputs: Mapping[str, Any]) -> str:
    """At least `minX` of each class, the rest from all of them, shuffled."""
    chosen = _characters(inputs)
    chars: list[str] = []
    for name, alphabet in (*_CLASSES, ("special", inputs.get("overrideSpecial") or SPECIAL)):
        chars += [secrets.choice(alphabet) for _ in range(inputs.get(f"min{name.title()}", 0))]
    everything = "".join(chosen.values())
    chars += [secrets.choice(everything) for _ in range(inputs["length"] - len(chars))]
    _rng.shuffle(chars)
    return "".join(chars)


def _password(inputs: Mapping[str, Any]) -> tuple[str, Props]:
    return "none", {"result": Secret(_text(inputs))}


def _string(inputs: Mapping[str, Any]) -> tuple[str, Props]:
    text = _text(inputs)
    return text, {"result": text}


def _bytes(inputs: Mapping[str, Any]) -> tuple[str, Props]:
    raw = secrets.token_bytes(inputs["length"])
    return "none", {"base64": Secret(base64.b64encode(raw).decode()), "hex": Secret(raw.hex())}


def _id(inputs: Mapping[str, Any]) -> tuple[str, Props]:
    raw = secrets.token_bytes(inputs["byteLength"])
    prefix = inputs.get("prefix", "")
    url = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    forms = {"b64Std": base64.b64encode(raw).decode(), "b64Url": url, "hex": raw.hex(), "dec": str(int.from_bytes(raw))}
    return url, {name: prefix + form for name, form in forms.items()}


def _uuid(inputs: Mapping[str, Any]) -> tuple[str, Props]:
    text = str(uuid.UUID(bytes=secrets.token_bytes(16), version=4))
    return text, {"result": text}


def _integer(inputs: Mapping[str, Any]) -> tuple[str, Props]:
    if inputs["min"] > inputs["max"]:
        raise Refusal(f"must not be greater than max ({inputs['max']})", "min")
    number = inputs["min"] + secrets.randbelow(inputs["max"] - inputs["min"] + 1)
    return str(number), {"result": number}


def _pet(inputs: Mapping[str, Any]) -> tuple[str, Props]:
    separator, length = inputs.get("separator", "-"), inputs.get("length", 2)
    words = [secrets.choice(ADVERBS) for _ in range(length - 2)]
    words += [secrets.choice(ADJECTIVES)] if length > 1 else []
    words += [secrets.choice(NOUNS)]
    name = separator.join([*([inputs["prefix"]] if inputs.get("prefix") else []), *words])
    return name, {"separator": separator, "length": length}


def _shuffle(inputs: Mapping[str, Any]) -> tuple[str, Props]:
    source = inputs["inputs"]
    count = inputs.get("resultCount") or len(source)
    result: list[Any] = []
    while source and len(result) < count:
        result += _rng.sample(source, len(source))
    return "-", {"results": result[:count]}


_DRAWS: dict[str, Callable[[Mapping[str, Any]], tuple[str, Props]]] = {
    "randomPassword": _password,
    "randomString": _string,
    "randomBytes": _bytes,
    "randomId": _id,
    "randomUuid": _uuid,
    "randomUuid4": _uuid,
    "randomUuid7": _uuid,
    "randomInteger": _integer,
    "randomPet": _pet,
    "randomShuffle": _shuffle,
}


class RandomPackage(SdkPackage):
    """Draws once, at creation; a changed argument or keeper draws anew, as in the real provider."""

    def __init__(self, schema: SdkSchema) -> None:
        super().__init__(schema, Tables())

    @override
    def refine(self, call: Call, inputs: Props) -> list[Failure]:
        if has_unknown(inputs):
            return []
        plain = reveal(inputs)
        kind = _kind(call)
        if kind not in ("randomPassword", "randomString"):
            return []
        least = {name: plain.get(f"min{name.title()}", 0) for name in ("lower", "upper", "numeric", "special")}
        if plain["length"] < max(1, sum(least.values())):
            return [Failure("length", f"must be at least {max(1, sum(least.values()))}: 1, and the sum of all min...")]
        if not _characters(plain):
            return [Failure("lower", "one of lower, upper, numeric and special must be true")]
        return []

    @override
    def immutable(self, token: str) -> tuple[str, ...]:
        schema = self.schema.resource(token)
        return tuple(schema.inputs.properties) if schema else ()

    @override
    def create(self, call: Call, inputs: Props) -> Created:
        draw = _DRAWS.get(_kind(call))
        if draw is None:
            return super().create(call, inputs)
        if call.preview:
            return Created("", self.outputs(call, UNKNOWN, inputs))
        id, drawn = draw(reveal(inputs))
        return Created(id, self.outputs(call, id, inputs, kept=drawn))

    @override
    def outputs(self, call: Call, id: Any, inputs: Props, kept: Props | None = None) -> Props:
        """There is no bcrypt in Python's library, and a hash that is none would be worse than no hash."""
        outputs = super().outputs(call, id, inputs, kept)
        return {name: value for name, value in outputs.items() if name != "bcryptHash" or value is UNKNOWN}


def _kind(call: Call) -> str:
    """`random:index/randomPet:RandomPet` -> `randomPet`."""
    return call.urn.type.split(":")[1].rpartition("/")[2]
