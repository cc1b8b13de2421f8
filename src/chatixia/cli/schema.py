"""``chatixia schema agent|registry``: the JSON Schema of a settings file."""

from __future__ import annotations

import click

from . import output
from .common import Console, common


@click.command()
@click.argument("file", type=click.Choice(["agent", "registry"]))
@common
def schema(console: Console, file: str) -> None:
    """Print the JSON Schema of agent.yaml (agent) or registry.yaml (registry).

    Editors with a YAML language server take it: chatixia schema agent > agent.schema.json, and
    `# yaml-language-server: $schema=agent.schema.json` in the manifest's first line.
    """
    import msgspec

    from chatixia.assembly.run.manifest_schema import agent_schema, registry_schema

    document = agent_schema() if file == "agent" else registry_schema()
    if console.as_json:
        console.data("schema", {"file": file, "schema": document})
    else:
        output.emit(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())
