"""Bad input, drawn from good: each mutant of a message is damaged in one of the ways that occur.

The same seed gives the same mutants. Some are harmless by chance (an added field, a number that is
allowed): the other side may take those.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any

Json = dict[str, Any]
Damage = Callable[[Random, Json], bytes]

STRANGE: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1e308,
    -1e308,
    2**53,
    2**64,
    -(2**70),
    0.1,
    "",
    "\0",
    "\u202e",
    "é" * 40,
    "x" * 5000,
    [],
    [[]],
    {},
    {"": None},
    ["x"] * 300,
    {"type": "offer"},
    "../../etc/passwd",
    "🜁",
    "a" * 64,
    "registry",
)
TYPES = ("", "x", "OFFER", "offer ", "__proto__", "challenge", "welcome", "\0", "t" * 200, 7, None)


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value inside a message."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        yield (*at, key)
        if isinstance(inner, dict | list):
            yield from places(inner, (*at, key))


def changed(message: Json, at: tuple[Any, ...], new: Any) -> Json:
    """A copy of a message with another value at a path."""
    copy = json.loads(json.dumps(message))
    holder = copy
    for key in at[:-1]:
        holder = holder[key]
    holder[at[-1]] = new
    return dict(copy)


def truncated(draw: Random, message: Json) -> bytes:
    whole = dump(message)
    return whole[: draw.randrange(len(whole))]


def wrong_type(draw: Random, message: Json) -> bytes:
    return dump(changed(message, draw.choice(list(places(message))), draw.choice(STRANGE)))


def unknown_type(draw: Random, message: Json) -> bytes:
    return dump({**message, "type": draw.choice(TYPES)})


def field_gone(draw: Random, message: Json) -> bytes:
    gone = draw.choice(list(message))
    return dump({key: value for key, value in message.items() if key != gone})


def random_bytes(draw: Random, message: Json) -> bytes:
    return draw.randbytes(draw.randrange(400))


def bit_flipped(draw: Random, message: Json) -> bytes:
    whole = bytearray(dump(message))
    for _ in range(draw.randint(1, 4)):
        whole[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
    return bytes(whole)


def nested(draw: Random, message: Json) -> bytes:
    deep = draw.choice((50, 5_000, 50_000))
    opening, closing = draw.choice((("[", "]"), ('{"a":', "}")))
    inner = opening * deep + "1" + draw.choice(("", closing * deep))
    at = draw.choice(list(message))
    return dump({**message, at: "@@"}).replace(b'"@@"', inner.encode())


def twice(draw: Random, message: Json) -> bytes:
    at = draw.choice(list(message))
    again = json.dumps({at: draw.choice(STRANGE)})[1:]
    return dump(message)[:-1] + b", " + again.encode()


def not_an_object(draw: Random, message: Json) -> bytes:
    return draw.choice(
        (b"", b" ", b"null", b"[]", b'"x"', b"1", b"NaN", b"[" + dump(message) + b"]")
    )


def not_utf8(draw: Random, message: Json) -> bytes:
    whole = dump({**message, draw.choice(list(message)): "@@"})
    return whole.replace(
        b"@@", draw.choice((b"\xff\xfe", b"\xc0\x80", b"\xed\xa0\x80", b"\\ud800"))
    )


DAMAGES: tuple[Damage, ...] = (
    truncated,
    wrong_type,
    wrong_type,
    wrong_type,
    unknown_type,
    field_gone,
    random_bytes,
    bit_flipped,
    nested,
    twice,
    not_an_object,
    not_utf8,
)


def dump(message: Any) -> bytes:
    """Compact JSON as UTF-8."""
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode(
        "utf-8", "surrogatepass"
    )


def mutants(samples: Sequence[Json], count: int, seed: int = 7) -> Iterator[tuple[int, bytes]]:
    """``count`` damaged messages, each with the number of the sample that it was."""
    draw = Random(seed)
    for n in range(count):
        which = draw.randrange(len(samples))
        yield which, DAMAGES[n % len(DAMAGES)](draw, samples[which])
