"""One server of the Model Context Protocol that an agent uses: kept connected, with time-outs and
bounds of our own, and no word of it taken for more than a stranger's."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from typing import Any, Final

import mcp_types as types
import msgspec
from mcp import Client
from mcp.client.caching import CacheConfig
from mcp.shared.exceptions import MCPError

from chatixia.core.ports import OutsideAnswer, OutsideTool
from chatixia.errors import (
    ConfigError,
    DeadlineExceeded,
    MeshError,
    Overloaded,
    SkillFailed,
    Unavailable,
    UnknownSkill,
)
from chatixia.wire.base import KIB
from chatixia.world import REAL, World

from . import arguments as schema
from .answers import answer
from .child import child
from .remote import remote

log = logging.getLogger("chatixia.mcp")

CONNECT_S: Final = 30.0
"""Seconds that a server has to be ready."""
WAIT_S: Final = 5.0
"""Seconds that a call waits for one that is down."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 60.0
STEADY_S: Final = 60.0
"""A connection that stood so long makes the next failure the first."""
MOST_TOOLS: Final = 256
MOST_PAGES: Final = 32
MAX_SCHEMA: Final = 32 * KIB
MAX_DESCRIPTION: Final = 1024
MOST_CALLS: Final = 16
"""Calls of one server at once; others wait, as many as :data:`MOST_WAITING`."""
MOST_WAITING: Final = 256
RELIST_S: Final = 0.2
"""Changes that come within are one."""
_CLOSED: Final = types.CONNECTION_CLOSED
_NAME: Final = re.compile(r"[A-Za-z0-9_./-]{1,128}\Z")


class ServerSpec(msgspec.Struct, frozen=True, repr_omit_defaults=True):
    """A server, its secrets in place. ``loud``: its standard error is ours."""

    name: str
    command: Sequence[str] = ()
    env: Mapping[str, str] = {}
    folder: Path | None = None
    url: str = ""
    headers: Mapping[str, str] = {}
    timeout: float = 60.0
    loud: bool = False

    def __repr__(self) -> str:
        return f"<MCP server {self.name}>"


class RestartPauses:
    """How long until a server is started again: longer after each failure."""

    def __init__(self, world: World) -> None:
        self._world, self._next = world, FIRST_PAUSE_S

    def after(self, lasted: float) -> float:
        """Seconds of a pause, after a try that stood for so long."""
        if lasted > STEADY_S:
            self._next = FIRST_PAUSE_S
        pause, self._next = self._next, min(2 * self._next, LONGEST_PAUSE_S)
        return pause * (0.5 + self._world.jitter())


class AttachedServer:
    """The connection. ``on_change``: called when its tools are others."""

    def __init__(
        self, spec: ServerSpec, on_change: Callable[[], None], world: World = REAL
    ) -> None:
        self.spec, self._on_change, self._world = spec, on_change, world
        self.tools: dict[str, OutsideTool] = {}
        """What it listed last."""
        self.problem = ""
        """Why it is not connected, as a sentence."""
        self.first = asyncio.Event()
        """It was connected, or was tried in vain, once."""
        self._client: Client | None = None
        self._ready, self._closed, self._changed = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._room = asyncio.Semaphore(MOST_CALLS)
        self._waiting = 0

    async def live(self) -> None:
        """Keep it connected, until cancelled."""
        pauses = RestartPauses(self._world)
        while True:
            began = self._world.monotonic()
            try:
                await self._connect()
            except Exception as error:  # noqa: BLE001 - whatever a stranger's server causes
                self._failed(error)
            finally:
                self._client = None
                self._ready.clear()
            self.first.set()
            log.warning("the MCP server %s is down: %s", self.spec.name, self.problem)
            await asyncio.sleep(pauses.after(self._world.monotonic() - began))

    def _failed(self, error: Exception) -> None:
        """Keep the reason; one that the connection gave stays."""
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        if isinstance(error, MeshError):
            self.problem = error.message
        elif isinstance(error, TimeoutError):
            self.problem = f"It was not ready within {CONNECT_S:g} s."
        elif not self._closed.is_set():
            self.problem = f"It cannot be spoken with ({type(error).__name__})."

    async def _connect(self) -> None:
        self._closed.clear()
        self._changed.clear()
        client = Client(self._transport(), message_handler=self._hear, cache=_no_cache())
        async with asyncio.timeout(CONNECT_S) as limit, client:
            self.problem = ""
            await self._list(client)
            limit.reschedule(None)
            self._client = client
            self._ready.set()
            self.first.set()
            await self._follow(client)

    def _transport(self) -> AbstractAsyncContextManager[Any]:
        spec = self.spec
        if spec.url:
            return remote(spec.url, spec.headers, self._ended)
        return child(spec.command, spec.env, spec.folder, self._ended, is_loud=spec.loud)

    def _ended(self, reason: str) -> None:
        self.problem = reason
        self._client = None
        self._ready.clear()
        self._closed.set()

    async def _hear(self, message: Any) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            self._changed.set()

    async def _follow(self, client: Client) -> None:
        """Read the tools anew when they change, until the connection is gone."""
        tasks = [
            asyncio.ensure_future(work)
            for work in (self._closed.wait(), self._relist(client), self._listen(client))
        ]
        try:
            await asyncio.wait(tasks[:2], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _relist(self, client: Client) -> None:
        while True:
            await self._changed.wait()
            await asyncio.sleep(RELIST_S)
            self._changed.clear()
            async with asyncio.timeout(CONNECT_S):
                await self._list(client)

    async def _listen(self, client: Client) -> None:
        """Newer servers tell of changes only who listens."""
        with suppress(Exception):  # one that does not serve it has its reasons
            async with client.listen(tools_list_changed=True) as changes:
                async for _ in changes:
                    self._changed.set()

    async def _list(self, client: Client) -> None:
        tools: dict[str, OutsideTool] = {}
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            page = await client.list_tools(cursor=cursor)
            for tool in page.tools[: MOST_TOOLS - len(tools)]:
                if (one := self._checked(tool)) is not None:
                    tools[one.name] = one
            cursor = page.next_cursor
            if not cursor or len(tools) >= MOST_TOOLS:
                break
        if tools != self.tools:
            self.tools = tools
            self._on_change()

    def _checked(self, tool: types.Tool) -> OutsideTool | None:
        """A tool as far as it is taken: a name that can be one, a schema of an object."""
        parameters = {key: value for key, value in tool.input_schema.items() if key != "$schema"}
        is_object = parameters.get("type") == "object"
        if not _NAME.match(tool.name) or not is_object or _size(parameters) > MAX_SCHEMA:
            log.warning("a tool of the MCP server %s is left out", self.spec.name)
            return None
        about = (tool.description or "")[:MAX_DESCRIPTION].encode(errors="replace").decode()
        return OutsideTool(self.spec.name, tool.name, about, parameters)

    async def call(self, name: str, args: dict[str, Any], timeout: float) -> OutsideAnswer:
        """Call a tool, ``timeout`` seconds at most. Raises MeshError."""
        seconds = min(timeout, self.spec.timeout)
        if self._waiting >= MOST_WAITING:
            raise Overloaded(f"Too many calls wait for the MCP server {self.spec.name}.")
        self._waiting += 1
        try:
            async with asyncio.timeout(seconds), self._room:
                client = await self._connected(min(seconds / 2, WAIT_S))
                return answer(await self._send(client, name, args))
        except TimeoutError:
            raise DeadlineExceeded(
                f"{name} of the MCP server {self.spec.name} did not answer within {seconds:g} s."
            ) from None
        finally:
            self._waiting -= 1

    async def _connected(self, seconds: float) -> Client:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ready.wait()
        if self._client is None:
            raise Unavailable(
                f"The MCP server {self.spec.name} is down. {self.problem}".strip(),
                retry_after=LONGEST_PAUSE_S,
            )
        return self._client

    async def _send(self, client: Client, name: str, args: dict[str, Any]) -> types.CallToolResult:
        tool = self.tools.get(name)
        if tool is None:
            raise UnknownSkill(f"The MCP server {self.spec.name} has no tool {name[:64]} now.")
        schema.check(name, tool.parameters, args)
        params = types.CallToolRequestParams(name=name, arguments=args)
        try:
            # Not the client's own method: it judges results by the server's schemas, with patterns
            # that may take for ever.
            return await client.session.send_request(
                types.CallToolRequest(params=params), types.CallToolResult
            )
        except MCPError as error:
            if error.error.code == _CLOSED:
                raise Unavailable(
                    f"The MCP server {self.spec.name} was lost while {name} ran. {self.problem}",
                    outcome="unknown",
                ) from None
            raise SkillFailed(
                f"{name} of the MCP server {self.spec.name} failed with {error.error.code}."
            ) from None
        except (MeshError, TimeoutError):
            raise
        except Exception as error:  # noqa: BLE001 - what the library makes of a stranger's words
            kind = type(error).__name__
            raise SkillFailed(
                f"{name} of the MCP server {self.spec.name} gave what cannot be read ({kind})."
            ) from None


def _no_cache() -> CacheConfig | None:
    """Nothing of a server is believed to last."""
    return None


def _size(parameters: Mapping[str, Any]) -> int:
    try:
        return len(msgspec.json.encode(parameters))
    except (TypeError, ValueError, RecursionError):
        return MAX_SCHEMA + 1


def refuse_unready(server: AttachedServer) -> None:
    """Raise ConfigError with the reason where it is not connected."""
    if server.problem:
        raise ConfigError(f"The MCP server {server.spec.name}: {server.problem}")
