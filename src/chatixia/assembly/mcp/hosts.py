"""What a host is told of the gateway: its part of the host's own settings, ready to paste."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from chatixia.errors import ConfigError

NAME: Final = "chatixia"
"""What hosts call the server."""


class HostServer(msgspec.Struct, frozen=True):
    """How a host reaches the gateway: by a command, or at ``url`` with ``token``."""

    command: str = ""
    args: Sequence[str] = ()
    env: Mapping[str, str] = {}
    url: str = ""
    token: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """What goes with each request over HTTP."""
        return {"Authorization": f"Bearer {self.token}"}


class HostFormat(msgspec.Struct, frozen=True):
    """One host: where the text goes, and how it is written."""

    place: str
    write: Callable[[HostServer], str]


def _launch(server: HostServer) -> dict[str, Any]:
    env = {"env": dict(server.env)} if server.env else {}
    return {"command": server.command, "args": list(server.args), **env}


def _reach(server: HostServer) -> dict[str, Any]:
    return {"url": server.url, "headers": server.headers}


def _json(key: str, http_type: str = "", stdio_type: str = "") -> Callable[[HostServer], str]:
    """Settings as JSON with the servers below ``key``; the types are those that the host wants."""

    def write(server: HostServer) -> str:
        kind = http_type if server.url else stdio_type
        entry = _reach(server) if server.url else _launch(server)
        typed = {"type": kind, **entry} if kind else entry
        return json.dumps({key: {NAME: typed}}, indent=2)

    return write


def _claude_code(server: HostServer) -> str:
    if server.url:
        header = f"Authorization: {server.headers['Authorization']}"
        words = ["--transport", "http", NAME, server.url, "--header", header]
        return shlex.join(["claude", "mcp", "add", *words])
    env = [word for item in server.env.items() for word in ("--env", "=".join(item))]
    return shlex.join(["claude", "mcp", "add", NAME, *env, "--", server.command, *server.args])


def _codex(server: HostServer) -> str:
    lines = [f"[mcp_servers.{NAME}]"]
    if server.url:
        lines += [f"url = {json.dumps(server.url)}"]
        lines += [f"http_headers = {_inline(server.headers)}"]
        return "\n".join(lines)
    lines += [f"command = {json.dumps(server.command)}", f"args = {json.dumps(list(server.args))}"]
    return "\n".join([*lines, *([f"env = {_inline(server.env)}"] if server.env else [])])


def _inline(table: Mapping[str, str]) -> str:
    return "{ " + ", ".join(f"{key} = {json.dumps(value)}" for key, value in table.items()) + " }"


HOSTS: Final[dict[str, HostFormat]] = {
    "claude-desktop": HostFormat("claude_desktop_config.json", _json("mcpServers")),
    "claude-code": HostFormat("a shell", _claude_code),
    "cursor": HostFormat("~/.cursor/mcp.json", _json("mcpServers")),
    "vscode": HostFormat(".vscode/mcp.json", _json("servers", "http", "stdio")),
    "zed": HostFormat("settings.json of Zed", _json("context_servers")),
    "codex": HostFormat("~/.codex/config.toml", _codex),
    "json": HostFormat("a host that takes `mcpServers`", _json("mcpServers")),
}
"""Host -> how its settings are written."""


def snippet(host: str, server: HostServer) -> str:
    """The text for ``host``. Raises ConfigError naming the hosts that are known."""
    if host not in HOSTS:
        raise ConfigError(f"There is no host {host[:64]!r} here; use {', '.join(HOSTS)}.")
    return HOSTS[host].write(server)


def by_command(args: Sequence[str]) -> HostServer:
    """A host that starts ``chatixia mcp ARGS`` itself, by a path that needs no PATH."""
    program = Path(sys.argv[0])
    home = os.environ.get("CHATIXIA_HOME", "")
    env = {"CHATIXIA_HOME": home} if home else {}
    if program.name.startswith("chatixia") and program.exists():
        return HostServer(str(program.absolute()), ("mcp", *args), env)
    return HostServer(sys.executable, ("-m", "chatixia.cli", "mcp", *args), env)
