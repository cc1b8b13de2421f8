"""A conversation cut to the context window: the last turns whole, a digest of those before.

No call of a tool is parted from its result: a provider refuses one without the other. Cut well
below the window, so that the requests that follow begin alike and a provider's cache holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import msgspec

from .digest import Digest, extend
from .stored import BYTES_PER_TOKEN, MESSAGE_TOKENS, tokens_of
from .words import Compaction, MessageShape

TARGET: Final = 0.6
"""What of the room is filled after a cut, so that the next one is some turns away."""
DIGEST_SHARE: Final = 0.2
FOLD_AT: Final = 0.75
"""Of the room; above it, what a run left is cut when it has ended."""
MAX_DIGEST_TOKENS: Final = 8_000
OMITTED: Final = (
    "[{} of the tool calls that were made for this request, and their results, are left out.]"
)


class Cut(msgspec.Struct, frozen=True):
    """The numbers of the messages that stay, and the digest of all others."""

    keep: Sequence[int]
    digest: Digest

    def compaction(self, shapes: Sequence[MessageShape]) -> Compaction:
        """As an engine takes it; ``shapes``: all that it was cut from."""
        stays, last = set(self.keep), turn_starts(shapes)[-1]
        calls = sum(len(s.calls) for n, s in enumerate(shapes[last:], last) if n not in stays)
        note = OMITTED.format(calls) if calls else ""
        text = "\n".join(part for part in (self.digest.render(), note) if part)
        return Compaction(self.keep, text)


def cut(shapes: Sequence[MessageShape], room: int, digest: Digest) -> Cut:
    """What a request of at most ``room`` tokens holds of a history behind ``digest``.

    All of it where it fits. The last turn's prompt and its last step stay even where they do not.
    """
    if _tokens(shapes) + digest_tokens(digest) <= room:
        return Cut(range(len(shapes)), digest)
    starts = turn_starts(shapes)
    most = digest_room(room)
    begin = first_that_stays(shapes, starts, round(room * TARGET) - most)
    last = starts[-1]
    if begin == last and _tokens(shapes[last:]) > room - most:
        stay = _within_turn(shapes, last, round(room * TARGET) - most)
    else:
        stay = list(range(begin, len(shapes)))
    stays = set(stay)
    omitted = [shape for n, shape in enumerate(shapes) if n not in stays]
    return Cut(stay, extend(digest, omitted, _bytes(most)))


def fold(
    shapes: Sequence[MessageShape], room: int, digest: Digest, *, full: bool = False
) -> Cut | None:
    """What is kept of a conversation whose run has ended; None while it is short enough.

    Whole turns alone, the last always. ``full``: its bytes are too many, whatever its tokens; then
    the older half of the turns goes.
    """
    if not full and _tokens(shapes) + digest_tokens(digest) <= room * FOLD_AT:
        return None
    starts = turn_starts(shapes)
    most = digest_room(room)
    begin = first_that_stays(shapes, starts, round(room * TARGET / 2))
    if full:
        begin = max(begin, starts[len(starts) // 2])
    if not begin:
        return None
    longer = extend(digest, shapes[:begin], _bytes(most))
    return Cut(range(begin, len(shapes)), longer)


def digest_room(room: int) -> int:
    """Tokens that a digest may take of ``room``."""
    return min(round(room * DIGEST_SHARE), MAX_DIGEST_TOKENS)


def digest_tokens(digest: Digest) -> int:
    """Tokens of the message that a digest becomes."""
    text = digest.render()
    return tokens_of(text) + 2 * MESSAGE_TOKENS if text else 0


def turn_starts(shapes: Sequence[MessageShape]) -> list[int]:
    """Where turns begin: at a prompt, while no call waits for its result. Always at 0."""
    starts, waiting = [0], set[str]()
    for n, shape in enumerate(shapes):
        if shape.prompt and n and not waiting and not shape.results:
            starts.append(n)
        waiting.update(shape.calls)
        waiting.difference_update(shape.results)
    return starts


def first_that_stays(shapes: Sequence[MessageShape], starts: Sequence[int], room: int) -> int:
    """The begin of the earliest turn from which on all fit into ``room``; at most the last's."""
    begin, used = starts[-1], _tokens(shapes[starts[-1] :])
    for start, end in reversed(list(pairwise(starts))):
        used += _tokens(shapes[start:end])
        if used > room:
            break
        begin = start
    return begin


def _within_turn(shapes: Sequence[MessageShape], start: int, room: int) -> list[int]:
    """The prompt of a turn and as many of its last steps as fit; a step is a response and its
    results."""
    steps = [n for n in range(start, len(shapes)) if shapes[n].kind == "response"]
    head = list(range(start, steps[0] if steps else len(shapes)))
    used = _tokens([shapes[n] for n in head])
    begin = len(shapes)
    for first, end in reversed(list(pairwise([*steps, len(shapes)]))):
        used += _tokens(shapes[first:end])
        if used > room and begin < len(shapes):
            break
        begin = first
    return [*head, *range(begin, len(shapes))]


def _bytes(tokens: int) -> int:
    """What a digest may have, its message's own share taken off."""
    return (tokens - 2 * MESSAGE_TOKENS) * BYTES_PER_TOKEN


def _tokens(shapes: Sequence[MessageShape]) -> int:
    return sum(shape.tokens for shape in shapes)
