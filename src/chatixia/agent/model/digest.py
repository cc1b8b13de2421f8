"""What is remembered of turns that no longer fit: the words of whoever asked, before all else.

Taken from the text itself, so that it costs no request and is the same every time. The earliest
statements stay for good; of the later ones those that say most, and the latest of equals.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from .words import MessageShape

MAX_STATEMENT: Final = 300
"""Characters; of a longer one its begin and its end stay."""
MAX_ANSWER: Final = 120
HEAD: Final = (
    "[Notes of the earlier part of this conversation, which is left out here. They are what was"
    " said then, no new request.]"
)
USER: Final = "they said"
ANSWER: Final = "you answered"
FIRST_SHARE: Final = 0.5
"""What of the digest the earliest statements may fill."""


class Note(msgspec.Struct, array_like=True, frozen=True):
    """One line; ``weight``: how much it says; ``n``: which of all that were left out."""

    n: int
    weight: int
    text: str

    @property
    def size(self) -> int:
        """Its bytes as a line."""
        return len(self.text.encode()) + 3


class Digest(msgspec.Struct, frozen=True, omit_defaults=True):
    """``first``: the earliest statements, in full; ``later``: the rest as room allows. ``turns``:
    how many were left out. ``closed``: ``first`` is full."""

    first: tuple[Note, ...] = ()
    later: tuple[Note, ...] = ()
    turns: int = 0
    count: int = 0
    closed: bool = False

    def render(self) -> str:
        """The text that a model reads; empty when nothing was left out."""
        if not self.turns:
            return ""
        notes = sorted((*self.first, *self.later), key=lambda note: note.n)
        return "\n".join([HEAD, *(f"- {note.text}" for note in notes)])


_decode: Final = msgspec.json.Decoder(Digest).decode
encode: Final = msgspec.json.Encoder().encode


def decode(data: bytes) -> Digest:
    """The digest that ``encode`` wrote; an empty one for anything else."""
    try:
        return _decode(data) if data else Digest()
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Digest()


def extend(digest: Digest, omitted: Sequence[MessageShape], limit: int) -> Digest:
    """``digest`` with what ``omitted`` says, in at most ``limit`` bytes when rendered."""
    limit -= len(HEAD.encode()) + 1
    first, later, count = list(digest.first), list(digest.later), digest.count
    texts = {note.text for note in (*first, *later)}
    full = sum(note.size for note in first)
    closed = digest.closed
    for note in _notes(omitted, count):
        count = note.n + 1
        if note.text in texts:
            continue
        texts.add(note.text)
        closed = closed or (note.weight > 1 and full + note.size > limit * FIRST_SHARE)
        if note.weight > 1 and not closed:
            first.append(note)
            full += note.size
        else:
            later.append(note)
    first = _fitting(first, limit)
    room = limit - sum(note.size for note in first)
    turns = digest.turns + sum(shape.prompt for shape in omitted)
    rest = _fitting(sorted(later, key=lambda note: (-note.weight, -note.n)), room)
    return Digest(tuple(first), tuple(sorted(rest, key=lambda note: note.n)), turns, count, closed)


def _notes(shapes: Iterable[MessageShape], n: int) -> Iterable[Note]:
    for shape in shapes:
        text = " ".join(shape.text.split())
        if not text:
            continue
        if shape.prompt:
            yield Note(n, _weight(text), f"{USER}: {_clipped(text, MAX_STATEMENT)}")
        elif shape.kind == "response":
            yield Note(n, 0, f"{ANSWER}: {_clipped(text, MAX_ANSWER)}")
        n += 1


def _weight(text: str) -> int:
    """A mere question says least; a number, a name or something quoted says most."""
    if text.endswith(("?", "\uff1f")) and not re.search(r"\d|[.!;,]\s", text):
        return 1
    return 2 + bool(re.search(r"""\d|["'«„“]|\S\s+[A-ZÄÖÜ]\w""", text))


def _clipped(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    end = most // 3
    return f"{text[: most - end - 3]} … {text[-end:]}"


def _fitting(notes: Iterable[Note], room: int) -> list[Note]:
    """The first of ``notes`` that go into ``room`` bytes; one too large is passed over."""
    fit = []
    for note in notes:
        if note.size <= room:
            fit.append(note)
            room -= note.size
    return fit
