"""What a host can read: each agent's card and health, and what was kept for it of its calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import mcp_types as types

from chatixia.client.value import encode
from chatixia.errors import NotFound
from chatixia.wire.base import MIB
from chatixia.wire.registry import AgentRecord

from .catalog import MeshCatalog
from .resource_store import ResourceStore
from .results import contents
from .tools import after

MAX_READ: Final = 16 * MIB
"""Bytes of an artifact that are read at once."""
AGENTS: Final = "mesh://agents/"
PARTS: Final[Mapping[str, str]] = {
    "card": "who it is and what it does",
    "health": "whether it is there",
}
_JSON: Final = "application/json"


def addresses_of(agent: str) -> list[str]:
    """The resources of an agent that is there."""
    return [f"{AGENTS}{agent}/{part}" for part in PARTS]


class ResourceList:
    """The resources of the mesh for all callers."""

    def __init__(self, catalog: MeshCatalog, store: ResourceStore) -> None:
        self._catalog, self._store = catalog, store

    def page(self, cursor: str) -> types.ListResourcesResult:
        """Cards and health of agents, those after ``cursor``."""
        uris = {
            f"{AGENTS}{name}/{part}": (name, part)
            for name in self._catalog.agents
            for part in PARTS
        }
        names, more = after(dict(sorted(uris.items())), cursor)
        listed = [_resource(uri, *uris[uri]) for uri in names]
        return types.ListResourcesResult(resources=listed, next_cursor=more)

    def templates(self) -> types.ListResourceTemplatesResult:
        """The forms of all addresses."""
        templates = [
            types.ResourceTemplate(
                uri_template=f"{AGENTS}{{agent}}/{part}",
                name=part,
                description=about,
                mime_type=_JSON,
            )
            for part, about in PARTS.items()
        ]
        return types.ListResourceTemplatesResult(resource_templates=templates)

    async def read(self, caller: str, uri: str) -> types.ReadResourceResult:
        """The contents of one. Raises NotFound, TooLarge, and what an artifact's sender says."""
        if uri.startswith(AGENTS):
            text = encode(self._about(uri)).decode()
            return _read(types.TextResourceContents(uri=uri, mime_type=_JSON, text=text))
        one = self._store.get(caller, uri)
        if one.artifact is None:
            return _read(
                types.TextResourceContents(uri=uri, mime_type=one.media_type, text=one.text)
            )
        return _read(contents(uri, one.media_type, await one.artifact.read(MAX_READ)))

    def _about(self, uri: str) -> dict[str, Any]:
        name, _, part = uri.removeprefix(AGENTS).partition("/")
        record = self._catalog.agents.get(name)
        if record is None or part not in PARTS:
            raise NotFound(f"There is no {uri[:200]} now; list the resources again.")
        return self._card(record) if part == "card" else _health(record)

    def _card(self, record: AgentRecord) -> dict[str, Any]:
        return {
            "agent": record.agent_id,
            "description": record.description,
            "machine": record.machine,
            "trust": record.trust,
            "skills": [
                {
                    "name": info.name,
                    "description": info.description,
                    "parameters": info.parameters,
                    "returns": info.returns,
                    "streams": info.streams,
                    "idempotent": info.idempotent,
                    "as_prompt": info.as_prompt,
                }
                for info in self._catalog.skills_of(record)
            ],
        }


def _resource(uri: str, name: str, part: str) -> types.Resource:
    return types.Resource(
        uri=uri, name=f"{name}/{part}", description=f"{name}: {PARTS[part]}", mime_type=_JSON
    )


def _health(record: AgentRecord) -> dict[str, Any]:
    return {
        "agent": record.agent_id,
        "health": record.health,
        "slots": record.slots,
        "registered_at": record.registered_at,
        "last_heartbeat": record.last_heartbeat,
    }


def _read(one: types.TextResourceContents | types.BlobResourceContents) -> types.ReadResourceResult:
    return types.ReadResourceResult(contents=[one])
