"""A decoder's complaint about arguments, as one sentence that says how to correct the call."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from chatixia.errors import BadArguments

_AT: Final = r" `(?P<name>[^`]*)`(?: - at `(?P<at>.*)`)?"
_UNKNOWN: Final = re.compile("Object contains unknown field" + _AT)
_MISSING: Final = re.compile("Object missing required field" + _AT)
_PLACED: Final = re.compile(r"(?P<what>.*) - at `(?P<at>.*)`", re.DOTALL)
_ROOT: Final = re.compile(r"Expected `object`, got `(?P<got>\w+)`")
_EXPECTED: Final = re.compile(r"Expected (?P<want>.+), got (?P<got>.+)")


def refusal(skill: str, names: Sequence[str], error: Exception) -> BadArguments:
    """``error`` of a decoder for ``skill``, whose arguments are called ``names``."""
    text = str(error)
    if match := _UNKNOWN.fullmatch(text):
        return BadArguments(_unknown(skill, names, match["name"], match["at"]))
    if match := _MISSING.fullmatch(text):
        place = f"{match['at'].removeprefix('$.')}." if match["at"] else ""
        return BadArguments(f"{skill}: the argument {place}{match['name']} is missing.")
    if match := _ROOT.fullmatch(text):
        return BadArguments(f"{skill}: the arguments must be an object, not {match['got']}.")
    if match := _PLACED.fullmatch(text):
        place = match["at"].removeprefix("$.")
        return BadArguments(f"{skill}: {place[:80]}: {_plain(match['what'])}.")
    return BadArguments(f"{skill}: {_plain(text)[:400]}.")


def _unknown(skill: str, names: Sequence[str], name: str, at: str | None) -> str:
    if at:
        return f"{skill}: {at.removeprefix('$.')} has no field {name[:80]}."
    if not names:
        return f"{skill}: there is no argument {name[:80]}; it takes none."
    from difflib import get_close_matches  # only for a mistake: it costs 0.2 MB

    close = get_close_matches(name, names, 1)
    cure = f"did you mean {close[0]}?" if close else f"it takes {', '.join(names)}."
    return f"{skill}: there is no argument {name[:80]}; {cure}"


def _plain(text: str) -> str:
    """msgspec's own words, first line, without its quotes."""
    line = text.partition("\n")[0].rstrip(".").replace("`", "")
    match = _EXPECTED.fullmatch(line)
    return f"expected {match['want']}, got {match['got']}" if match else line[:1].lower() + line[1:]
