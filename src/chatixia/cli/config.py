"""``chatixia config``: each setting in force, and where it came from."""

from __future__ import annotations

from pathlib import Path

import click

from . import output
from .common import Console, common

HEADS = ("setting", "value", "from")


@click.command()
@click.argument("target", default=".", type=click.Path(path_type=Path))
@common
def config(console: Console, target: Path) -> None:
    """Show the settings of the agent in TARGET (default: this folder) and of the registry here."""
    from chatixia.assembly.config import every_setting

    settings = every_setting(target, console.mesh)
    listed = [
        {"setting": key, "value": value or None, "from": source} for key, value, source in settings
    ]
    lines = [(key, value or "-", source) for key, value, source in settings]
    console.data("config", {"settings": listed}, output.table(HEADS, lines))
