"""Servers of MCP that a manifest names, as tools and skills of its agent."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from chatixia.agent.manifest_mcp import McpServer, check_server, missing_variables
from chatixia.errors import ConfigError

from .extra import needed

if TYPE_CHECKING:
    from chatixia.agent.skill import Skill
    from chatixia.assembly.run.settings import ResolvedSettings
    from chatixia.gateway.mcp.attached import ServerSpec

log = logging.getLogger("chatixia")

READY_S: Final = 5.0
"""Seconds that an agent's start waits for its servers; they go on without it."""


class AgentServers:
    """Those of one agent, connected until :meth:`stop`. ``offer``: called when what they serve as
    skills has changed."""

    def __init__(
        self,
        settings: Mapping[str, McpServer],
        folder: Path | None,
        offer: Callable[[], None] = lambda: None,
    ) -> None:
        """Raises ConfigError for what cannot be a server, MissingExtra."""
        needed()
        from chatixia.gateway.mcp.servers import AttachedServers

        self.settings, self._offer = settings, offer
        self.skills: dict[str, Skill] = {}
        specs = [spec_of(name, one, folder) for name, one in settings.items()]
        self.outside = AttachedServers(specs, self._changed)

    def _changed(self) -> None:
        from chatixia.agent.model.outside_tools import outside_skills

        before, self.skills = self.skills, outside_skills(self.settings, self.outside)
        if not before and not self.skills:
            return
        try:
            self._offer()
        except ConfigError as error:  # too many, or too large together
            log.warning("mcp: the skills stay as they were: %s", error)
            self.skills = before
            self._offer()

    async def start(self) -> None:
        """Connect, and wait a moment until they are ready."""
        self.outside.start()
        await self.outside.ready(READY_S)

    async def stop(self) -> None:
        """End them."""
        await self.outside.stop()


def agent_servers(settings: ResolvedSettings, offer: Callable[[], None]) -> AgentServers | None:
    """The servers that are named, if there are any. Raises ConfigError, MissingExtra."""
    if not settings["mcp"]:
        return None
    folder = None if settings.loaded is None else settings.loaded.folder
    with settings.blamed("mcp"):
        return AgentServers(settings["mcp"], folder, offer)


def spec_of(name: str, server: McpServer, folder: Path | None, *, loud: bool = False) -> ServerSpec:
    """A server with its secrets from the environment. Raises ConfigError naming what is missing."""
    from chatixia.gateway.mcp.attached import ServerSpec

    check_server(name, server)
    if absent := missing_variables(server, os.environ):
        raise ConfigError(f"{name}: the variable {absent[0]} is not set.")
    values = {variable: os.environ[variable] for variable in server.variables}
    headers = {header: values[variable] for header, variable in server.headers.items()}
    if server.token:
        headers["Authorization"] = f"Bearer {values[server.token]}"
    command = (server.command, *server.args) if server.command else ()
    env = {variable: values[variable] for variable in server.env}
    return ServerSpec(name, command, env, folder, server.url, headers, server.timeout, loud)
