"""Settings of an agent or client: what is in force, and where each value came from.

Precedence: flag (an argument in code counts as one), environment, ``agent.yaml``, profile,
default; ``.env`` only fills the environment (api.md section 4).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from chatixia.agent.manifest import DURATIONS, LoadedManifest, Manifest, choices, dotted_keys
from chatixia.assembly.profile.files import expanded
from chatixia.core.duration import seconds
from chatixia.errors import ConfigError

VARIABLES: Final[dict[str, str]] = {
    "mesh": "CHATIXIA_MESH",
    "name": "CHATIXIA_AGENT_ID",
    "registry": "CHATIXIA_REGISTRY_URL",
    "engine": "CHATIXIA_ENGINE",
    "slots": "CHATIXIA_SLOTS",
    "links.keep": "CHATIXIA_LINKS_KEEP",
    "links.relay": "CHATIXIA_LINKS_RELAY",
    "membership_ttl": "CHATIXIA_MEMBERSHIP_TTL",
    "grace": "CHATIXIA_GRACE",
    "data_dir": "CHATIXIA_DATA_DIR",
    "sidecar.api_key": "API_KEY",
    "sidecar.socket": "IPC_SOCKET",
}
"""Key -> the environment variable that sets it."""

SECRET: Final = frozenset({"sidecar.api_key"})
GROUPS: Final = frozenset(
    ["sidecar", "skills", "links", "budgets", "budgets.task", "budgets.caller", "budgets.agent"]
)


class SettingValue(NamedTuple):
    """One setting in force: its dotted key, its value, and where that came from."""

    key: str
    value: Any
    source: str


class ResolvedSettings:
    """Values by dotted key. ``loaded`` is the manifest, if there is one."""

    def __init__(self, values: Mapping[str, SettingValue], loaded: LoadedManifest | None) -> None:
        self._values = dict(values)
        self.loaded = loaded

    def __getitem__(self, key: str) -> Any:
        return self._values[key].value

    def __iter__(self) -> Iterator[SettingValue]:
        return iter(self._values.values())

    def source(self, key: str) -> str:
        """Where a value came from."""
        return self._values[key].source

    def is_default(self, key: str) -> bool:
        """Whether nobody said anything about it."""
        return self._values[key].source == "default"

    @contextmanager
    def blamed(self, key: str) -> Iterator[None]:
        """Within, a ConfigError gets the name of ``key`` and of where its value came from."""
        try:
            yield
        except ConfigError as error:
            raise ConfigError(f"{self.source(key)}: {key}: {error.message}") from None

    @property
    def notes(self) -> list[str]:
        """What a user should know: keys that do nothing yet."""
        if self.loaded is None:
            return []
        return [f"{self.loaded.path.name}: {text}" for text in self.loaded.unused]

    def data_dir(self) -> Path | None:
        """Where the agent keeps its files; None for the profile. Never the current folder's:
        a relative one is beside the manifest."""
        folder = Path(self["data_dir"])
        if self.loaded is None:
            return None if self.is_default("data_dir") else expanded(folder).absolute()
        return (self.loaded.folder / expanded(folder)).absolute()


def resolve(
    flags: Mapping[str, Any] | None = None,
    loaded: LoadedManifest | None = None,
    environ: Mapping[str, str] | None = None,
    profile: Mapping[str, Any] | None = None,
) -> ResolvedSettings:
    """What is in force. ``flags``: keys set in code or on the command line, None for unset.

    Raises ConfigError naming the key and the nearest known one, or the value that does not fit.
    """
    environ = os.environ if environ is None else environ
    flags = {key: value for key, value in (flags or {}).items() if value is not None}
    check(flags)
    values = {}
    for key, default in defaults().items():
        setting = _first(key, flags, loaded, environ, profile or {})
        values[key] = setting or SettingValue(key, default, "default")
    return ResolvedSettings(values, loaded)


def in_force(
    flags: Mapping[str, Any] | None = None,
    loaded: LoadedManifest | None = None,
    profile: Mapping[str, Any] | None = None,
) -> list[tuple[str, str, str]]:
    """Key, value as text and source of every setting, for `chatixia config`. No secret shows."""
    return [
        (key, "(set)" if key in SECRET and value else _shown(value), source)
        for key, value, source in resolve(flags, loaded, None, profile)
    ]


def defaults() -> dict[str, Any]:
    """Every key, dotted, with its default."""
    manifest = Manifest()
    keys = [key for key in dotted_keys(Manifest) if key not in GROUPS]
    return {key: _at(manifest, key) for key in keys}


def check(flags: Mapping[str, Any]) -> None:
    """Every key exists. Raises ConfigError naming the nearest."""
    names = list(defaults())
    for key in flags:
        if key not in names:
            from difflib import get_close_matches  # only for a mistake: it costs 0.2 MB

            close = get_close_matches(key, names, 1, 0.5)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(names)}."
            raise ConfigError(f"There is no setting {key}; {hint}")


def fill_environment(loaded: LoadedManifest | None) -> None:
    """Set what ``.env`` says and the environment does not."""
    for name, value in (loaded.environment if loaded else {}).items():
        os.environ.setdefault(name, value)


def _first(
    key: str,
    flags: Mapping[str, Any],
    loaded: LoadedManifest | None,
    environ: Mapping[str, str],
    profile: Mapping[str, Any],
) -> SettingValue | None:
    if key in flags:
        return SettingValue(key, _fitting(key, flags[key], "flag"), "flag")
    variable = VARIABLES.get(key, "")
    written = loaded.environment.get(variable, "") if loaded is not None else ""
    if text := environ.get(variable, "") or written:
        # What stands there may have been filled in from the file already.
        source = f".env {variable}" if text == written else f"environment {variable}"
        return SettingValue(key, _fitting(key, text, variable), source)
    if loaded is not None and key in loaded.keys:
        return SettingValue(key, _at(loaded.manifest, key), loaded.place(key))
    if profile.get(key):
        return SettingValue(key, profile[key], "profile")
    return None


def _fitting(key: str, value: Any, where: str) -> Any:
    """``value`` as the key's type; text from the environment is read as such."""
    kind: Any = Manifest
    for step in key.split("."):
        kind = next(f.type for f in msgspec.structs.fields(kind) if f.encode_name == step)
    try:
        number = seconds(value) if key in DURATIONS else value
        return msgspec.convert(number, kind, strict=False)
    except msgspec.ValidationError as error:
        what = str(error).replace("`", "").partition(" - at ")[0]
        raise ConfigError(f"{key} (from {where}): {what}{choices(key)}.") from None


def _at(manifest: Manifest, key: str) -> Any:
    value: Any = manifest
    for step in key.split("."):
        value = getattr(value, step)
    return value


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    text = str(value).replace("\n", " ")
    return text[:60] + "..." if len(text) > 60 else text
