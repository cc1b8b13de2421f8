"""A stored message as JSON: what may be known of it without the library that wrote it.

The library's own form stays in the file, so that nothing of it is lost; here it is only looked at,
and what a person reads is taken from it. Unknown fields and kinds of parts are passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from .words import MessageShape

BYTES_PER_TOKEN: Final = 3
"""Of UTF-8. English has more, program text and most other scripts about as many: an estimate that
is too high leaves room, one too low is refused by the provider."""
MESSAGE_TOKENS: Final = 8
FILE_TOKENS: Final = 1_600
"""An image, whatever its bytes."""
MAX_TEXT: Final = 4_096
"""Characters of a message that its shape carries."""
OUTCOME_UNKNOWN: Final = (
    "outcome_unknown: the request ended while this was under way, so it may have been done or not."
    " It was not repeated."
)
FINAL: Final = "final_result"
"""How the library calls the tool through which a model gives an answer of a given form."""


class StoredPart(msgspec.Struct):
    """One part of a message; ``content`` is text, or a list of texts and files."""

    part_kind: str = ""
    content: Any = None
    tool_name: str | None = None
    tool_call_id: str | None = None
    args: Any = None

    @property
    def texts(self) -> Iterator[str]:
        """Its words; those of a call are its arguments."""
        for item in (*_items(self.content), *_items(self.args)):
            if isinstance(item, str):
                yield item
            elif not _is_file(item) and item is not None:
                yield msgspec.json.encode(item).decode()

    @property
    def files(self) -> int:
        """How many files it holds."""
        return sum(_is_file(item) for item in _items(self.content))


class StoredParts(msgspec.Struct):
    """A message: to the model (``request``) or from it (``response``)."""

    kind: str = "request"
    parts: list[StoredPart] = []
    instructions: str | None = None


_decode: Final = msgspec.json.Decoder(StoredParts).decode
_RESULTS: Final = frozenset({"tool-return", "retry-prompt"})


def parts_of(body: bytes) -> StoredParts:
    """The message that ``body`` is; one without parts for what is no message."""
    try:
        return _decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return StoredParts()


def shape_of(body: bytes) -> MessageShape:
    """What there is to know of a stored message."""
    message = parts_of(body)
    parts = message.parts
    spoken = [part for part in parts if part.part_kind in ("user-prompt", "text")]
    return MessageShape(
        kind="response" if message.kind == "response" else "request",
        prompt=message.kind != "response" and any(p.part_kind == "user-prompt" for p in parts),
        calls=tuple(p.tool_call_id or "" for p in parts if p.part_kind == "tool-call"),
        results=tuple(
            p.tool_call_id or "" for p in parts if p.part_kind in _RESULTS and p.tool_call_id
        ),
        tokens=MESSAGE_TOKENS + sum(map(_part_tokens, parts)),
        text="\n".join(text for part in spoken for text in part.texts)[:MAX_TEXT],
    )


def prompt_message(text: str) -> bytes:
    """A message of the user's that says ``text``."""
    part = {"part_kind": "user-prompt", "content": text}
    return msgspec.json.encode({"kind": "request", "parts": [part]})


def unknown_results(body: bytes, done: Iterable[str] = ()) -> bytes | None:
    """What the model is told of the calls in ``body``, of which only those in ``done`` have a
    result; None if all have one."""
    calls = [p for p in parts_of(body).parts if p.part_kind == "tool-call"]
    parts = [
        {
            "part_kind": "tool-return",
            "tool_name": call.tool_name or "",
            "tool_call_id": call.tool_call_id or "",
            "content": OUTCOME_UNKNOWN,
        }
        for call in calls
        if (call.tool_call_id or "") not in done
    ]
    return msgspec.json.encode({"kind": "request", "parts": parts}) if parts else None


def answer_of(body: bytes) -> str | None:
    """The text of a message that ends a run; None for one that asks for tools or says nothing.

    An answer of a given form that the library takes through a tool of its own is its JSON.
    """
    message = parts_of(body)
    calls = [p for p in message.parts if p.part_kind == "tool-call"]
    if message.kind != "response" or any(
        not (call.tool_name or "").startswith(FINAL) for call in calls
    ):
        return None
    spoken = calls[:1] or [p for p in message.parts if p.part_kind == "text"]
    return "".join(text for part in spoken for text in part.texts) or None


def tokens_of(text: str) -> int:
    """How many tokens ``text`` has, by estimate; too many rather than too few."""
    return -(-len(text.encode(errors="replace")) // BYTES_PER_TOKEN)


def _part_tokens(part: StoredPart) -> int:
    if part.part_kind == "system-prompt":
        return 0
    words = sum(map(tokens_of, part.texts)) + tokens_of(part.tool_name or "")
    return MESSAGE_TOKENS + words + FILE_TOKENS * part.files


def _items(content: Any) -> list[Any]:
    return content if isinstance(content, list) else [content]


def _is_file(item: Any) -> bool:
    return isinstance(item, dict) and item.get("kind") in ("binary", "image-url", "document-url")
