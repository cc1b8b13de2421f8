"""The settings of a host for a gateway with these options."""

from __future__ import annotations

from chatixia.assembly.profile.profile import Profile
from chatixia.assembly.serve.addresses import in_url

from . import tokens
from .hosts import HostServer, by_command, snippet
from .process import ANY, LOOPBACK, McpOptions, address


def server_for(host: str, options: McpOptions) -> HostServer:
    """How ``host`` reaches it: over HTTP with a token of its own, else by command.

    Raises ConfigError.
    """
    snippet(host, HostServer())  # a host that is not known gets no token
    if not options.http:
        return by_command(arguments(options))
    at, port = address(options.http)
    token = tokens.token(Profile.open(options.mesh), options.name or host)
    return HostServer(url=f"http://{in_url(_reached(at, options))}:{port}/mcp", token=token)


def serving(options: McpOptions) -> list[str]:
    """The words by which the gateway is started that a host reaches over HTTP: what it shows is
    said there, and nowhere in the host's settings. Empty for a host that starts it itself."""
    if not options.http:
        return []
    words = ["chatixia", "mcp", "--http", options.http, *arguments(options)]
    words += [word for name in options.hosts for word in ("--host", name)]
    words += ["--clear"] if options.clear else []
    return [*words, *(["--poll", f"{options.poll:g}"] if options.poll else [])]


def _reached(at: str, options: McpOptions) -> str:
    """A name that the guard takes: the addresses for all of them name no host."""
    if at not in ANY:
        return at
    return options.hosts[0] if options.hosts else LOOPBACK[0] if at == ANY[0] else LOOPBACK[2]


def arguments(options: McpOptions) -> list[str]:
    """The words that say the same to ``chatixia mcp``."""
    words = [word for pattern in options.patterns for word in ("--skills", pattern)]
    words += ["--all"] if options.all else []
    for flag, value in (
        ("--agent", options.agent),
        ("--name", options.name),
        ("--mesh", options.mesh),
    ):
        words += [flag, value] if value else []
    return [
        *words,
        *(["--timeout", f"{options.timeout:g}"] if options.timeout != McpOptions().timeout else []),
    ]
