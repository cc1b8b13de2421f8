"""The parts of a docstring: the description of a skill, and of its parameters.

Read as written in the three common styles: ``Args:`` with indented ``name: text`` (Google),
``Parameters`` underlined (NumPy), ``:param name: text`` (Sphinx).
"""

from __future__ import annotations

import re
from inspect import cleandoc
from typing import Final, NamedTuple

MAX_DESCRIPTION: Final = 1024

_SECTION = re.compile(
    r"^(args|arguments|parameters|params|returns?|yields?|raises|examples?|notes?):?\s*$", re.I
)
_GOOGLE = re.compile(r"^\s+\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)$")
_NUMPY = re.compile(r"^\*{0,2}(\w+)\s*(?::.*)?$")
_SPHINX = re.compile(r"^:param\s+(?:[^:]*\s)?(\w+)\s*:\s*(.*)$")


class DocstringParts(NamedTuple):
    """The text before any section, and that of each parameter."""

    text: str
    params: dict[str, str]


def read(doc: str | None) -> DocstringParts:
    """Take ``doc`` apart; an empty one gives empty parts."""
    lines = cleandoc(doc or "").splitlines()
    heads = [n for n, line in enumerate(lines) if _SECTION.match(line) or line.startswith(":")]
    end = heads[0] if heads else len(lines)
    text = "\n".join(lines[:end]).strip()
    return DocstringParts(_short(text), {k: _short(v) for k, v in _params(lines[end:]).items()})


def _short(text: str) -> str:
    return text if len(text) <= MAX_DESCRIPTION else text[: MAX_DESCRIPTION - 3] + "..."


def _params(lines: list[str]) -> dict[str, str]:
    texts: dict[str, str] = {}
    last = ""
    for line, style in _styled(lines):
        match = style.match(line)
        if match is not None:
            last = match[1]
            texts[last] = match[2].strip() if match.lastindex == 2 else ""
        elif last and line.strip():
            texts[last] = f"{texts[last]} {line.strip()}".strip()
    return texts


def _styled(lines: list[str]) -> list[tuple[str, re.Pattern[str]]]:
    """Each line that names parameters, with the pattern that names one there."""
    styled: list[tuple[str, re.Pattern[str]]] = []
    inside, style = False, _GOOGLE
    for n, line in enumerate(lines):
        if line.startswith(":"):
            inside, style = line.startswith(":param"), _SPHINX
        elif head := _SECTION.match(line):
            inside = head[1].lower() in {"args", "arguments", "parameters", "params"}
            underlined = n + 1 < len(lines) and set(lines[n + 1].strip()) == {"-"}
            style = _NUMPY if underlined else _GOOGLE
            continue
        if inside and set(line.strip()) != {"-"}:
            styled.append((line, style))
    return styled
