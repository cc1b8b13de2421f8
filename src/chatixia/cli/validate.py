"""``chatixia validate``: check an agent's files, and say what does nothing yet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from chatixia.cli import output
from chatixia.cli.common import Talk, common

if TYPE_CHECKING:
    from chatixia.agent.manifest import Loaded


@click.command()
@click.argument("target", default=".", type=click.Path(path_type=Path))
@common
def validate(talk: Talk, target: Path) -> None:
    """Check agent.yaml, AGENT.md and .env in the folder TARGET, or of the manifest TARGET."""
    from chatixia.assembly.load import read_manifest
    from chatixia.assembly.scaffold import check_name
    from chatixia.assembly.settings import resolve

    loaded = read_manifest(str(target))
    settings = resolve(loaded=loaded)
    check_name(settings["name"])
    fields = {"name": settings["name"], "manifest": str(loaded.path), "notes": settings.notes}
    talk.data("valid", fields, output.rows(lines(loaded, str(settings["name"]))))
    for note in settings.notes:
        talk.say(f"  note      {note}")


def lines(loaded: Loaded, name: str) -> list[output.Row]:
    """What the files say, in short."""
    builtin = ", ".join(loaded.manifest.skills.builtin)
    guide = f"{len(loaded.guide.splitlines())} lines" if loaded.guide else "none"
    return [
        ("agent", name, loaded.manifest.description),
        ("manifest", str(loaded.path), "holds no mistake"),
        ("registry", loaded.manifest.registry or "that of this machine's mesh", ""),
        ("builtin", builtin or "none", ""),
        ("AGENT.md", guide, ""),
        (".env", f"{len(loaded.environment)} variables" if loaded.environment else "none", ""),
    ]
