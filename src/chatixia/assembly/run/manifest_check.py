"""All that is wrong with a manifest at once, each with its line: for ``chatixia validate``.

An error is what `run` would refuse. A warning is what is missing at this time and place: a key of
the model's provider, a registry that answers.
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec

from chatixia.agent import manifest
from chatixia.agent.manifest_text import ManifestText
from chatixia.errors import ConfigError

CONNECT_S: Final = 2.0
"""Seconds that a registry has to take a connection."""


class ManifestFinding(msgspec.Struct, frozen=True):
    """One thing: its level, file, line (0 for none), key and sentence."""

    level: Literal["error", "warn"]
    file: str
    line: int
    key: str
    text: str

    @property
    def sentence(self) -> str:
        """``FILE, line N: ...``."""
        place = f"{self.file}, line {self.line}" if self.line else self.file
        return f"{place}: {self.text}"


def check_manifest(target: str, mesh: str = "") -> list[ManifestFinding]:
    """What is found in the manifest at or beside ``target``, errors first, by line; nothing where
    there is none. Raises ConfigError for a file that cannot be read as YAML."""
    path = Path(target)
    place = path.parent if path.suffix == ".py" else path
    if not place.exists() or manifest.find(place) is None:
        return []
    findings = [each for text in manifest.texts(place) for each in _Check(text, mesh).findings()]
    unique = list(dict.fromkeys(findings))
    return sorted(unique, key=lambda each: (each.level != "error", each.line))


class _Check:
    """The check of what one agent's keys say."""

    def __init__(self, text: ManifestText, mesh: str) -> None:
        self._text, self._mesh = text, mesh

    def findings(self) -> Iterator[ManifestFinding]:
        mistakes = manifest.problems(self._text)
        yield from (self._finding("error", key, text) for key, text in mistakes)
        if mistakes:
            return
        parsed = manifest.parse(self._text.data, self._text)
        yield from self._files(parsed)
        yield from self._program(parsed)
        yield from self._names(parsed)
        yield from self._model(parsed)
        yield from self._servers(parsed)
        yield from self._registry(parsed)

    def _finding(self, level: Literal["error", "warn"], key: str, text: str) -> ManifestFinding:
        line = self._text.line(key)
        if key.startswith("skills.builtin["):  # `skills:` may be the list itself
            line = self._text.lines.get(key.replace(".builtin", ""), line)
        return ManifestFinding(level, str(self._text.path), line, key, text)

    def _files(self, parsed: manifest.Manifest) -> Iterator[ManifestFinding]:
        from chatixia.agent import skill_json
        from chatixia.assembly.profile.files import expanded

        for number, name in enumerate(parsed.skills.dirs):
            key = f"skills.dirs[{number}]"
            folder = self._text.path.parent / expanded(Path(name))
            if not folder.is_dir():
                yield self._finding(
                    "error", key, f"the folder {folder} of skills.dirs does not exist."
                )
                continue
            places = [folder, *sorted(one for one in folder.iterdir() if one.is_dir())]
            skills = [one for one in places if (one / skill_json.FILE).is_file()]
            if not skills:
                text = f"the folder {folder} has no skill: no {skill_json.FILE} is in it."
                yield self._finding("error", key, text)
            for one in skills:
                if not (one / skill_json.HANDLER).is_file():
                    text = f"the file {one / skill_json.HANDLER} is not there."
                    yield self._finding("error", key, text)

    def _program(self, parsed: manifest.Manifest) -> Iterator[ManifestFinding]:
        """The command of `exec`, which may be there on another machine. A relative path is looked
        for in the manifest's folder, which it is started in."""
        command = parsed.exec[0] if parsed.exec else ""
        place = self._text.path.parent / command if os.path.dirname(command) else command
        if command and shutil.which(place) is None:
            yield self._finding("warn", "exec[0]", f"exec: {command} is no program here.")

    def _names(self, parsed: manifest.Manifest) -> Iterator[ManifestFinding]:
        from chatixia.agent.builtin import check_builtin
        from chatixia.agent.model.endpoints import spec_of

        for number, name in enumerate(parsed.skills.builtin):
            if text := _refusal(check_builtin, name):
                yield self._finding("error", f"skills.builtin[{number}]", f"skills.builtin: {text}")
        for number, model in enumerate(parsed.fallback):
            if text := _refusal(spec_of, model):
                yield self._finding("error", f"fallback[{number}]", f"fallback: {text}")

    def _model(self, parsed: manifest.Manifest) -> Iterator[ManifestFinding]:
        """What a model lacks: its key, address or name."""
        from chatixia.agent.model.endpoints import resolve, spec_of
        from chatixia.agent.model.words import ModelSpec
        from chatixia.assembly.model import NAMING

        naming = [key for key in NAMING if key in self._text.lines]
        if not naming:
            return
        variables = self._variables()
        spec = ModelSpec(parsed.provider, parsed.model, parsed.base_url)
        if text := _refusal(resolve, spec, variables):
            yield self._finding("warn", naming[0], f"the model is missing: {text}")
        for number, model in enumerate(parsed.fallback):
            if not _refusal(spec_of, model) and (
                text := _refusal(resolve, spec_of(model), variables)
            ):
                yield self._finding("warn", f"fallback[{number}]", text)

    def _servers(self, parsed: manifest.Manifest) -> Iterator[ManifestFinding]:
        """Servers of MCP: what can be none, and the variables that are not set here."""
        from chatixia.agent.manifest_mcp import check_server, missing_variables

        variables = self._variables()
        for name, server in parsed.mcp.items():
            if text := _refusal(check_server, name, server):
                yield self._finding("error", f"mcp.{name}", f"mcp: {text}")
                continue
            for absent in missing_variables(server, variables):
                text = f"mcp: {name}: the variable {absent} is not set."
                yield self._finding("warn", f"mcp.{name}", text)

    def _variables(self) -> Mapping[str, str]:
        beside = self._text.path.parent / manifest.ENVIRONMENT
        return {**manifest.environment(beside), **os.environ}

    def _registry(self, parsed: manifest.Manifest) -> Iterator[ManifestFinding]:
        from chatixia.assembly.wiring import check_url

        if parsed.registry and (text := _refusal(check_url, parsed.registry)):
            yield self._finding("error", "registry", f"registry: {text}")
            return
        urls = [parsed.registry] if parsed.registry else self._registries(parsed.mesh)
        reasons = [reason for url in urls if (reason := unreachable(url))]
        if urls and len(reasons) == len(urls):
            text = f"the registry cannot be reached: {reasons[0]}."
            yield self._finding("warn", "registry", text)

    def _registries(self, mesh: str) -> list[str]:
        """Those of this machine's profile."""
        from chatixia.assembly.profile.profile import Profile, exists

        name = self._mesh or mesh
        if _refusal(exists, name) or not exists(name):
            return []
        return Profile.open(name).registries


def unreachable(url: str, timeout: float = CONNECT_S) -> str:
    """Why the server of ``url`` takes no connection; empty if it does. Sends nothing."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout).close()
    except TimeoutError:
        return f"{parts.netloc} did not answer within {timeout:g} s"
    except OSError as error:
        return f"{parts.netloc}: {error.strerror or type(error).__name__}"
    return ""


def _refusal(check: Callable[..., object], *args: object) -> str:
    """The sentence with which ``check`` refuses these; empty if it does not."""
    try:
        check(*args)
    except ConfigError as error:
        return error.message
    return ""
