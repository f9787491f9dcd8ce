"""From plain data to a spec, or to one message that lists every mistake."""

import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Union, cast

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from plinth.spec.base import PATTERN_MEANING
from plinth.spec.checks import CHECKS
from plinth.spec.platform import PlatformSpec
from plinth.spec.problem import Problem, SpecError, nearest


def load_spec(data: object, source: str = "the platform spec") -> PlatformSpec:
    """Validate plain data, as it comes from YAML or JSON.

    Sections are validated one by one, so that a mistake in one does not hide those in another, nor
    those between valid ones.

    Raises:
        SpecError: with every mistake found; `source` says where the data came from.
    """
    if not isinstance(data, Mapping):
        raise SpecError([Problem("(root)", data, "a mapping of sections, such as environment and network")], source)
    sections = cast(Mapping[str, Any], data)
    problems = list(_unknown_sections(sections))
    valid: dict[str, Any] = {}
    for name, field in PlatformSpec.model_fields.items():
        if name not in sections:
            if field.is_required():
                problems.append(Problem(name, None, "this section is required"))
            else:
                valid[name] = field.get_default(call_default_factory=True)
            continue
        try:
            valid[name] = _section(name).validate_python(sections[name])
        except ValidationError as error:
            problems.extend(problems_in(error, field.annotation, (name,)))
    partial = PlatformSpec.model_construct(**valid)
    for needed, check in CHECKS:
        if all(name in valid for name in needed):
            problems.extend(check(partial))
    if problems:
        raise SpecError(problems, source)
    return PlatformSpec.model_validate(valid)


@cache
def _section(name: str) -> TypeAdapter[Any]:
    """What validates one section; making it takes longer than using it."""
    field = PlatformSpec.model_fields[name]
    annotated: Any = typing.Annotated  # at run time it takes a type that is only known then
    return TypeAdapter[Any](annotated[field.annotation, field])


def _unknown_sections(data: Mapping[str, Any]) -> Iterator[Problem]:
    known = list(PlatformSpec.model_fields)
    for name in data:
        if name not in known:
            yield Problem(str(name), name, f"one of the sections {', '.join(known)}", nearest(str(name), known))


def problems_in(error: ValidationError, annotation: object, prefix: tuple[str, ...] = ()) -> Iterator[Problem]:
    """Each mistake that pydantic found in a value of type `annotation`, at `prefix`, in words for a person."""
    for details in error.errors(include_url=False):
        # A tagged union puts the chosen tag into the location; the user's file has no such level.
        keys, models, within = _locate(details["loc"], annotation)
        path = _path(prefix + keys)
        yield _problem(path, details, models, within)


def _problem(
    path: str, details: ErrorDetails, models: Sequence[type[BaseModel]], within: Sequence[type[BaseModel]]
) -> Problem:
    """A mistake in words; `models` have the field that it is in, `within` are what its value may be."""
    kind, value, context = details["type"], details["input"], details.get("ctx", {})
    if kind == "extra_forbidden":
        key = str(details["loc"][-1])
        fields = [field for model in models for field in model.model_fields]
        return Problem(path, key, f"one of the fields {', '.join(fields)}", nearest(key, fields))
    if kind == "missing":
        return Problem(path, None, _description(str(details["loc"][-1]), models))
    if kind == "literal_error":
        choices = [word.strip().strip("'") for word in str(context["expected"]).replace(" or ", ", ").split(",")]
        return Problem(path, value, f"one of {context['expected']}", nearest(str(value), choices))
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        discriminator = str(context["discriminator"]).strip("'").removesuffix("()")
        choices = [tag for model in within for tag in _tags(model, discriminator)]
        allowed = ", ".join(repr(choice) for choice in dict.fromkeys(choices))
        tag = context.get("tag")
        return Problem(f"{path}.{discriminator}", tag, f"one of {allowed}", nearest(str(tag), choices))
    if kind == "string_pattern_mismatch":
        return Problem(path, value, PATTERN_MEANING[str(context["pattern"])])
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        fields = [field for model in within for field in model.model_fields]
        return Problem(path, value, f"a mapping of {', '.join(fields)}" if fields else "a mapping")
    if kind == "string_type" and isinstance(value, (int, float)):
        return Problem(path, value, "text: put it in quotes")
    if kind in _WORDS:
        return Problem(path, value, _WORDS[kind].format(**context))
    message = details["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return Problem(path, value, message[:1].lower() + message[1:])


_WORDS = {
    "string_type": "text",
    "string_too_short": "at least {min_length} characters",
    "string_too_long": "at most {max_length} characters",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "too_short": "a list of at least {min_length}",
    "too_long": "a list of at most {max_length}",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
}
"""What is allowed, by pydantic's kind of error, with the facts of the error."""


def _description(key: str, models: Sequence[type[BaseModel]]) -> str:
    """What a missing field is, in its own words."""
    texts = [model.model_fields[key].description for model in models if key in model.model_fields]
    return (texts[0] or "a value is required").rstrip(".") if texts else "a value is required"


def _locate(
    location: Sequence[int | str], annotation: object
) -> tuple[tuple[int | str, ...], list[type[BaseModel]], list[type[BaseModel]]]:
    """The location without union tags, the models that the last key belongs to, and those that its value may be."""
    keys: list[int | str] = []
    current, owners = [annotation], list[type[BaseModel]]()
    for key in location:
        branches = [branch for item in current for branch in _branches(item)]
        models = _models(branches)
        tagged = [model for model in models if key in _tags(model)]
        if tagged and not any(key in model.model_fields for model in models):
            current = list[object](tagged)
            continue
        keys.append(key)
        owners = models
        current = [model.model_fields[str(key)].annotation for model in models if str(key) in model.model_fields]
        for item in branches:
            arguments = typing.get_args(item)
            if arguments and typing.get_origin(item) in (list, dict):
                current.append(arguments[-1])
    return tuple(keys), owners, _models([branch for item in current for branch in _branches(item)])


def _models(types_: Sequence[object]) -> list[type[BaseModel]]:
    return [item for item in types_ if isinstance(item, type) and issubclass(item, BaseModel)]


def _branches(annotation: object) -> Iterator[object]:
    """The types that an annotation allows, with Annotated and unions taken apart."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        yield from _branches(typing.get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for branch in typing.get_args(annotation):
            yield from _branches(branch)
    else:
        yield annotation


DISCRIMINATORS = ("kind", "provider")
"""Fields that tell the members of a union apart; where two do, the first one's tag comes first."""


def _tags(model: type[BaseModel], *only: str) -> list[str]:
    """The tags of a member of a union: the one value of each of its discriminators."""
    fields = [model.model_fields[name] for name in only or DISCRIMINATORS if name in model.model_fields]
    values = [typing.get_args(field.annotation) for field in fields]
    return [str(value[0]) for value in values if len(value) == 1]


def _path(keys: Sequence[int | str]) -> str:
    text = ""
    for key in keys:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else str(key)
    return text
