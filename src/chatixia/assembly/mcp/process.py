"""``chatixia mcp``: the gateway as a process, on standard input and output or over HTTP."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import msgspec

import chatixia
from chatixia.errors import ConfigError, MeshError

if TYPE_CHECKING:
    from chatixia.assembly.profile.profile import Profile
    from chatixia.gateway.mcp.server import McpGateway

log = logging.getLogger("chatixia.mcp")

LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
ANY: Final = ("0.0.0.0", "::")  # noqa: S104 - named here to be refused without a word for it
PORT: Final = 8790


class McpOptions(msgspec.Struct, frozen=True):
    """What the command line says. ``http``: ``HOST:PORT`` to listen on, empty for standard input
    and output; ``hosts``: further names by which it is reached; ``clear``: it may listen beyond
    this machine, where the token goes over the network in clear. ``name``: what callers are called
    on paths. ``timeout``: seconds for each call. ``poll``: after how many an older host over HTTP
    is to come back for the rest, 0 for never."""

    patterns: Sequence[str] = ()
    all: bool = False
    agent: str = ""
    http: str = ""
    hosts: Sequence[str] = ()
    clear: bool = False
    name: str = ""
    timeout: float = 120.0
    mesh: str = ""
    poll: float = 0.0


class McpProcess:
    """What ``run.running`` runs. One task owns all that it opens, from start to stop."""

    def __init__(self, options: McpOptions) -> None:
        """Raises ConfigError for a place where it may not listen."""
        self._options = options
        self._place = address(options.http) if options.http else ("", 0)
        if options.http:
            check_address(self._place[0], clear=options.clear)
        self.name, self.grace = "mcp", 0.0
        self.on_fault: Callable[[], None] = lambda: None
        self._fault: MeshError | None = None
        self._banner = ""
        self._opened, self._stop = asyncio.Event(), asyncio.Event()
        self._life: asyncio.Task[None] | None = None

    @property
    def fault(self) -> MeshError | None:
        """Why the login ended for good, if it did."""
        return self._fault

    async def start(self) -> None:
        """Serve. Raises ConfigError, MissingExtra, a refusal."""
        life = self._life = asyncio.ensure_future(self._live())
        life.add_done_callback(lambda _: self.on_fault())
        opened = asyncio.ensure_future(self._opened.wait())
        await asyncio.wait((life, opened), return_when=asyncio.FIRST_COMPLETED)
        opened.cancel()
        if not self._opened.is_set():
            life.result()

    async def online(self, timeout: float) -> None:
        """It serves from its start on; its lists wait for the mesh."""

    async def stop(self) -> None:
        """Leave the mesh and close."""
        self._stop.set()
        life = self._life
        if life is None:
            return
        if not self._opened.is_set():
            life.cancel()
        await asyncio.wait((life,))
        if not life.cancelled() and (error := life.exception()) and self._opened.is_set():
            log.error("the gateway ended with %s", type(error).__name__)

    def banner(self) -> str:
        """Where hosts reach it over HTTP."""
        return self._banner

    def _failed(self, error: MeshError) -> None:
        self._fault = error
        self._stop.set()

    async def _live(self) -> None:
        from chatixia.assembly.run.settings import resolve
        from chatixia.assembly.wiring import open_connection
        from chatixia.client.call_context import CallContext

        from .extra import needed

        needed()
        settings = resolve({"mesh": self._options.mesh or None})
        connection = await open_connection(settings, kind="client", on_fault=self._failed)
        context = CallContext(connection.port)
        try:
            gateway = self._gateway(context)
            connection.on_listed(gateway.catalog.changed)
            await connection.start()
            async with gateway.running(), self._serving(gateway, connection.profile) as serving:
                self._opened.set()
                stop = asyncio.ensure_future(self._stop.wait())
                await asyncio.wait((stop, serving), return_when=asyncio.FIRST_COMPLETED)
                stop.cancel()
        finally:
            context.lock()
            await context.warmer.stop()
            await connection.stop()

    def _gateway(self, context: Any) -> McpGateway:
        from chatixia.gateway.mcp.catalog import SkillFilter
        from chatixia.gateway.mcp.server import McpGateway

        options = self._options
        choice = SkillFilter(options.patterns, options.agent, options.all)
        return McpGateway(
            context,
            choice,
            version=chatixia.__version__,
            name=options.name,
            timeout=options.timeout,
            poll=options.poll,
        )

    def _serving(
        self, gateway: McpGateway, profile: Profile
    ) -> AbstractAsyncContextManager[asyncio.Future[None]]:
        """Within, hosts are served; the future ends when there is none any more."""
        return self._http(gateway, profile) if self._options.http else self._stdio(gateway)

    @asynccontextmanager
    async def _stdio(self, gateway: McpGateway) -> AsyncIterator[asyncio.Future[None]]:
        from chatixia.gateway.mcp.stdio import connection, standard_streams

        server = gateway.server
        async with standard_streams() as (source, target), connection(source, target) as streams:
            work = server.run(*streams, server.create_initialization_options())
            serving = asyncio.ensure_future(work)
            try:
                yield serving
            finally:
                serving.cancel()
                await asyncio.wait([serving])

    @asynccontextmanager
    async def _http(
        self, gateway: McpGateway, profile: Profile
    ) -> AsyncIterator[asyncio.Future[None]]:
        from chatixia.assembly.serve.addresses import in_url
        from chatixia.gateway.mcp.guard import PATH
        from chatixia.gateway.mcp.http import application

        from . import tokens
        from .web import serve

        host, port = self._place
        tokens.token(profile, self._options.name or "http")
        sock = bound(host, port)
        names = {*LOOPBACK, host.lower(), *(name.lower() for name in self._options.hosts)}
        names -= set(ANY)
        url = f"http://{in_url(host)}:{sock.getsockname()[1]}{PATH}"
        self._banner = f"  mcp  {url}  tokens: {tokens.folder(profile)}"
        credentials, poll = tokens.HostTokens(profile).current, self._options.poll
        async with (
            application(gateway.server, names, credentials, proved, poll) as app,
            serve(app, sock) as serving,
        ):
            yield serving


def proved(scope: Any) -> None:
    """The connection of a request proved itself."""
    from chatixia.registry.web.unproved import CONNECTION

    scope[CONNECTION].proved()


def address(text: str) -> tuple[str, int]:
    """``HOST:PORT``, ``[HOST]:PORT``, or one of the two. Raises ConfigError."""
    if text.isdecimal():
        host, port = LOOPBACK[0], text
    else:
        host, colon, port = text.rpartition(":")
        if text.endswith("]") or not colon:
            host, port = text, str(PORT)
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise ConfigError(f"{text[:80]!r} is no address to listen on; write 127.0.0.1:{PORT}.")
    return host, int(port)


def check_address(host: str, *, clear: bool) -> None:
    """Refuse to send tokens over a network in clear by accident. Raises ConfigError."""
    if host not in LOOPBACK and not clear:
        raise ConfigError(
            f"At {host} the tokens of hosts would cross the network in clear. Listen on 127.0.0.1"
            " behind a proxy with TLS, or say --clear."
        )


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises ConfigError."""
    from chatixia.assembly.serve.listeners import tcp_listener

    try:
        return tcp_listener(host, port)
    except OSError as error:
        raise ConfigError(
            f"Nothing can listen on {host}:{port}: {error.strerror}; choose another with --http."
        ) from None
