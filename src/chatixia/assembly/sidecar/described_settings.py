"""What a described sidecar is told: all of it by its environment (requirements B.7)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec

from chatixia.errors import ConfigError

if TYPE_CHECKING:
    from chatixia.wire.signaling import Config

API_KEY: Final = "API_KEY"
SIGNALING: Final = "SIGNALING_URL"
TOKEN: Final = "TOKEN_URL"  # noqa: S105 - the name of a variable
SOCKET: Final = "IPC_SOCKET"
TURN: Final = "TURN_URL"
POLICY: Final = "ICE_TRANSPORT_POLICY"
SIGNALING_PATH: Final = "/ws"
TOKEN_PATH: Final = "/api/token"  # noqa: S105 - a route


class DescribedTurn(msgspec.Struct, frozen=True):
    """TURN servers, with a login that stays or the secret from which logins are made."""

    urls: list[str]
    username: str = ""
    password: str = ""
    secret: str = ""

    def __repr__(self) -> str:
        return f"DescribedTurn({self.urls!r})"

    def server(self, wall: float) -> dict[str, str | list[str]]:
        """An entry of ``iceServers`` as it is at ``wall``, Unix seconds."""
        from chatixia.registry.turn import TurnServers

        if self.secret:
            return TurnServers(self.urls, self.secret).grant("mesh", wall)
        return {"urls": self.urls, "username": self.username, "credential": self.password}


class DescribedSettings(msgspec.Struct, frozen=True):
    """``signaling``: the WebSocket; ``registry``: what its REST routes stand below."""

    key: str
    signaling: str
    registry: str
    socket: Path
    turn: DescribedTurn | None = None
    relay_only: bool = False

    def __repr__(self) -> str:
        return f"DescribedSettings({self.signaling!r}, {str(self.socket)!r})"


def read(environ: Mapping[str, str]) -> DescribedSettings:
    """Raises ConfigError, which names the variable and what to write there."""
    _check_present(environ)
    key = _key(environ)
    signaling, registry = _addresses(environ)
    place = environ[SOCKET].strip()
    turn, relay_only = _turn(environ), _relay_only(environ)
    return DescribedSettings(key, signaling, registry, Path(place).absolute(), turn, relay_only)


KEY_IS: Final = (
    "an API key, which `chatixia keys create NAME` makes at the registry, or a device token."
)
UNNEEDED: Final = "A machine that has joined a mesh needs none: CHATIXIA_AGENT_ID names its agent"
NEEDED: Final = (
    (
        (API_KEY,),
        f"{KEY_IS} {UNNEEDED}",
    ),
    (
        (SIGNALING, TOKEN),
        "the registry's WebSocket, ws://127.0.0.1:8080/ws or wss://HOST/ws",
    ),
    ((SOCKET,), "the path where the agent looks for its sidecar"),
)
"""What must be set, one of the names each, and what to write there."""


def _check_present(environ: Mapping[str, str]) -> None:
    """Raise ConfigError for all that is missing at once."""
    missing = [
        f"{names[0]} is not set: give it {what}."
        for names, what in NEEDED
        if not any(environ.get(name, "").strip() for name in names)
    ]
    if missing:
        raise ConfigError(" ".join(missing))


def _key(environ: Mapping[str, str]) -> str:
    key = environ[API_KEY].strip()
    if not (key.isascii() and key.isprintable()):
        raise ConfigError(f"{API_KEY} holds no key: a key has only printable characters.")
    return key


def _addresses(environ: Mapping[str, str]) -> tuple[str, str]:
    """Where signaling is, and below which address the REST routes; one tells the other."""
    signaling, token = environ.get(SIGNALING, "").strip(), environ.get(TOKEN, "").strip()
    derived = not token
    if derived:
        token = f"http{signaling.removeprefix('ws').removesuffix(SIGNALING_PATH)}{TOKEN_PATH}"
    if not token.endswith(TOKEN_PATH):
        raise ConfigError(f"{TOKEN} is {token}; it ends in {TOKEN_PATH}.")
    registry = token.removesuffix(TOKEN_PATH)
    if not signaling:
        signaling = f"ws{registry.removeprefix('http')}{SIGNALING_PATH}"
    _check(SIGNALING, signaling, ("ws", "wss"))
    _check(TOKEN, token, ("http", "https"))
    if derived and not signaling.endswith(SIGNALING_PATH):
        raise ConfigError(f"{SIGNALING} is {signaling}; it ends in {SIGNALING_PATH}.")
    return signaling, registry


def _check(name: str, url: str, schemes: tuple[str, str]) -> None:
    """Raise ConfigError for what is no address, or would show the key to whoever listens."""
    from chatixia.core.join import is_loopback

    try:
        parts = urlsplit(url)
        good = parts.scheme in schemes and parts.hostname and parts.port != 0
        good = good and not (parts.query or parts.fragment)
    except ValueError:
        good = False
    if not good or not url.isprintable() or " " in url:
        raise ConfigError(f"{name} is {url}, which is no address; write {schemes[1]}://HOST/....")
    if parts.scheme == schemes[0] and not is_loopback(url):
        raise ConfigError(
            f"{name} is {url}, which would be reached in clear, without encryption; write"
            f" {schemes[1]}://HOST/...."
        )


def _turn(environ: Mapping[str, str]) -> DescribedTurn | None:
    from chatixia.assembly.serve.turn import check_urls

    urls = environ.get(TURN, "").replace(",", " ").split()
    if not urls:
        return None  # compose files set it to nothing
    check_urls(urls, TURN)
    user, password = environ.get("TURN_USERNAME", ""), environ.get("TURN_PASSWORD", "")
    secret = environ.get("TURN_SECRET", "").strip()
    if not secret and not (user and password):
        raise ConfigError(
            f"{TURN} names a server, but no login for it: set TURN_USERNAME and TURN_PASSWORD, or"
            " TURN_SECRET."
        )
    return DescribedTurn(urls, user, password, "" if user and password else secret)


def _relay_only(environ: Mapping[str, str]) -> bool:
    policy = environ.get(POLICY, "").strip().lower() or "all"
    if policy not in ("all", "relay"):
        raise ConfigError(f"{POLICY} is {policy}; it takes all or relay.")
    return policy == "relay"


def servers(turn: DescribedTurn | None, wall: float, listed: Config | None) -> Config:
    """The servers of the environment and those that the registry names, as one list."""
    from chatixia.wire.signaling import Config

    own = [] if turn is None else [turn.server(wall)]
    return Config(ice_servers=[*own, *(listed.ice_servers if listed is not None else [])])
