"""A server of a manifest, tried without its agent: what it lists, and one call."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chatixia.agent import manifest
from chatixia.agent.manifest_mcp import McpServer, is_named
from chatixia.agent.model.outside_tools import effect_of
from chatixia.errors import ConfigError

from .extra import needed
from .servers import spec_of

if TYPE_CHECKING:
    from chatixia.core.ports import OutsideAnswer
    from chatixia.gateway.mcp.attached import AttachedServer

READY_S = 30.0


def declared(target: str) -> dict[str, tuple[McpServer, Path]]:
    """The servers of the manifest at ``target``, with its folder. Raises ConfigError."""
    from chatixia.assembly.run.settings import fill_environment

    servers: dict[str, tuple[McpServer, Path]] = {}
    for loaded in manifest.load_all(Path(target)):
        fill_environment(loaded)
        servers |= {name: (one, loaded.folder) for name, one in loaded.manifest.mcp.items()}
    return servers


def one_of(servers: dict[str, tuple[McpServer, Path]], name: str) -> tuple[McpServer, Path]:
    """The server called ``name``. Raises ConfigError naming those that there are."""
    if name not in servers:
        names = ", ".join(servers) or "none"
        raise ConfigError(f"There is no MCP server {name[:64]!r} in the manifest; it has: {names}.")
    return servers[name]


@asynccontextmanager
async def connected(name: str, server: McpServer, folder: Path) -> AsyncIterator[AttachedServer]:
    """The server, connected; its standard error is ours. Raises ConfigError where it is not."""
    needed()
    from chatixia.gateway.mcp.attached import refuse_unready
    from chatixia.gateway.mcp.servers import AttachedServers

    servers = AttachedServers([spec_of(name, server, folder, loud=True)], lambda: None)
    servers.start()
    try:
        await servers.ready(READY_S)
        attached = servers.servers[name]
        refuse_unready(attached)
        yield attached
    finally:
        await servers.stop()


async def tools_of(name: str, server: McpServer, folder: Path) -> list[dict[str, Any]]:
    """Each of its tools, and what the agent makes of it. Raises ConfigError."""
    async with connected(name, server, folder) as attached:
        return [
            {
                "server": name,
                "tool": tool.name,
                "description": tool.description,
                "parameters": tool.parameters,
                "effect": effect_of(server, tool.name),
                "taken": is_named(tool.name, server.tools),
                "skill": is_named(tool.name, server.skills),
            }
            for tool in attached.tools.values()
        ]


async def called(
    name: str, server: McpServer, folder: Path, tool: str, arguments: dict[str, Any]
) -> OutsideAnswer:
    """What one call of it gives. Raises MeshError."""
    async with connected(name, server, folder) as attached:
        return await attached.call(tool, arguments, server.timeout)
