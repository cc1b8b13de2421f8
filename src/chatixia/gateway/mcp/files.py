"""Files that a host gives as arguments: their text, their bytes in base64, or the address of one
that a tool gave before.

A skill takes an artifact; JSON has none. So the schema that a host sees has, in its place, the
contents of a resource as the protocol writes them. No other address is ever read from here.
"""

from __future__ import annotations

from base64 import b64decode
from typing import Any, Final

import msgspec

from chatixia.client.artifact import SCHEMA, Artifact
from chatixia.errors import BadArguments
from chatixia.wire.artifacts import MAX_ENTRIES, MAX_NAME

from .arguments import places
from .resource_store import MAX_URI, ResourceStore, StoredResource

MARK: Final = "a file of the mesh"
"""What a validator finds files by: a comment in the schema, which changes nothing else."""
_TYPE: Final = 128
_FORM: Final[dict[str, Any]] = {
    "$comment": MARK,
    "properties": {
        "text": {"type": "string", "description": "what is in the file, if it is text"},
        "blob": {
            "type": "string",
            "contentEncoding": "base64",
            "description": "else its bytes in base64",
        },
        "uri": {
            "type": "string",
            "maxLength": MAX_URI,
            "description": "or the mesh:// address of one that a tool gave",
        },
        "name": {"type": "string", "maxLength": MAX_NAME},
        "mimeType": {"type": "string", "maxLength": _TYPE},
    },
}
_ABOUT: Final = "A file: its text, blob or uri."


class FileArgument(msgspec.Struct, rename={"media_type": "mimeType"}):
    """A file as a host gives it: what the protocol has as the contents of a resource, or a link."""

    text: str | None = None
    blob: str | None = None
    uri: str | None = None
    name: str = ""
    media_type: str = ""


def with_files(schema: Any) -> Any:
    """A skill's schema as a host sees it. Raises RecursionError for one that is too deep."""
    if isinstance(schema, list):
        return [with_files(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if all(schema.get(key) == value for key, value in SCHEMA.items()):
        return {**schema, **_FORM, "description": schema.get("description", _ABOUT)}
    return {key: with_files(one) for key, one in schema.items()}


def fill(
    parameters: dict[str, Any], arguments: dict[str, Any], caller: str, store: ResourceStore
) -> None:
    """Put an artifact in the place of each file of arguments that fit.

    Raises BadArguments naming the place, NotFound for an address that no tool gave this caller.
    """
    paths = [path for path in places(parameters, arguments, MARK) if path]
    if len(paths) > MAX_ENTRIES:
        raise BadArguments(f"A call takes {MAX_ENTRIES} files at most.")
    for *way, last in paths:
        holder: Any = arguments
        for step in way:
            holder = holder[step]
        try:
            file = msgspec.convert(holder[last], FileArgument)
            holder[last] = _artifact(file, caller, store)
        except ValueError as error:
            place = "/".join(map(str, (*way, last)))
            raise BadArguments(f"{place}: {str(error)[:200]}") from None


def _artifact(file: FileArgument, caller: str, store: ResourceStore) -> Artifact:
    """Raises ValueError for one that is nothing, NotFound."""
    if file.blob is not None:
        data = b64decode(file.blob, validate=True)
        return Artifact.of(data, name=file.name, media_type=file.media_type)
    if file.text is not None:
        data = file.text.encode(errors="replace")
        return Artifact.of(data, name=file.name, media_type=file.media_type or "text/plain")
    if file.uri is None:
        raise ValueError("a file has text, blob or uri")
    return _of_stored(store.get(caller, file.uri))


def _of_stored(one: StoredResource) -> Artifact:
    """What a tool gave before: an artifact stays with its sender, whatever its size."""
    if isinstance(one.artifact, Artifact):
        return one.artifact
    return Artifact.of(one.text.encode(errors="replace"), name=one.name, media_type=one.media_type)
