"""What a skill answered as the content of a tool's result."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import Any, Final

import mcp_types as types
import msgspec

from chatixia.client import references
from chatixia.client.artifact import Artifact
from chatixia.client.value import encode
from chatixia.errors import MeshError
from chatixia.wire.base import KIB, MIB

from .resource_store import ResourceStore, StoredResource

MAX_TEXT: Final = MIB
"""Bytes of JSON in an answer; more is a resource."""
MAX_INLINE: Final = 256 * KIB
"""Bytes of one artifact in an answer; more is a link to a resource."""
MAX_INLINE_ALL: Final = MIB
_TEXTS: Final = ("text/", "application/json", "application/xml", "application/yaml")


async def tool_result(
    value: Any, caller: str, tool: str, store: ResourceStore
) -> types.CallToolResult:
    """``value`` as text, with the artifacts in it behind that.

    A text is itself; a list of texts and artifacts is one content for each.
    """
    parts = value if isinstance(value, list) and is_mixed(value) else [value]
    room = MAX_INLINE_ALL
    content: list[types.ContentBlock] = []
    for part in parts:
        if isinstance(part, Artifact):
            room -= await _add(content, part, room, caller, store)
            continue
        with references.gathering() as artifacts:
            text = part if isinstance(part, str) else encode(part).decode()
        kind = "text/plain" if isinstance(part, str) else "application/json"
        content.append(_text(text, kind, caller, tool, store))
        for artifact in artifacts:
            room -= await _add(content, artifact, room, caller, store)
    structured = _structured(value, content)
    return types.CallToolResult(content=content, structured_content=structured)


def failed(error: MeshError) -> types.CallToolResult:
    """An error of the mesh: its code and its sentence."""
    text = f"{error.code}: {error.message}"
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], is_error=True)


def link(one: StoredResource) -> types.ResourceLink:
    """A link to what can be read later."""
    return types.ResourceLink(
        type="resource_link", uri=one.uri, name=one.name, mime_type=one.media_type, size=one.size
    )


def is_text(media_type: str) -> bool:
    """Whether bytes of that type are shown as text."""
    return media_type.startswith(_TEXTS)


def as_text(data: bytes, media_type: str) -> str | None:
    """``data`` as text, where its type says so and it is UTF-8."""
    if not is_text(media_type):
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def is_mixed(value: list[Any]) -> bool:
    """Whether a list is texts and artifacts, one of these at least."""
    return any(isinstance(part, Artifact) for part in value) and all(
        isinstance(part, Artifact | str) for part in value
    )


def _text(text: str, kind: str, caller: str, tool: str, store: ResourceStore) -> types.ContentBlock:
    if len(text) > MAX_TEXT or len(text.encode(errors="replace")) > MAX_TEXT:
        return link(store.result(caller, tool, text, kind))
    return types.TextContent(type="text", text=text)


def _structured(value: Any, content: Sequence[types.ContentBlock]) -> dict[str, Any] | None:
    """The same as an object, where it is one and in the answer at all."""
    if not isinstance(value, dict) or len(content) != 1 or content[0].type != "text":
        return None
    structured: dict[str, Any] = msgspec.json.decode(content[0].text)
    return structured


async def _add(
    content: list[types.ContentBlock],
    artifact: Artifact,
    room: int,
    caller: str,
    store: ResourceStore,
) -> int:
    """Add an artifact; how many bytes of it stand in the answer."""
    one = store.artifact(caller, artifact)
    if artifact.size > min(room, MAX_INLINE):
        content.append(link(one))
        return 0
    try:
        data = await artifact.read(MAX_INLINE)
    except MeshError as error:
        content.append(types.TextContent(type="text", text=f"{one.name}: {error.code}"))
        return 0
    content.append(_inline(one, data))
    return len(data)


def _inline(one: StoredResource, data: bytes) -> types.ContentBlock:
    kind = one.media_type.partition("/")[0]
    if kind == "image":
        return types.ImageContent(
            type="image", data=b64encode(data).decode(), mime_type=one.media_type
        )
    if kind == "audio":
        return types.AudioContent(
            type="audio", data=b64encode(data).decode(), mime_type=one.media_type
        )
    return types.EmbeddedResource(type="resource", resource=contents(one.uri, one.media_type, data))


def contents(
    uri: str, media_type: str, data: bytes
) -> types.TextResourceContents | types.BlobResourceContents:
    """Bytes as the contents of a resource."""
    text = as_text(data, media_type)
    if text is not None:
        return types.TextResourceContents(uri=uri, mime_type=media_type, text=text)
    return types.BlobResourceContents(uri=uri, mime_type=media_type, blob=b64encode(data).decode())
