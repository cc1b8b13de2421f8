"""The TURN servers that a registry hands to its members, from ``registry.yaml`` or the environment.

Either names URLs and a secret, or there are none; half of it is a refusal to start, since agents
would find out only where nothing else connects them.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from chatixia.errors import ConfigError

if TYPE_CHECKING:
    from chatixia.registry.settings import TurnSettings
    from chatixia.registry.turn import TurnServers

log = logging.getLogger("chatixia.registry")

URL: Final = "TURN_URL"
SECRET: Final = "TURN_SECRET"  # noqa: S105 - the name of a variable
MOST_URLS: Final = 8
MAX_SECRET: Final = 1024
GOOD_SECRET: Final = 16
"""Members can guess a secret from their credentials: a shorter one is worth a warning."""

_URL = re.compile(
    r"turns?:(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])"
    r"(?::[1-9][0-9]{0,4})?(?:\?transport=(?:udp|tcp))?"
)


def turn_servers(
    settings: TurnSettings, folder: Path, environ: Mapping[str, str]
) -> TurnServers | None:
    """The servers in force, or None where neither place names any. The environment goes first.

    ``folder``: the base of a relative ``secret_file``. Raises ConfigError naming what is empty,
    missing or no URL.
    """
    if URL in environ or SECRET in environ:
        return _servers(
            environ.get(URL, "").replace(",", " ").split(),
            environ.get(SECRET, ""),
            f"the environment variable {URL}",
            f"the environment variable {SECRET}",
        )
    if settings.urls is None and settings.secret_file is None:
        return None
    secret = "" if not settings.secret_file else _read(folder / settings.secret_file)
    return _servers(settings.urls or [], secret, "ice.turn.urls", "ice.turn.secret_file")


def _servers(urls: list[str], secret: str, url_name: str, secret_name: str) -> TurnServers:
    from chatixia.registry.turn import TurnServers

    secret = secret.strip()
    for name, empty in ((url_name, not urls), (secret_name, not secret)):
        if empty:
            raise ConfigError(
                f"{name} is empty, so agents could use no TURN server. Set both the URL and the"
                " secret of yours, or neither."
            )
    check_urls(urls, url_name)
    if len(secret) < GOOD_SECRET:
        log.warning("%s has fewer than %d characters: members can guess it", secret_name, 16)
    return TurnServers(urls, secret)


def check_urls(urls: list[str], name: str) -> None:
    """Raise ConfigError, which names ``name``, for what are no URLs of TURN servers."""
    if len(urls) > MOST_URLS:
        raise ConfigError(f"{name} names more than {MOST_URLS} URLs.")
    for url in urls:
        if not _URL.fullmatch(url):
            raise ConfigError(
                f"{name} holds {url!r}, which is not a TURN URL; write one such as"
                " turn:turn.example.org:3478 or turn:turn.example.org:443?transport=tcp."
            )


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            content = file.read(MAX_SECRET + 1)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise ConfigError(f"ice.turn.secret_file: {path} cannot be read: {reason}.") from None
    if len(content) > MAX_SECRET:
        raise ConfigError(
            f"ice.turn.secret_file: {path} has more than {MAX_SECRET} characters; it holds nothing"
            " but the secret."
        )
    return content
