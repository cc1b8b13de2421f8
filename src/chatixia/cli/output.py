"""How results look: pure functions from values to text, one per shape of api.md section 1.

Times are milliseconds; a line meant for people starts with two spaces.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final

import click

SHAPE: Final = 1
"""Version of every ``--json`` shape, in its field ``v``; fields are only ever added to one."""

WIDE: Final = 40
"""Values longer than this do not push the remarks of all others to the right."""

Row = tuple[str, str, str]
"""Label, value and an optional remark."""


def compact(value: Any) -> str:
    """``value`` as one line of JSON; what JSON cannot hold appears as its text."""
    import msgspec

    try:
        return msgspec.json.encode(value, enc_hook=str).decode()
    except UnicodeEncodeError:  # a path that is not UTF-8
        return msgspec.json.encode(_encodable(msgspec.to_builtins(value, enc_hook=str))).decode()


def readable(text: str) -> str:
    """``text`` with what no UTF-8 stands for as ``\\udcff``, as in a file's name."""
    return text.encode(errors="backslashreplace").decode()


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return readable(value)
    if isinstance(value, dict):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    return [_encodable(item) for item in value] if isinstance(value, list) else value


def document(kind: str, fields: Mapping[str, Any]) -> str:
    """One ``--json`` object: ``{"v":1,"kind":...,...}``."""
    return compact({"v": SHAPE, "kind": kind, **fields})


def plain(text: str) -> str:
    """``text`` of a foreign agent without control characters: it may not steer a terminal."""
    from chatixia.assembly import error_text

    return error_text.plain(text)


def in_line(text: str) -> str:
    """``text`` of a foreign agent as one line: it may not look like another row of a list."""
    from chatixia.assembly import error_text

    return error_text.in_line(text)


def value(result: Any) -> str:
    """A skill's result in a line for people: text without what steers a terminal, else JSON."""
    return plain(faithful(result))


def faithful(result: Any) -> str:
    """A skill's result as data: text as it is, everything else as JSON."""
    return result if isinstance(result, str) else compact(result)


def emit(text: str, end: str = "\n") -> None:
    """Print data: byte for byte into a pipe or file; a terminal gets no control characters."""
    try:
        if sys.stdout.isatty():
            click.echo(readable(plain(text)) + end, nl=False)
            return
        # Past click, which drops escape sequences, and past newline translation.
        sys.stdout.flush()
        pipe = sys.stdout.buffer
        pipe.write((text + end).encode(errors="surrogatepass"))
        pipe.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _unwritable(error) from error


def _unwritable(error: OSError) -> Exception:
    from chatixia.errors import ConfigError

    from . import streams

    streams.mute()
    return ConfigError(streams.unwritable(error))


def repaint(text: str) -> None:
    """Put ``text`` in the place of all that the terminal shows, cut at its height."""
    size = shutil.get_terminal_size()
    lines = plain(text).splitlines()
    if len(lines) >= size.lines:
        lines = [*lines[: size.lines - 2], f"  ... {len(lines) - size.lines + 2} more lines"]
    # Line by line, so that nothing flickers: to the top, each line to its end, then what is below.
    sys.stdout.write(
        "\x1b[H" + "".join(f"{line[: size.columns]}\x1b[K\n" for line in lines) + "\x1b[J"
    )
    sys.stdout.flush()


def rows(lines: Iterable[Row]) -> str:
    """Label, value and remark in columns, two spaces before and between them."""
    filled = [(label, text, note) for label, text, note in lines if text or note]
    wide = max((len(label) for label, _, _ in filled), default=0)
    deep = max((len(text) for _, text, note in filled if note and len(text) <= WIDE), default=0)
    return "\n".join(
        f"  {label:<{wide}}  {text:<{deep if note else 0}}  {note}".rstrip()
        for label, text, note in filled
    )


def table(heads: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    """A plain table, each column as wide as its widest cell."""
    grid = [tuple(heads), *(tuple(in_line(str(cell)) for cell in line) for line in lines)]
    wide = [max(len(line[n]) for line in grid) for n in range(len(heads))]
    return "\n".join(
        "  " + "  ".join(f"{cell:<{wide[n]}}" for n, cell in enumerate(line)).rstrip()
        for line in grid
    )


def millis(ms: float | None) -> str:
    """``9 ms``, ``0.4 ms`` below one, ``5.4 s`` from a second on, ``-`` when nobody measured."""
    if ms is None:
        return "-"
    if ms < 0.05:
        return "under 0.1 ms"
    if ms >= 999.5:
        return f"{ms / 1000:.1f} s" if ms < 99_950 else f"{ms / 1000:.0f} s"
    return f"{ms:.1f} ms" if ms < 1 else f"{ms:.0f} ms"


def round_trip(ms: float | None) -> str:
    """The round trip of a link, which engines count in whole milliseconds."""
    return "under 1 ms" if ms is not None and ms < 1 else millis(ms)


def size(count: int) -> str:
    """``812 B``, ``12.3 kB``, ``240 MB``, in powers of ten."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= factor:
            return f"{count / factor:.{1 if count < 100 * factor else 0}f} {unit}"
    return f"{count} B"


def carried(
    agent: str,
    via: str,
    ms: float,
    where: str = "",
    opened: float | None = None,
    reason: str = "",
    tried: float | None = None,
) -> str:
    """``weather, direct (192.168.1.20), 41 ms, link opened in 12 ms``, or why it took the queue:
    ``weather, queue, plain, 5.4 s; no direct path: no answer over UDP, tried for 5.0 s``."""
    path = f"{via} ({host(where)})" if where and not local(where) else via
    parts = [agent, path, millis(ms)]
    if opened is not None and where and not local(where):
        parts.append(f"link opened in {millis(opened)}")
    line = "  " + ", ".join(part for part in parts if part)
    if not reason:
        return line
    return f"{line}; {in_line(reason)}" + (f", tried for {millis(tried)}" if tried else "")


def pong(via: str, ms: float, where: str, after: float | None = None) -> str:
    """``pong  direct   24 ms   (84.20.1.9:51234)``; ``after``: ms from the first to this one, where
    the tier changed."""
    tail = f"   ({where})" if where else ""
    if after is not None:
        tail += f"   after {millis(after)}"
    return f"  pong  {via:<7}  {millis(ms)}{tail}"


def nearest(name: str, names: Iterable[str]) -> str:
    """`` Did you mean ...?`` for a name close to a known one, else nothing."""
    close = get_close_matches(name, [other for other in names if other != name], 1)
    return f" Did you mean {close[0]}?" if close else ""


def host(where: str) -> str:
    """The address of ``address:port`` without its port; IPv6 in brackets or bare."""
    if where.startswith("["):
        return where[1:].partition("]")[0]
    head, colon, port = where.rpartition(":")
    return head if colon and port.isdigit() and ":" not in head else where


def word(text: str) -> str:
    """``text`` as one word of a command to copy; in quotes only where a shell would read it
    differently. Double ones, which every shell knows."""
    if re.fullmatch(r"[\w@%+=:,./#-]+", text):
        return text
    return shlex.quote(text) if re.search(r'["$`\\!]', text) else f'"{text}"'


def local(where: str) -> bool:
    """Whether ``where`` is this machine itself."""
    address = host(where)
    return address.startswith("127.") or address in {"::1", "localhost"}


def home(path: str) -> str:
    """``path`` with the user's home folder as ``~``."""
    base = os.path.expanduser("~")
    return "~" + path[len(base) :] if path == base or path.startswith(base + os.sep) else path


def online(agent: str, skills: Sequence[str], key: str, mesh: str, registry: str) -> str:
    """``weather  online  skills: forecast  key 7f3a-...  registry home (127.0.0.1:8080)``."""
    listed = ", ".join(skills) or "none"
    return f"  {agent}  online  skills: {listed}  key {key}  registry {mesh} ({bare(registry)})"


def port(url: str) -> str:
    """The port of a URL that names one, else the scheme's."""
    tail = bare(url).rpartition(":")[2]
    return tail if tail.isdigit() else "443" if url.startswith("https") else "80"


def bare(url: str) -> str:
    """An address without its scheme."""
    return url.partition("://")[2] or url


def since(seconds: float) -> str:
    """A length of time in its largest unit: ``4 s``, ``12 min``, ``3 h``, ``2 d``."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def moment(seconds: float) -> str:
    """A time of the mesh on this machine's calendar: ``2026-11-29 21:19:21``."""
    from datetime import datetime

    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def coloured(stream: Any = None) -> bool:
    """Whether to colour: a terminal, and ``NO_COLOR`` unset or empty."""
    target = stream or sys.stderr
    return not os.environ.get("NO_COLOR") and bool(target.isatty())
