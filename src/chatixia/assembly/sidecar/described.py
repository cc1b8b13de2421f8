"""A described peer as a process: its key, its links, its one program, all from its environment."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from chatixia.core.join import is_loopback
from chatixia.errors import (
    BadSignature,
    Denied,
    MeshError,
    Overloaded,
    RegistryUnreachable,
    Unauthorized,
    Unavailable,
)
from chatixia.ids import id_problem, is_agent_id
from chatixia.world import REAL, World

from .described_settings import DescribedSettings, read, servers

if TYPE_CHECKING:
    from chatixia.peer.control.connection import PinnedConnection
    from chatixia.peer.described.links import DescribedLinks
    from chatixia.peer.described.login import DescribedLogin
    from chatixia.sidecar.described_program import DescribedServer
    from chatixia.wire.registry import Token
    from chatixia.wire.signaling import Config

LOGIN_S: Final = 2.0
"""How long the socket waits for the first login: a described client waits 5 s for it."""
REST_S: Final = 5.0
REFRESH_S: Final = 1800.0
"""How often a login for TURN is made anew; it lives twice as long."""


class DescribedSidecar:
    """What ``run.running`` runs: start, be online, stop. It ends with its program."""

    name = "chatixia-sidecar"
    grace = 0.0

    def __init__(self, settings: DescribedSettings, engine: str, world: World = REAL) -> None:
        from chatixia.agent.threads import Threads

        self._settings, self._engine, self._world = settings, engine, world
        self.on_fault: Callable[[], None] = lambda: None
        self._thread = Threads(1)
        self._listed: Config | None = None
        self._login: DescribedLogin | None = None
        self._server: DescribedServer | None = None
        self._links: DescribedLinks | None = None
        self._refreshing: asyncio.TimerHandle | None = None

    @property
    def fault(self) -> MeshError | None:
        """Why the login ended for good, if it did."""
        return self._login.fault if self._login is not None else None

    async def start(self) -> None:
        """Log in, and be found at the socket. Raises AlreadyRunning, ConfigError, a refusal."""
        from chatixia.peer.described.links import DescribedLinks
        from chatixia.peer.described.login import DescribedLogin
        from chatixia.peer.engines import load
        from chatixia.sidecar import sockets
        from chatixia.sidecar.described_program import DescribedServer
        from chatixia.sidecar.message_relay import MessageRelay

        path, world = self._settings.socket, self._world
        sockets.check(path, shared=True)
        engine = load(self._engine, world=world)
        links = DescribedLinks("", engine, self._tell, _admits, world)
        links.relay_only = self._settings.relay_only
        self._links = links
        self._login = DescribedLogin(self._settings.signaling, self._token, links, world)
        self._login.on_fault = self._ended
        self._server = DescribedServer(MessageRelay(links, world), self._ended)
        self._refresh()
        self._login.start()
        try:
            with contextlib.suppress(RegistryUnreachable, Overloaded, Unavailable):
                await self._login.online(LOGIN_S)
            await self._server.listen(path)
        except BaseException:
            await self.stop()
            raise

    async def online(self, timeout: float) -> None:
        """Until the login stood."""
        if self._login is not None:
            await self._login.online(timeout)

    async def stop(self) -> None:
        """Hang up everywhere, and be found no more."""
        if self._refreshing is not None:
            self._refreshing.cancel()
        if self._server is not None:
            await self._server.stop()
        if self._login is not None:
            await self._login.stop()
        if self._links is not None:
            await self._links.stop()
            await self._links.engine.close()
        self._thread.close()

    def banner(self) -> str:
        """One line for the person who started it."""
        login, where = self._login, urlsplit(self._settings.signaling).netloc
        if login is None:
            return f"  {self.name}  stopped"
        state = f"{login.id} online, unverified" if login.up else "waiting for the registry"
        return f"  {self.name}  {state}  {where}  socket: {self._settings.socket}"

    def _ended(self) -> None:
        self.on_fault()

    # -- the registry

    def _tell(self, signal: Any) -> bool:
        return self._login is not None and self._login.tell(signal)

    async def _token(self) -> Token:
        token, self._listed = await self._thread.run(self._ask)
        self._refresh()
        answer: Token = token
        return answer

    def _ask(self) -> tuple[Token, Config | None]:
        """A token, and the servers that the registry names to who has it. Blocks."""
        from chatixia.wire.registry import Nothing, TokenRequest
        from chatixia.wire.signaling import Config

        url = self._settings.registry
        line = _connect(url)
        try:
            token = line.call("token", TokenRequest(), key=self._settings.key)
            listed = None
            with contextlib.suppress(MeshError):
                config = line.call("config", Nothing(), token.token)
                listed = Config(ice_servers=config.iceServers or [])
        except Unauthorized as error:
            raise Unauthorized(
                f"The registry at {urlsplit(url).netloc} refuses API_KEY"
                f" ({error.message.rstrip('.')}); make another there with"
                " `chatixia keys create NAME`, or have the agent approved anew."
            ) from None
        else:
            return token, listed
        finally:
            line.close()

    def _refresh(self) -> None:
        """Let links that open from now on use what is in force."""
        from chatixia.peer.driver import ice_servers

        if self._links is None:
            return
        config = servers(self._settings.turn, self._world.wall(), self._listed)
        self._links.servers = ice_servers(config)
        if self._refreshing is not None:
            self._refreshing.cancel()
        self._refreshing = asyncio.get_running_loop().call_later(REFRESH_S, self._refresh)


def _connect(url: str) -> PinnedConnection:
    """A line to the registry, whose certificate the system trusts: there is no membership whose
    registry could vouch for its own."""
    from chatixia.peer.control.connection import PinnedConnection

    try:
        return PinnedConnection(url, REST_S, vouched=not is_loopback(url))
    except BadSignature as error:
        raise BadSignature(
            f"{error.message} Bring that registry's certificate over (registry/tls.crt in its"
            " profile) and name the file in SSL_CERT_FILE."
        ) from error.__cause__


def _admits(name: str) -> None:
    """Raises Denied for what is no id; whom to believe is the program's to say."""
    if not is_agent_id(name):
        raise Denied(f"{name[:64]!r} is no id: {id_problem(name)}.")


def is_wanted(mesh: str = "") -> bool:
    """Whether a sidecar without arguments is a described peer: no membership here names its agent,
    so that its key is all that it has."""
    from chatixia.assembly.profile.profile import exists

    is_member = exists(mesh) or bool(os.environ.get("CHATIXIA_JOIN"))
    return not (is_member and os.environ.get("CHATIXIA_AGENT_ID"))


def from_environment() -> DescribedSidecar:
    """The one that the environment describes. Raises ConfigError."""
    from chatixia.assembly.run.settings import resolve

    return DescribedSidecar(read(os.environ), str(resolve({})["engine"]))
