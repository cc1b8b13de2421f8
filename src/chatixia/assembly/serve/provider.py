"""The identity provider of ``registry.yaml``: all of it, or a refusal to start."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from chatixia.core.provider import ProviderSettings
from chatixia.errors import ConfigError
from chatixia.ids import person_id

if TYPE_CHECKING:
    from chatixia.registry.people.provider import ProviderAccess

MAX_SECRET: Final = 4096


def provider_access(settings: ProviderSettings, folder: Path) -> ProviderAccess | None:
    """The provider in force, None where none is named.

    ``folder``: the base of a relative ``client_secret_file``. Raises ConfigError naming what is
    missing or cannot be, and MissingExtra.
    """
    from chatixia.registry.people.provider import ProviderAccess, check_installed, is_private

    if settings == ProviderSettings():
        return None
    if not is_private(settings.issuer):
        raise ConfigError(
            f"provider.issuer: {settings.issuer!r} is no address of an identity provider; write one"
            " such as https://id.example.org."
        )
    if not settings.client_id:
        raise ConfigError("provider.client_id is missing: the provider must know this registry.")
    if not settings.allow:
        raise ConfigError("provider.allow names nobody; add who may come in.")
    for entry in settings.allow:
        if not person_id(entry.person):
            raise ConfigError(
                f"provider.allow: {entry.person!r} cannot name a person; use lower-case letters,"
                " digits, . _ and -."
            )
    check_installed()
    name = settings.client_secret_file
    return ProviderAccess(settings, _read(folder / name) if name else "")


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            secret = file.read(MAX_SECRET + 1).strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise ConfigError(
            f"provider.client_secret_file: {path} cannot be read: {reason}."
        ) from None
    if not 0 < len(secret) <= MAX_SECRET:
        raise ConfigError(f"provider.client_secret_file: {path} holds no secret, or more than it.")
    return secret
