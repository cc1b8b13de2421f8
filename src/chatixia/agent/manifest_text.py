"""The text of a manifest before its keys mean anything: YAML, the line of each key, variables
filled, and one mapping for each agent of a file that describes several."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from chatixia.errors import ConfigError

from .placeholders import MissingVariable, fill_all

MAX_BYTES: Final = 256 * 1024
MAX_AGENTS: Final = 64
AGENTS: Final = "agents"
"""The key below which a file describes several agents; its other keys count for each of them."""
DATA_DIR: Final = ".chatixia"


class ManifestText(msgspec.Struct):
    """What one agent's keys say. ``lines``: the line of each dotted key. ``filled``: keys whose
    texts had variables in them. ``alone``: whether the file describes no other agent."""

    path: Path
    data: dict[str, Any]
    lines: dict[str, int] = {}
    filled: frozenset[str] = frozenset()
    alone: bool = True

    def place(self, key: str = "") -> str:
        """``FILE, line N`` of a key, or of the nearest one around it."""
        line = self.line(key)
        return f"{self.path}, line {line}" if line else str(self.path)

    def line(self, key: str) -> int:
        """The line of a key or of the nearest one around it; 0 for none."""
        while key:
            if key in self.lines:
                return self.lines[key]
            shorter = re.sub(r"(\.[^.\[\]]*|\[[^\[\]]*\])$", "", key)
            key = shorter if shorter != key else ""
        return 0


def read_manifest(path: Path, environment: Mapping[str, str]) -> list[ManifestText]:
    """The agents that a file describes. Raises ConfigError naming file and line."""
    from .document import YAMLError, fault, lines_of, load

    source = read_text(path, named=True)
    try:
        data, lines = load(source), lines_of(source)
    except YAMLError as error:
        raise ConfigError(f"{path}{fault(error)}") from None
    data = {} if data is None else data
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise ConfigError(f"{path}: a manifest is a list of keys with values.")
    whole = ManifestText(path, data, lines)
    try:
        data, filled = fill_all(data, environment)
    except ConfigError as error:
        key = error.__notes__[0]
        what = error.message if isinstance(error, MissingVariable) else f"{error.message}."
        raise ConfigError(f"{whole.place(key)}: {key}: {what}") from None
    return list(_agents(ManifestText(path, data, lines, frozenset(filled))))


def _agents(whole: ManifestText) -> Iterator[ManifestText]:
    """``whole``, or each agent that it describes."""
    if AGENTS not in whole.data:
        yield whole
        return
    shared = {key: value for key, value in whole.data.items() if key != AGENTS}
    items = whole.data[AGENTS]
    if not isinstance(items, list) or not items or len(items) > MAX_AGENTS:
        raise ConfigError(f"{whole.place(AGENTS)}: agents: give a list of 1 to {MAX_AGENTS}.")
    names = set[str]()
    for number, item in enumerate(items):
        prefix = f"{AGENTS}[{number}]"
        if not isinstance(item, dict) or not isinstance(item.get("name"), str):
            raise ConfigError(f"{whole.place(prefix)}: {prefix}: the key name is missing.")
        if item["name"] in names:
            raise ConfigError(
                f"{whole.place(f'{prefix}.name')}: {prefix}: there are two agents called"
                f" {item['name'][:80]}."
            )
        names.add(item["name"])
        own = {**item}
        own.setdefault("data_dir", f"{shared.get('data_dir') or DATA_DIR}/{item['name']}")
        lines = {k: n for k, n in whole.lines.items() if not k.startswith(AGENTS)}
        lines |= _below(whole.lines, f"{prefix}.")
        filled = {k for k in whole.filled if not k.startswith(AGENTS)}
        filled |= _below(dict.fromkeys(whole.filled, 0), f"{prefix}.").keys()
        yield ManifestText(whole.path, _merged(shared, own), lines, frozenset(filled), alone=False)


def _below(keys: Mapping[str, int], prefix: str) -> dict[str, int]:
    return {key.removeprefix(prefix): n for key, n in keys.items() if key.startswith(prefix)}


def _merged(shared: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**shared, **own}
    for key in shared.keys() & own.keys():
        if isinstance(shared[key], dict) and isinstance(own[key], dict):
            merged[key] = _merged(shared[key], own[key])
    return merged


def read_text(path: Path, named: bool = False) -> str:
    """A file's text; empty for one that is not there, unless it was ``named``.

    Raises ConfigError.
    """
    try:
        if not named and not path.is_file():
            return ""
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise ConfigError(f"{path} is larger than {MAX_BYTES} bytes.")
        return data.decode()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8 text.") from None
