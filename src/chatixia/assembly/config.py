"""What is in force where this is asked, for ``chatixia config``: agent, profile and registry."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from .run.settings import in_force

if TYPE_CHECKING:
    from .profile.profile import Profile

Line = tuple[str, str, str]
"""Setting, value as text, source."""


def every_setting(target: Path, mesh: str = "") -> list[Line]:
    """The settings of the agent described at ``target`` (none is no error there), then those of
    the registry, if this machine's profile has one. Raises ConfigError for a file with a mistake.
    """
    from chatixia.agent.manifest import find, load

    from .profile.profile import Profile, exists, home_dir

    loaded = load(target) if find(target) is not None else None
    profile = Profile.open(mesh) if exists(mesh) else None
    facts = {"mesh": profile.name, "registry": profile.registries[0]} if profile else {}
    lines = in_force({"mesh": mesh or None}, loaded, facts)
    lines.append(("home", str(profile.folder if profile else home_dir()), "profile"))
    return lines + (registry(profile) if profile and profile.has_registry else [])


def registry(profile: Profile) -> list[Line]:
    """The settings of ``registry.yaml``, as ``up.NAME``."""
    from chatixia.registry.settings import RegistrySettings

    from .serve.files import SETTINGS, load_settings

    values = dict(flat(load_settings(profile.folder / "registry")))
    lines = [
        (name, shown(values[name]), "default" if values[name] == default else SETTINGS)
        for name, default in flat(RegistrySettings())
    ]
    port = os.environ.get("PORT")
    return [
        (name, port, "environment PORT") if name == "up.port" and port else (name, value, source)
        for name, value, source in lines
    ]


def flat(settings: msgspec.Struct, prefix: str = "up.") -> Iterator[tuple[str, object]]:
    """Every setting below, with its dotted name."""
    for name in settings.__struct_fields__:
        value = getattr(settings, name)
        if isinstance(value, msgspec.Struct):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def shown(value: object) -> str:
    """A value as people write it; empty where nothing is set."""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
