"""``mcp`` in a manifest: servers of the Model Context Protocol, and what of them an agent takes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec

from chatixia.errors import ConfigError

Line = Annotated[str, msgspec.Meta(max_length=1024)]
Names = Annotated[list[Line], msgspec.Meta(max_length=64)]
CALL_S: Final = 60.0
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})

_SERVER: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}\Z")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


class McpServer(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """One server: a ``command`` with ``args`` that speaks on standard input and output, or the
    ``url`` of one over streamable HTTP. ``env``: variables that the command gets; ``token``: the
    variable that holds the bearer token, ``headers``: header -> the variable that holds its value.
    ``tools``: patterns of those to take; ``read``: of those that change nothing; ``skills``: of
    those that others may call as skills of the agent. ``timeout``: seconds for each call."""

    command: Line = ""
    args: Names = []
    env: Names = []
    url: Line = ""
    token: Line = ""
    headers: Annotated[dict[str, Line], msgspec.Meta(max_length=16)] = {}
    tools: Names = msgspec.field(default_factory=lambda: ["*"])
    read: Names = []
    skills: Names = []
    timeout: Annotated[float, msgspec.Meta(gt=0, le=3600)] = CALL_S

    @property
    def variables(self) -> list[str]:
        """The names of all variables that it is to get."""
        return [*self.env, *([self.token] if self.token else []), *self.headers.values()]


def is_named(tool: str, patterns: Sequence[str]) -> bool:
    """Whether one of ``patterns`` takes in ``tool``."""
    return any(fnmatchcase(tool, pattern) for pattern in patterns)


def check_server(name: str, server: McpServer) -> None:
    """Refuse what cannot be a server. Raises ConfigError."""
    if not _SERVER.match(name):
        raise ConfigError(
            f"{name[:80]!r} cannot name a server: a small letter, then such letters, digits, _ and"
            " -, at most 32."
        )
    if bool(server.command) == bool(server.url):
        raise ConfigError(f"{name}: say either command or url.")
    if server.url:
        _check_url(name, server)
    elif server.token or server.headers:
        raise ConfigError(f"{name}: token and headers are for a server with url; use env.")
    for variable in server.variables:
        if not _VARIABLE.match(variable):
            raise ConfigError(
                f"{name}: {variable[:80]!r} is not the name of a variable; secrets stand in the"
                " environment, and here only their names."
            )


def _check_url(name: str, server: McpServer) -> None:
    parts = urlsplit(server.url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise ConfigError(f"{name}: url must be http(s)://HOST/PATH.")
    if server.variables and parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ConfigError(f"{name}: its secrets would cross the network in clear; use https.")
    if server.args or server.env:
        raise ConfigError(f"{name}: args and env are for a server with command.")


def missing_variables(server: McpServer, environ: Mapping[str, str]) -> list[str]:
    """The variables that it is to get and that are not set."""
    return [name for name in server.variables if not environ.get(name)]
