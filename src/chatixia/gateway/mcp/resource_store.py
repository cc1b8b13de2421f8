"""What a host may read later: results too large for an answer, and artifacts, each caller's own."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final

import msgspec

from chatixia.errors import NotFound
from chatixia.wire.base import MIB
from chatixia.world import REAL, World

MOST_EACH: Final = 64
"""Results and artifacts of one caller; the oldest go."""
MOST_BYTES: Final = 32 * MIB
"""Bytes of results of one caller."""
MOST_CALLERS: Final = 64
MAX_URI: Final = 1024
"""Characters of an address that a host may say."""


class StoredResource(msgspec.Struct):
    """``text``: JSON of a result; ``artifact``: whose bytes stay with its sender."""

    uri: str
    name: str
    media_type: str
    size: int
    text: str = ""
    artifact: Any = None


class ResourceStore:
    """The resources of all callers."""

    def __init__(self, world: World = REAL) -> None:
        self._world = world
        self._callers: OrderedDict[str, OrderedDict[str, StoredResource]] = OrderedDict()

    def result(
        self, caller: str, name: str, text: str, media_type: str = "application/json"
    ) -> StoredResource:
        """Keep the text of a result."""
        size = len(text.encode(errors="replace"))
        uri = f"mesh://results/{self._id()}"
        return self._add(caller, StoredResource(uri, name, media_type, size, text))

    def artifact(self, caller: str, artifact: Any) -> StoredResource:
        """Keep an artifact: it can be read while its sender has it."""
        uri = f"mesh://artifacts/{self._id()}"
        media_type = artifact.media_type or "application/octet-stream"
        name = artifact.name or "artifact"
        return self._add(
            caller, StoredResource(uri, name, media_type, artifact.size, artifact=artifact)
        )

    def get(self, caller: str, uri: str) -> StoredResource:
        """One of that caller. Raises NotFound, also for one of another's."""
        own = self._callers.get(caller)
        resource = None if own is None else own.get(uri)
        if resource is None:
            raise NotFound("That resource is gone, or was never there; call the tool again.")
        return resource

    def _add(self, caller: str, one: StoredResource) -> StoredResource:
        own = self._callers.setdefault(caller, OrderedDict())
        self._callers.move_to_end(caller)
        own[one.uri] = one
        while len(own) > MOST_EACH or (
            len(own) > 1 and sum(len(each.text) for each in own.values()) > MOST_BYTES
        ):
            own.popitem(last=False)
        while len(self._callers) > MOST_CALLERS:
            self._callers.popitem(last=False)
        return one

    def _id(self) -> str:
        return self._world.token(16).hex()
