"""A tool's result as text for a model and as a value for a caller, with bounds."""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import Any, Final

import mcp_types as types
import msgspec

from chatixia.client.artifact import Artifact
from chatixia.core.ports import OutsideAnswer

MOST_PARTS: Final = 64
"""Parts of a result that are read."""


def answer(result: types.CallToolResult) -> OutsideAnswer:
    """What came: structured content where there is any, else the text, and files as artifacts."""
    texts: list[str] = []
    files: list[Artifact] = []
    for part in result.content[:MOST_PARTS]:
        text, file = _read(part)
        texts.append(text)
        if file is not None:
            files.append(file)
    whole = "\n".join(texts)
    structured = result.structured_content
    if structured is not None and not whole:
        whole = msgspec.json.encode(structured).decode()
    value: Any = whole if structured is None else structured
    if files:
        value = [value, *files] if result.content[:1] and value else files
    return OutsideAnswer(whole, value, bool(result.is_error))


def _read(part: types.ContentBlock) -> tuple[str, Artifact | None]:
    """A part as text for a model, and as a file if it is one."""
    if isinstance(part, types.TextContent):
        return part.text, None
    if isinstance(part, types.ImageContent | types.AudioContent):
        return _file(part.data, part.mime_type, part.type)
    if isinstance(part, types.ResourceLink):
        return f"[resource {part.name[:200]}: {part.uri[:500]}]", None
    resource = part.resource
    if isinstance(resource, types.TextResourceContents):
        return resource.text, None
    return _file(resource.blob, resource.mime_type or "", "resource")


def _file(data: str, media_type: str, kind: str) -> tuple[str, Artifact | None]:
    try:
        raw = b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return f"[{kind} that cannot be read]", None
    file = Artifact.of(raw, name=kind, media_type=media_type[:128])
    return f"[{kind} {media_type[:128]}, {len(raw)} bytes]", file
