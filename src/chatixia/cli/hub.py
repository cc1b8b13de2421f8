"""``chatixia hub``: open the hub in a browser by a link that logs in once."""

from __future__ import annotations

import sys

import click

from .common import Console, common


@click.command()
@click.option("--no-open", is_flag=True, help="Only print the link, on a terminal.")
@common
def hub(console: Console, no_open: bool) -> None:
    """Open the hub in a browser. The link works once, within 10 minutes."""
    from chatixia.assembly.membership.hub_link import login_link

    link = login_link(console.mesh)
    opened = False
    if not no_open:
        import webbrowser

        opened = webbrowser.open(link)
    terminal = sys.stdout.isatty()
    if not terminal and not opened:
        raise click.ClickException("No browser opened; run `chatixia hub` in a terminal.")
    # A secret goes to a person's eyes, never into a file or a pipe.
    shown = {"url": link} if terminal else {}
    console.data("hub", {"opened": opened, **shown}, link if terminal else "")
    console.say(
        "  hub       opens in your browser" if opened else "  hub       open the link above"
    )
