"""The mesh as one server of the Model Context Protocol, for all hosts and both its eras."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, TypeVar

import mcp_types as types
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.server.models import InitializationOptions
from mcp.shared.exceptions import MCPError

from chatixia.client.call_context import CallContext
from chatixia.client.mesh import Mesh
from chatixia.errors import BadArguments, Internal, MeshError, NotFound
from chatixia.world import REAL, World

from .callers import MeshCallers
from .calls import CALL_S, ToolCalls
from .catalog import MeshCatalog, SkillFilter
from .listeners import ChangeListeners
from .prompts import PromptList
from .resource_store import ResourceStore
from .resources import ResourceList
from .tools import ToolList

T = TypeVar("T")
log = logging.getLogger("chatixia.mcp")

READY_S: Final = 5.0
"""Seconds that the first list waits for the mesh."""
INSTRUCTIONS: Final = (
    "Tools are skills of agents in a peer-to-peer mesh, on other machines too. They come and go"
    " with their agents. An error is a code and a sentence that says what helps."
)


class GatewayServer(Server[Any]):
    """The library's server, which says to older hosts too that its lists change."""

    def create_initialization_options(
        self,
        notification_options: NotificationOptions | None = None,
        experimental_capabilities: dict[str, dict[str, Any]] | None = None,
        extensions: dict[str, dict[str, Any]] | None = None,
    ) -> InitializationOptions:
        """As the library's, with every list subject to change."""
        every = NotificationOptions(True, True, True)
        return super().create_initialization_options(every, experimental_capabilities, extensions)


class McpGateway:
    """The mesh behind ``server``. ``name``: what its callers are called, if not by themselves.
    ``poll``: seconds after which the stream of an older host's request is closed, 0 for never; the
    host comes back and reads on."""

    def __init__(
        self,
        context: CallContext,
        choice: SkillFilter,
        *,
        version: str,
        name: str = "",
        timeout: float = CALL_S,
        poll: float = 0.0,
        world: World = REAL,
    ) -> None:
        self._poll = poll
        self._callers = MeshCallers(context, name)
        self._listeners = ChangeListeners()
        store = ResourceStore(world)
        self.catalog = MeshCatalog(Mesh(context), choice, self._listeners.changed)
        self._tools = ToolList(self.catalog, is_whole=choice.all)
        self._calls = ToolCalls(self.catalog, self._callers, store, timeout)
        self._resources = ResourceList(self.catalog, store, self._calls)
        self._prompts = PromptList(self.catalog, self._callers, self._calls, store)
        self.server = self._create(version)

    def _create(self, version: str) -> GatewayServer:
        server = GatewayServer(
            "chatixia",
            version=version,
            title="chatixia mesh",
            instructions=INSTRUCTIONS,
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
            on_list_resources=self._list_resources,
            on_list_resource_templates=self._list_templates,
            on_read_resource=self._read_resource,
            on_subscribe_resource=self._subscribe,
            on_unsubscribe_resource=self._unsubscribe,
            on_list_prompts=self._list_prompts,
            on_get_prompt=self._get_prompt,
            on_subscriptions_listen=self._listeners.listen,
        )
        server.add_notification_handler(
            "notifications/initialized", types.NotificationParams, self._listeners.initialized
        )
        return server

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Within, the catalog follows the mesh and hosts hear of changes."""
        tasks = [
            asyncio.ensure_future(work) for work in (self.catalog.follow(), self._listeners.tell())
        ]
        try:
            yield
        finally:
            self._listeners.listen.close()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _list_tools(self, ctx: Any, params: Any) -> types.ListToolsResult:
        return self._tools.page(await self._cursor(params))

    async def _call_tool(
        self, ctx: Any, params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        await self.catalog.ready(READY_S)
        caller, report = self._callers.name_of(ctx), ctx.session.report_progress
        with self._polled(ctx):
            work = self._calls.call(caller, params.name, params.arguments or {}, report)
            return await _plain(work)

    async def _list_resources(self, ctx: Any, params: Any) -> types.ListResourcesResult:
        return self._resources.page(await self._cursor(params))

    async def _list_templates(self, ctx: Any, params: Any) -> types.ListResourceTemplatesResult:
        return self._resources.templates(await self._cursor(params))

    async def _read_resource(
        self, ctx: Any, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        await self.catalog.ready(READY_S)
        caller, report = self._callers.name_of(ctx), ctx.session.report_progress
        with self._polled(ctx):
            return await _plain(self._resources.read(caller, params.uri, report))

    async def _subscribe(self, ctx: Any, params: types.SubscribeRequestParams) -> types.EmptyResult:
        try:
            self._listeners.watch(ctx.session, params.uri)
        except MeshError as error:
            raise _refused(error) from None
        return types.EmptyResult()

    async def _unsubscribe(
        self, ctx: Any, params: types.UnsubscribeRequestParams
    ) -> types.EmptyResult:
        self._listeners.leave(ctx.session, params.uri)
        return types.EmptyResult()

    async def _list_prompts(self, ctx: Any, params: Any) -> types.ListPromptsResult:
        return self._prompts.page(await self._cursor(params))

    async def _get_prompt(
        self, ctx: Any, params: types.GetPromptRequestParams
    ) -> types.GetPromptResult:
        await self.catalog.ready(READY_S)
        caller, report = self._callers.name_of(ctx), ctx.session.report_progress
        with self._polled(ctx):
            work = self._prompts.get(caller, params.name, params.arguments or {}, report)
            return await _plain(work)

    @contextmanager
    def _polled(self, ctx: Any) -> Iterator[None]:
        """Within, the request's stream is closed after ``poll`` seconds, for a host that can come
        back."""
        if not self._poll or ctx.close_sse_stream is None:
            yield
            return
        closing = asyncio.ensure_future(_later(self._poll, ctx.close_sse_stream))
        try:
            yield
        finally:
            closing.cancel()

    async def _cursor(self, params: types.PaginatedRequestParams | None) -> str:
        await self.catalog.ready(READY_S)
        return (params.cursor if params is not None else None) or ""


async def _later(seconds: float, close: Callable[[], Awaitable[None]]) -> None:
    await asyncio.sleep(seconds)
    await close()


async def _plain(work: Awaitable[T]) -> T:
    """What ``work`` gives. Its errors reach the host as code and sentence, never as their text."""
    try:
        return await work
    except MeshError as error:
        raise _refused(error) from None
    except MCPError:
        raise
    except Exception as error:  # noqa: BLE001 - a defect is one answer, not a traceback
        log.error("a request of a host broke: %s", type(error).__name__)
        raise MCPError(types.INTERNAL_ERROR, f"internal: {Internal().message}") from None


def _refused(error: MeshError) -> MCPError:
    is_wrong = isinstance(error, NotFound | BadArguments)
    code = types.INVALID_PARAMS if is_wrong else types.INTERNAL_ERROR
    return MCPError(code, f"{error.code}: {error.message}")
