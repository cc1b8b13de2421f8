"""Values of skills as JSON: what goes out, and what comes back.

Out: anything msgspec encodes (builtins, dataclasses, Structs, enums, dates, attrs), and by shape,
without importing their libraries, pydantic models (``model_dump``) and arrays (``tolist``).
Back: builtins, where an object is a :class:`Value`, a dict whose keys are attributes too.
"""

from __future__ import annotations

import json
from collections import UserString
from collections.abc import Callable, Mapping, Sequence, Set, ValuesView
from ipaddress import IPv4Address, IPv6Address
from pathlib import PurePath
from typing import Any, Final, NoReturn

import msgspec

from chatixia.core.ports import ArtifactFeed, ArtifactSource
from chatixia.core.wording import with_article
from chatixia.errors import BadArguments, BadRequest
from chatixia.wire.values import FEW, SCALARS, TOO_DEEP, flaw

from . import references
from .artifact import Artifact, arrivals


class Value(dict[str, Any]):
    """A JSON object: ``reply.city`` is ``reply["city"]``; equal to the plain dict.

    A key that is also a dict's method (``items``, ``get``) is reached by ``reply["items"]``.
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"no field {name!r}; there are: {', '.join(self)}") from None


class Unwritable(TypeError):
    """A value that no JSON stands for."""


_PLAIN: Final[tuple[tuple[Any, Callable[[Any], Any]], ...]] = (
    (str, str.__str__),
    (UserString, str),
    (int, int.__int__),
    (float, float.__float__),
    (bytes, bytes),
    (Mapping, dict),
    ((Sequence, Set, ValuesView), list),
    ((PurePath, IPv4Address, IPv6Address), str),
)
"""What a subclass or a relative of a builtin type is written as, the first that fits."""


def enc_hook(item: Any) -> Any:
    """Turn what msgspec does not know into what it does, by the shape of its methods.

    A model goes out under its aliases, the names that its schema shows and its validation takes;
    a class made of a builtin one (a `Markup`, a `NavigableString`) as that builtin, other mappings
    and collections as object and array, paths and addresses as text.
    """
    if isinstance(item, Artifact):
        return references.write(item)
    for method, kind in (("model_dump", {"mode": "json", "by_alias": True}), ("tolist", {})):
        dump = getattr(item, method, None)
        if callable(dump):
            return dump(**kind)
    for kinds, plain in _PLAIN:
        if isinstance(item, kinds):
            return plain(item)
    raise Unwritable(f"{with_article(type(item).__name__)} cannot be written as JSON")


_written: Final = msgspec.json.Encoder(enc_hook=enc_hook).encode


def encode(value: Any) -> bytes:
    """JSON bytes of a value; raises Unwritable, or TypeError of msgspec, naming what cannot be.

    msgspec writes NaN and infinity as ``null``, which would come back as another value: only data
    that holds a ``null`` is looked at twice. It copies a ``msgspec.Raw`` as it is, and goes deeper
    than every far end can read: only a value that could hold such a thing is looked at twice.
    """
    try:
        data = _written(value)
    except RecursionError:
        raise Unwritable(TOO_DEEP) from None
    except UnicodeEncodeError:
        raise Unwritable("half a character (a lone surrogate) cannot be written as JSON") from None
    if b"null" in data:
        _refuse_nonfinite(value)
    kind = value.__class__
    if (
        kind in SCALARS
        # A scalar or a few of them by name is what most calls carry, and can have no flaw.
        or (kind is dict and len(value) <= FEW and SCALARS.issuperset(map(type, value.values())))
    ):
        return data
    if reason := flaw(data):
        raise Unwritable(reason)
    return data


def _refuse_nonfinite(value: Any) -> None:
    try:
        json.dumps(msgspec.to_builtins(value, enc_hook=enc_hook), allow_nan=False)
    except ValueError:
        raise Unwritable("a number that is NaN or infinite cannot be written as JSON") from None


def encode_sorted(value: Any) -> bytes:
    """JSON bytes that are the same in whatever order a dict or a set was filled."""
    return encode(
        msgspec.to_builtins(value, order="deterministic", str_keys=True, enc_hook=enc_hook)
    )


def encode_args(args: Any, write: Callable[[Any], bytes] = encode) -> bytes:
    """Arguments as JSON bytes. Raises BadArguments naming the type that cannot travel."""
    try:
        return write(args)
    except (TypeError, ValueError, RecursionError) as error:
        raise _unsendable(error) from error


def _unsendable(error: Exception) -> BadArguments:
    refusal = BadArguments(f"The arguments cannot be sent as JSON: {error}.")
    refusal.by_call = True
    return refusal


def pack_args(
    args: Any, write: Callable[[Any], bytes] = encode
) -> tuple[bytes, tuple[Artifact, ...]]:
    """:func:`encode_args`, with the artifacts that they hold."""
    try:
        return write(args), ()
    except (TypeError, ValueError, RecursionError) as error:
        if not references.met():
            raise _unsendable(error) from error
    with references.gathering() as gathered:
        return encode_args(args, write), tuple(gathered)


def sources(artifacts: tuple[Artifact, ...]) -> tuple[ArtifactSource, ...]:
    """Where their bytes come from, as a mesh takes them."""
    return tuple(artifact.source for artifact in artifacts)


def _constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def _object_or_artifact(fields: dict[str, Any]) -> Any:
    artifact = references.find(fields)
    return Value(fields) if artifact is None else artifact


_with_artifacts = json.JSONDecoder(object_hook=_object_or_artifact, parse_constant=_constant).decode


def decode_with(data: bytes, artifacts: Sequence[Artifact]) -> Any:
    """:func:`decode`, for artifacts that are such already."""
    if not artifacts:
        return decode(data)
    try:
        with references.reading(artifacts):
            return _with_artifacts(str(data, "utf-8"))
    except (ValueError, RecursionError):
        raise BadRequest("The answer is not valid JSON.") from None


_scalar = msgspec.json.Decoder().decode
_objects = json.JSONDecoder(object_hook=Value, parse_constant=_constant).decode


def decode(data: bytes, artifacts: Sequence[ArtifactFeed] = ()) -> Any:
    """A JSON value as Python's own types, objects as :class:`Value`. Raises BadRequest.

    ``artifacts``: what ``{"$artifact": n}`` stands for. Only data that holds an object takes the
    slower decoder.
    """
    if artifacts:
        return decode_with(data, arrivals(artifacts))
    try:
        return _objects(str(data, "utf-8")) if b"{" in data else _scalar(data)
    except (ValueError, RecursionError):
        raise BadRequest("The answer is not valid JSON.") from None
