"""``agent.yaml``, and ``AGENT.md`` and ``.env`` beside it: an agent described without code.

Every key of the compatible contract (requirements B.6) is accepted. Those without a meaning are
checked and reported as changing nothing; one that does not exist is an error with the nearest.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args, get_origin

import msgspec

from chatixia.core.duration import seconds
from chatixia.core.spending import Budgets
from chatixia.errors import ConfigError
from chatixia.wire.signaling import MAX_ACCEPTED

from .manifest_mcp import McpServer
from .manifest_names import misnamed
from .manifest_text import DATA_DIR, MAX_BYTES, ManifestText, read_manifest, read_text
from .skill_fields import PromptSkill

NAMES: Final = ("agent.yaml", "agent.yml")
GUIDE: Final = "AGENT.md"
ENVIRONMENT: Final = ".env"
DURATIONS: Final = frozenset({"membership_ttl", "grace"})
"""Keys that also take ``90s``, ``5m``, ``12h``, ``7d``."""
FREE: Final = ("model_settings.", "mcp.")
"""What stands below these has names of its own, and is judged by whom it is for."""
DAY: Final = 86_400
MAX_PROBLEMS: Final = 64
"""Mistakes of one manifest that are named."""

Line = Annotated[str, msgspec.Meta(max_length=1024)]
PATTERNED: Final = re.compile(r"Expected str matching regex .*")
AgentName = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9_-])?$")]


class Sidecar(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``sidecar``. ``enabled``: the agent's links are in a process of their own (``sidecar: true``
    is short for that). ``socket``: where its socket is. ``api_key`` has no default, and counts only
    on a machine that is in no mesh; ``binary`` changes nothing: the sidecar is part of chatixia."""

    enabled: bool = False
    binary: Line = "chatixia-sidecar"
    api_key: Line = ""
    socket: Line = ""


class SkillsChoice(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``skills``. ``builtin``: those to serve; ``dirs``: folders with a ``skill.json`` each,
    relative to the manifest; ``prompts``: those that the model answers; ``disabled``: names left
    out of all."""

    builtin: Annotated[list[Line], msgspec.Meta(max_length=64)] = []
    dirs: Annotated[list[Line], msgspec.Meta(max_length=64)] = []
    prompts: Annotated[list[PromptSkill], msgspec.Meta(max_length=64)] = []
    disabled: Annotated[list[Line], msgspec.Meta(max_length=256)] = []


class LinksChoice(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``links``. ``keep``: how many stay warm when idle; ``all``, or 0 for none. ``relay``: whether
    one may go through the registry, where no direct path is open."""

    keep: Annotated[int, msgspec.Meta(ge=0, le=100_000)] | Literal["all"] = 32
    relay: bool = True


class Manifest(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """The keys of ``agent.yaml``. ``slots``: queued tasks served at once. ``engine``: ``auto``,
    ``wrtc`` or ``aiortc``. ``data_dir``: relative to the manifest. ``membership_ttl``: seconds that
    links live while no registry confirms the membership. ``grace``: seconds that running skills
    have to end when the agent stops. ``announcements``: whether broadcasts are taken that the
    registry fans out, which it can read. ``compat``: peers of the described contract that
    may have a link, which prove no key. ``trust``: ``owner`` to have links only with members whom
    an owner let in itself, and to take no queued work. ``fallback``: models as ``provider:model``,
    tried in turn. ``callers``: agents and machines that may change things through the model.
    ``mcp``: servers of the Model Context Protocol. ``exec``: the command of a program in any
    language that serves behind a sidecar, run in the manifest's folder."""

    name: Line = ""
    description: Line = ""
    registry: Line = ""
    provider: Literal["", "openai", "anthropic", "azure", "ollama", "compatible"] = ""
    model: Line = ""
    base_url: Line = ""
    fallback: Annotated[list[Line], msgspec.Meta(max_length=8)] = []
    model_settings: dict[str, Any] = {}
    prompt: Annotated[str, msgspec.Meta(max_length=MAX_BYTES)] = ""
    sidecar: Sidecar = msgspec.field(default_factory=Sidecar)
    skills: SkillsChoice = msgspec.field(default_factory=SkillsChoice)
    mcp: Annotated[dict[str, McpServer], msgspec.Meta(max_length=16)] = {}
    data_dir: Line = DATA_DIR
    max_turns: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 10
    context_window: Annotated[int, msgspec.Meta(ge=1)] = 120_000
    role: Line = ""
    goals: Annotated[list[Any], msgspec.Meta(max_length=64)] = []
    callers: Annotated[list[Line], msgspec.Meta(max_length=256)] = []
    budgets: Budgets = Budgets()
    mesh: Line = ""
    engine: Literal["auto", "wrtc", "aiortc"] = "auto"
    slots: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 8
    links: LinksChoice = msgspec.field(default_factory=LinksChoice)
    membership_ttl: Annotated[int, msgspec.Meta(ge=60, le=366 * DAY)] = 7 * DAY
    grace: Annotated[int, msgspec.Meta(ge=0, le=3600)] = 8
    announcements: bool = True
    trust: Literal["registry", "owner"] = "registry"
    compat: Annotated[list[AgentName], msgspec.Meta(max_length=MAX_ACCEPTED)] = []
    exec: Annotated[list[Line], msgspec.Meta(max_length=64)] = []


UNUSED: Final = {"sidecar.binary": "the sidecar is part of chatixia"}
"""Keys of the contract that are checked and change nothing, and why."""


class LoadedManifest(msgspec.Struct):
    """A manifest and what stood beside it.

    ``keys``: those that it names, dotted; ``lines``: where they stand. ``guide``: the text of
    AGENT.md. ``environment``: the variables of ``.env``.
    """

    path: Path
    manifest: Manifest
    keys: frozenset[str]
    guide: str = ""
    environment: dict[str, str] = {}
    lines: dict[str, int] = {}

    def place(self, key: str) -> str:
        """``FILE, line N`` of a key."""
        return ManifestText(self.path, {}, self.lines).place(key)

    @property
    def folder(self) -> Path:
        """The folder of the manifest."""
        return self.path.parent

    @property
    def system_prompt(self) -> str:
        """``prompt`` and AGENT.md, joined."""
        return "\n\n".join(part for part in (self.manifest.prompt, self.guide) if part)

    @property
    def unused(self) -> list[str]:
        """Its keys that change nothing, each with the reason."""
        return [
            f"{key} changes nothing: {reason}" for key, reason in UNUSED.items() if key in self.keys
        ]


def find(place: Path) -> Path | None:
    """The manifest in a folder, or the file itself; None if the folder has none.

    Raises ConfigError for a file that is named and missing.
    """
    if place.is_dir():
        return next((place / name for name in NAMES if (place / name).is_file()), None)
    if not place.is_file():
        raise ConfigError(f"{place} is not there.")
    return place


def load(place: Path, name: str = "") -> LoadedManifest:
    """The manifest at ``place`` (a file, or a folder with one); of several agents in it that of
    ``name``. Raises ConfigError."""
    manifests = load_all(place)
    chosen = [one for one in manifests if one.manifest.name == name] if name else manifests
    if len(chosen) != 1:
        names = ", ".join(one.manifest.name for one in manifests)
        raise ConfigError(
            f"{manifests[0].path} describes several agents: {names}; name one of them."
        )
    return chosen[0]


def load_all(place: Path) -> list[LoadedManifest]:
    """The manifest of each agent that is described at ``place``. Raises ConfigError."""
    return [_loaded(text) for text in texts(place)]


def texts(place: Path) -> list[ManifestText]:
    """What the manifest at ``place`` says of each agent, unchecked, its variables filled from the
    environment and from ``.env``. Raises ConfigError."""
    path = find(place)
    if path is None:
        raise ConfigError(f"There is no agent.yaml in {place}; create one with `chatixia init`.")
    if path.suffix == ".py":
        raise ConfigError(f"{place} is code; name its folder or its agent.yaml.")
    variables = {**environment(path.parent / ENVIRONMENT), **os.environ}
    return read_manifest(path, variables)


def _loaded(text: ManifestText) -> LoadedManifest:
    folder, manifest = text.path.parent, parse(text.data, text)
    own = "" if text.alone else read_text(folder / f"{manifest.name}.md")
    return LoadedManifest(
        text.path.absolute(),
        manifest,
        frozenset(_dotted(_normal(text.data))),
        own or read_text(folder / GUIDE),
        environment(folder / ENVIRONMENT),
        text.lines,
    )


def parse(data: Mapping[str, Any], where: str | ManifestText) -> Manifest:
    """``data`` as a manifest. Raises ConfigError naming the key, and the nearest known one."""
    text = where if isinstance(where, ManifestText) else ManifestText(Path(where), dict(data))
    mistakes = problems(text, 1)
    if mistakes:
        key, what = mistakes[0]
        raise ConfigError(f"{text.place(key)}: {what}")
    return _converted(_normal(data), text)


def problems(text: ManifestText, most: int = MAX_PROBLEMS) -> list[tuple[str, str]]:
    """What is wrong with keys and values: the key, and a sentence; the first ``most``."""
    data, mistakes = deepcopy(_normal(text.data)), []
    for key in unknown_keys(data, Manifest):
        mistakes.append((key, no_such_key(key, Manifest)))
        _remove(data, key)
        if len(mistakes) == most:
            return mistakes
    while len(mistakes) < most:
        try:
            parsed = _converted(data, text)
        except msgspec.ValidationError as error:
            what, _, at = str(error).replace("`", "").partition(" - at ")
            what = PATTERNED.sub("Expected the name of an agent", what)
            key = at.removeprefix("$").removeprefix(".")
            mistakes.append((key, f"{key or 'it'}: {what}{choices(key)}."))
            if not _remove(data, key):
                return mistakes
        else:
            named = (parsed.name, parsed.callers, parsed.skills.prompts, parsed.model_settings)
            return [*mistakes, *misnamed(*named)][:most]
    return mistakes


def _converted(data: dict[str, Any], text: ManifestText) -> Manifest:
    """What a variable holds is a text, so that it may stand for a number."""
    return msgspec.convert(data, Manifest, strict=not text.filled)


def _remove(data: dict[str, Any], key: str) -> bool:
    """Take a dotted key out, with all of a list that it leads into; whether it was there."""
    value: Any = data
    *parents, last = key.partition("[")[0].split(".")
    for name in parents:
        value = value.get(name) if isinstance(value, dict) else None
    return isinstance(value, dict) and value.pop(last, None) is not None


def choices(key: str) -> str:
    """``; use ...``, for a key whose type alone does not say what it takes."""
    kind: Any = next((f.type for f in msgspec.structs.fields(Manifest) if f.encode_name == key), "")
    if get_origin(kind) is Literal:
        *others, last = [choice for choice in get_args(kind) if choice]
        return f"; use {', '.join(others)} or {last}"
    values = {"links.keep": "a number, or all", "skills.builtin": "a list of names"}
    values["exec"] = "a list: [node, agent.mjs]"
    values |= dict.fromkeys(("callers", "compat", "fallback"), "a list of names")
    values |= dict.fromkeys(DURATIONS, "seconds, or a time such as 90s, 5m, 12h, 7d")
    return f"; use {values[key]}" if key in values else ""


def unknown_keys(data: Mapping[str, Any], kind: type[msgspec.Struct]) -> list[str]:
    """The dotted keys of ``data`` that ``kind`` has not, without those below them."""
    valid = set(dotted_keys(kind))
    unknown: list[str] = []
    for key in _dotted(data):
        is_below = any(key.startswith(f"{one}.") for one in unknown)
        if key not in valid and not key.startswith(FREE) and not is_below:
            unknown.append(key)
    return unknown


def no_such_key(key: str, kind: type[msgspec.Struct]) -> str:
    """The sentence for a key that ``kind`` has not, with the nearest."""
    from difflib import get_close_matches  # only for a mistake: it costs 0.2 MB

    valid = sorted(dotted_keys(kind))
    close = get_close_matches(key, valid, 1, 0.5)
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(valid)}."
    return f"there is no key {key[:80]}; {hint}"


def dotted_keys(kind: type[msgspec.Struct], prefix: str = "") -> Iterator[str]:
    """Every key of a settings struct, dotted, groups too."""
    for field in msgspec.structs.fields(kind):
        yield prefix + field.encode_name
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from dotted_keys(field.type, f"{prefix}{field.encode_name}.")


def environment(path: Path) -> dict[str, str]:
    """What a ``.env`` file sets: ``NAME=value`` lines, ``#`` comments, quotes around values."""
    variables: dict[str, str] = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        line = line.strip().removeprefix("export ")
        if not line or line.startswith("#"):
            continue
        name, sign, value = line.partition("=")
        if not sign or not name.strip().isidentifier():
            raise ConfigError(f"{path}, line {number}: write NAME=value.")
        variables[name.strip()] = _unquoted(value.strip())
    return variables


def _normal(data: Mapping[str, Any]) -> dict[str, Any]:
    """Without empty keys, times in seconds, and ``skills`` as a list written out."""
    normal = {
        key: seconds(value) if key in DURATIONS else value
        for key, value in data.items()
        if value is not None
    }
    if isinstance(normal.get("skills"), list):
        normal["skills"] = {"builtin": normal["skills"]}
    if isinstance(normal.get("sidecar"), bool):
        normal["sidecar"] = {"enabled": normal["sidecar"]}
    return normal


def _unquoted(value: str) -> str:
    for quote in "\"'":
        if len(value) > 1 and value[0] == value[-1] == quote:
            return value[1:-1]
    return value.partition(" #")[0].rstrip()


def _dotted(data: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in data.items():
        yield f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _dotted(value, f"{prefix}{key}.")
