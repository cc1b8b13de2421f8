"""A stored conversation as a person reads it: who said what, and which tools were called."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from .stored import StoredPart, parts_of

MAX_RESULT: Final = 200
"""Characters of a tool's arguments or result in a line."""
TOOLS: Final = {"tool-call": "call", "tool-return": "result", "retry-prompt": "result"}


class Line(NamedTuple):
    """``role``: ``user``, ``agent``, ``call`` or ``result``. ``name``: of the tool."""

    role: str
    text: str
    name: str = ""


def lines_of(body: bytes) -> Iterator[Line]:
    """What a stored message says, part by part; nothing for thoughts and instructions."""
    for part in parts_of(body).parts:
        text = "\n".join(part.texts)
        if part.part_kind == "user-prompt":
            yield Line("user", "\n".join(filter(None, (text, _files(part)))))
        elif part.part_kind == "text" and text:
            yield Line("agent", text)
        elif part.part_kind in TOOLS:
            yield Line(TOOLS[part.part_kind], _short(text), part.tool_name or "")


def _files(part: StoredPart) -> str:
    return f"[{part.files} file{'s' if part.files > 1 else ''}]" if part.files else ""


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_RESULT else line[: MAX_RESULT - 1] + "…"
