"""What a host can read: each agent's card and health, what skills that are resources answer, and
what was kept for it of its calls."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import mcp_types as types
from mcp.shared.uri_template import UriTemplate

from chatixia.client import references
from chatixia.client.artifact import Artifact
from chatixia.client.value import encode
from chatixia.core.resource_addresses import variables
from chatixia.errors import NotFound, TooLarge
from chatixia.wire.base import MIB
from chatixia.wire.registry import AgentRecord

from .calls import ToolCalls
from .catalog import AGENTS, MeshCatalog, OfferedSkill
from .progress import Report
from .resource_store import MAX_URI, ResourceStore
from .results import contents, is_mixed
from .tools import after

MAX_READ: Final = 16 * MIB
"""Bytes that are read at once."""
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

    def __init__(self, catalog: MeshCatalog, store: ResourceStore, calls: ToolCalls) -> None:
        self._catalog, self._store, self._calls = catalog, store, calls

    def page(self, cursor: str) -> types.ListResourcesResult:
        """Cards and health of agents, and resources without variables: those after ``cursor``."""
        every = {
            f"{AGENTS}{name}/{part}": _resource(name, part)
            for name in self._catalog.agents
            for part in PARTS
        }
        every |= {uri: _of_skill(one) for uri, one in self._skills(with_variables=False)}
        uris, more = after(dict(sorted(every.items())), cursor)
        return types.ListResourcesResult(resources=[every[uri] for uri in uris], next_cursor=more)

    def templates(self, cursor: str) -> types.ListResourceTemplatesResult:
        """The forms of all other addresses, those after ``cursor``."""
        every = {
            f"{AGENTS}{{agent}}/{part}": types.ResourceTemplate(
                uri_template=f"{AGENTS}{{agent}}/{part}",
                name=part,
                description=about,
                mime_type=_JSON,
            )
            for part, about in PARTS.items()
        }
        every |= {uri: _template(one) for uri, one in self._skills(with_variables=True)}
        uris, more = after(dict(sorted(every.items())), cursor)
        return types.ListResourceTemplatesResult(
            resource_templates=[every[uri] for uri in uris], next_cursor=more
        )

    def _skills(self, *, with_variables: bool) -> list[tuple[str, OfferedSkill]]:
        offered = self._catalog.resources.items()
        return [(uri, one) for uri, one in offered if bool(variables(uri)) == with_variables]

    async def read(self, caller: str, uri: str, report: Report) -> types.ReadResourceResult:
        """The contents of one. Raises NotFound, TooLarge, what its skill or its sender says."""
        for address, skill in self._catalog.resources.items():
            if (arguments := _arguments(address, uri)) is not None:
                value = await self._calls.run(caller, skill, arguments, report)
                return types.ReadResourceResult(contents=await _contents(uri, value))
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
                    "resource": info.resource,
                }
                for info in self._catalog.skills_of(record)
            ],
        }


def _resource(name: str, part: str) -> types.Resource:
    return types.Resource(
        uri=f"{AGENTS}{name}/{part}",
        name=f"{name}/{part}",
        description=f"{name}: {PARTS[part]}",
        mime_type=_JSON,
    )


def _of_skill(one: OfferedSkill) -> types.Resource:
    name, about = f"{one.agent}/{one.info.name}", one.info.description or None
    return types.Resource(uri=one.name, name=name, description=about)


def _template(one: OfferedSkill) -> types.ResourceTemplate:
    name, about = f"{one.agent}/{one.info.name}", one.info.description or None
    return types.ResourceTemplate(uri_template=one.name, name=name, description=about)


@lru_cache(1024)
def _parsed(address: str) -> UriTemplate:
    return UriTemplate.parse(address)


def _arguments(address: str, uri: str) -> dict[str, Any] | None:
    """The variables of a resource's address in ``uri``; None where that is another's."""
    if not variables(address):
        return {} if uri == address else None
    matched = _parsed(address).match(uri, max_uri_length=MAX_URI)
    return None if matched is None else dict(matched)


async def _contents(
    uri: str, value: Any
) -> list[types.TextResourceContents | types.BlobResourceContents]:
    """What a skill answered: a text, files, both, or else JSON with the files in it behind that."""
    parts = value if isinstance(value, list) and is_mixed(value) else [value]
    room = MAX_READ
    read: list[types.TextResourceContents | types.BlobResourceContents] = []
    for part in parts:
        with references.gathering() as files:
            text = None if isinstance(part, Artifact) else _text(part)
        if text is not None:
            kind = "text/plain" if isinstance(part, str) else _JSON
            read.append(types.TextResourceContents(uri=uri, mime_type=kind, text=text))
            room -= len(text.encode(errors="replace"))
        for file in [part] if isinstance(part, Artifact) else files:
            data = await file.read(max(0, room))
            room -= len(data)
            read.append(contents(uri, file.media_type or "application/octet-stream", data))
        if room < 0:
            raise TooLarge(f"That resource has more than {MAX_READ} bytes.")
    return read


def _text(part: Any) -> str:
    return part if isinstance(part, str) else encode(part).decode()


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
