"""``chatixia config``: each setting in force, and where it came from."""

from __future__ import annotations

from pathlib import Path

import click

from . import output
from .common import Talk, common

HEADS = ("setting", "value", "from")


@click.command()
@click.argument("target", default=".", type=click.Path(path_type=Path))
@common
def config(talk: Talk, target: Path) -> None:
    """Show the settings of the agent in TARGET (here), and of the registry on this machine."""
    from chatixia.assembly.config import every_setting

    found = every_setting(target, talk.mesh)
    listed = [
        {"setting": key, "value": value or None, "from": source} for key, value, source in found
    ]
    lines = [(key, value or "-", source) for key, value, source in found]
    talk.data("config", {"settings": listed}, output.table(HEADS, lines))
