"""The files in a registry's folder beside its key: settings, token key, TLS key, certificate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from chatixia.assembly.profile.files import write_private
from chatixia.errors import ConfigError
from chatixia.world import World

if TYPE_CHECKING:
    from chatixia.identity import SignKey
    from chatixia.registry.settings import RegistrySettings

SETTINGS: Final = "registry.yaml"
TOKENS: Final = "tokens.key"
TLS_KEY: Final = "tls.key"
TLS_CERT: Final = "tls.crt"
MAX_YAML: Final = 64 * 1024


def load_settings(folder: Path) -> RegistrySettings:
    """``registry.yaml``, or the defaults without one. Raises ConfigError naming the mistake."""
    from chatixia.agent.document import YAMLError, fault, load
    from chatixia.registry.settings import read

    path = folder / SETTINGS
    try:
        with path.open("rb") as file:
            return read(load(file.read(MAX_YAML)))
    except FileNotFoundError:
        return read({})
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
    except YAMLError as error:
        raise ConfigError(f"{path}{fault(error)}") from None
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {_nearest(str(error))}") from None


def _nearest(text: str) -> str:
    """msgspec's sentence, with the nearest key where one is unknown."""
    import difflib

    from chatixia.registry.settings import TIMES, RegistrySettings

    if "unknown field" not in text:
        what, _, at = text.replace("`", "").partition(" - at ")
        hint = "; use seconds, or a time such as 20s, 5m" if at.removeprefix("$.") in TIMES else ""
        return f"{at.removeprefix('$.') or 'it'}: {what}{hint}."
    name = text.partition("`")[2].partition("`")[0]
    names = [field.name for field in msgspec.structs.fields(RegistrySettings)]
    close = difflib.get_close_matches(name, names, 1, 0.0)
    return f"there is no setting {name!r}; the nearest is {close[0]!r}."


def save_settings(folder: Path, settings: RegistrySettings) -> None:
    """Remember the settings in force, those that differ from the defaults."""
    import yaml

    values: dict[str, Any] = msgspec.to_builtins(settings)
    head = "# Settings of this registry; `chatixia up` flags are remembered here.\n"
    body = yaml.safe_dump(values, sort_keys=False) if values else ""
    write_private(folder / SETTINGS, (head + body).encode())


def token_keys(folder: Path) -> list[SignKey]:
    """The key that signs tokens, made at first start; never in the database or its backups."""
    from chatixia.identity import SignKey, load, save

    if not (folder / TOKENS).exists():
        save(folder / TOKENS, SignKey.generate().seed())
    return [SignKey(load(folder / TOKENS))]


def certificate(folder: Path, names: Sequence[str], world: World) -> bytes:
    """SHA-256 of the certificate in ``tls.crt``, made anew when names changed or it grows old."""
    from chatixia.registry.trust.certificate import fits, make_certificate, make_key, sha256

    if not (folder / TLS_KEY).exists():
        write_private(folder / TLS_KEY, make_key())
    path = folder / TLS_CERT
    pem = path.read_bytes() if path.exists() else b""
    if not fits(pem, names, world.wall()):
        pem = make_certificate((folder / TLS_KEY).read_bytes(), names, world.wall())
        write_private(path, pem)
    return sha256(pem)
