"""``chatixia up``: the registry and the hub of a mesh, on this machine, until Ctrl-C."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from . import output
from .common import Console, common

if TYPE_CHECKING:
    from chatixia.assembly.serve.up import StartReport


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    envvar="PORT",
    help="Port on this machine, default PORT or 8080; 0 picks a free one.",
)
@click.option("--lan/--no-lan", default=None, help="Also listen on the local network, with TLS.")
@click.option("--public", multiple=True, metavar="HOST", help="Also listen for everybody, as HOST.")
@click.option(
    "--name", "names", multiple=True, metavar="HOST", help="Also answer to a tunnel's name."
)
@click.option("--tls-port", type=click.IntRange(0, 65_535), help="TLS port, default 8443.")
@click.option("--stun-port", type=click.IntRange(0, 65_535), help="STUN port, default 3478.")
@click.option("--token-ttl", type=click.IntRange(5, 3600), metavar="SECONDS", help="Default 300.")
@click.option("--insecure-http", is_flag=True, default=None, help="No TLS on the network.")
@common
def up(
    console: Console,
    port: int | None,
    lan: bool | None,
    public: tuple[str, ...],
    names: tuple[str, ...],
    tls_port: int | None,
    stun_port: int | None,
    token_ttl: int | None,
    insecure_http: bool | None,
) -> None:
    """Start the registry and the hub. The first start creates the mesh and its keys.

    Options are remembered for the next start.
    """
    from chatixia.assembly.serve.up import UpOptions, run_up

    options = UpOptions(
        mesh=console.mesh,
        port=port,
        lan=lan,
        public=list(public) or None,
        names=list(names) or None,
        tls_port=tls_port,
        stun_port=stun_port,
        token_ttl=token_ttl,
        insecure_http=insecure_http,
    )
    run_up(options, lambda started: tell(console, started, bool(public)))


def tell(console: Console, started: StartReport, public: bool) -> None:
    """Say what came up."""
    import msgspec

    console.say(output.rows(lines(started, public, console.mesh)))
    if console.as_json:
        console.data("up", {**msgspec.to_builtins(started), "addresses": started.urls})


def lines(started: StartReport, public: bool, mesh: str = "") -> list[output.Row]:
    """The rows of the transcript: what was made, where it listens, what comes next."""
    outer = [url for url in started.urls if not output.local(output.bare(url))]
    rows: list[output.Row] = []
    named = f" --mesh {mesh}" if mesh else ""
    if started.created:
        note = "keys and database, readable by you only"
        rows.append(("made", output.home(started.folder), note))
    if outer:
        rows.append(("registry", ", ".join(outer), f"own certificate, key {started.key}"))
        rows.append(("stun", f"udp {started.stun}" if started.stun else "", ""))
    else:
        note = f"this machine only (other machines: chatixia up --lan{named})"
        rows.append(("registry", started.urls[0], note))
    if public:
        ports = sorted({output.port(url) for url in outer})
        needed = [*(f"tcp {port}" for port in ports), f"udp {started.stun}"]
        rows.append(("needs", f"open in the firewall: {', '.join(needed)}", ""))
    rows.append(("hub", f"run `chatixia hub{named}`", "opens it, already logged in"))
    if started.created:
        next_ = f"chatixia init weather; chatixia run weather{named}"
        rows.append(("next", next_, "(in another terminal)"))
    return rows
