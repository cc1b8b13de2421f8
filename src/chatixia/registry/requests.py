"""A request's bytes as its verb's struct, the same over HTTP and over the WebSocket.

Not JSON is ``bad_request``; JSON of another shape is ``invalid``; above the verb's limit is
``too_large``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from chatixia.errors import BadRequest, TooLarge, Unprocessable
from chatixia.wire.base import decoder, encode
from chatixia.wire.values import ENVELOPE, MAX_DEPTH, TOO_DEEP, is_utf8, too_deep
from chatixia.wire.verb import Verb
from chatixia.wire.verbs import TABLE

_decoders = {verb.name: decoder(verb.request) for verb in TABLE}
_object = decoder(dict[str, msgspec.Raw])


def parse(verb: Verb, data: bytes, outside: Mapping[str, str] | None = None) -> Any:
    """``data`` (a JSON object, or nothing) as the verb's request.

    ``outside``: fields that the path gave; they win over the body's.
    """
    if len(data) > verb.limit:
        raise TooLarge(f"The body has {len(data)} bytes; the bound is {verb.limit}.")
    if not is_utf8(data):
        raise BadRequest("The body is not valid JSON: it is not UTF-8.")
    if too_deep(data, MAX_DEPTH + ENVELOPE):
        raise BadRequest(f"The body cannot be taken: {TOO_DEEP}.")
    try:
        if outside:
            fields: dict[str, Any] = _object.decode(data or b"{}")
            data = encode({**fields, **outside})
        return _decoders[verb.name].decode(data or b"{}")
    except msgspec.ValidationError as error:
        raise Unprocessable(_plain(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadRequest("The body is not valid JSON.") from None


def parse_query(verb: Verb, fields: Mapping[str, str]) -> Any:
    """Path and query texts as the verb's request; numbers and booleans are read from text."""
    names = {field.encode_name for field in msgspec.structs.fields(verb.request)}
    texts = {name: text for name, text in fields.items() if name in names}
    try:
        return msgspec.convert(texts, verb.request, strict=False)
    except msgspec.ValidationError as error:
        raise Unprocessable(_plain(error)) from None


def _plain(error: Exception) -> str:
    """msgspec names the place and the expected type, never the value."""
    return str(error)[:300]
