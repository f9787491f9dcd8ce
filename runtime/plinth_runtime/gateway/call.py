"""A client's request body: the one field that the gateway needs, and the bytes that it passes on."""

import msgspec

from plinth_runtime.errors import ApiError, invalid_request

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode
_decode_text = msgspec.json.Decoder(str).decode


class Call:
    """A request for a model. Values of fields other than `model` are never decoded, only passed on."""

    def __init__(self, body: bytes) -> None:
        """Check the body.

        Raises:
            ApiError: It is not a JSON object with a `model` (400; the message says where).
        """
        self._body = body
        self.fields = _fields(body)
        """Every field, by name, not decoded."""
        self.model = _model(self.fields)

    def body_for(self, model: str) -> bytes:
        """Return the body with another `model`: the client's own bytes if it is the same.

        A body that names `model` in more than one way (twice, or spelled with escapes) is written anew, so that
        the backend cannot read another model out of it than the one that was checked.
        """
        if model == self.model and self._body.count(b'"model"') == 1 and b"\\u00" not in self._body:
            return self._body
        return _encode(self.fields | {"model": msgspec.Raw(_encode(model))})


def _fields(body: bytes) -> dict[str, msgspec.Raw]:
    try:
        if not body.isascii():
            body.decode()
        return _decode(body)
    except UnicodeDecodeError as error:
        raise invalid_request(f"The request body is not UTF-8: byte {error.start} cannot be decoded.") from None
    except msgspec.ValidationError:
        raise invalid_request("The request body must be a JSON object.") from None
    except msgspec.DecodeError as error:
        raise _malformed(body, str(error)) from None
    except RecursionError:
        raise invalid_request("The request body is not valid JSON: it is nested too deeply.") from None


def _malformed(body: bytes, reason: str) -> ApiError:
    if not body.strip():
        return invalid_request("The request body is empty; send a JSON object.")
    words, _, place = reason.removeprefix("JSON is malformed: ").partition(" (byte ")
    if not place:
        return invalid_request("The request body is not valid JSON: it ends too early.")
    offset = int(place.rstrip(")"))
    if words == "trailing characters":
        offset -= 1  # msgspec points behind the character here, and at it elsewhere
    line = body.count(b"\n", 0, offset) + 1
    column = offset - body.rfind(b"\n", 0, offset)
    return invalid_request(
        f"The request body is not valid JSON: {words} at line {line}, column {column} (byte {offset})."
    )


def _model(fields: dict[str, msgspec.Raw]) -> str:
    if "model" not in fields:
        raise invalid_request("`model` is missing: name one of GET /v1/models.", "missing_required_parameter", "model")
    for name in fields:
        if name != "model" and name.lower() == "model":
            # Some servers ignore the case of names, and would read this one.
            raise invalid_request(f"`{name}` is not a field; spell it `model`.", "unknown_parameter", name)
    try:
        model = _decode_text(fields["model"])
    except msgspec.ValidationError:
        raise invalid_request("`model` must be a string.", "invalid_type", "model") from None
    if not model:
        raise invalid_request("`model` is empty: name one of GET /v1/models.", "invalid_value", "model")
    return model
