"""What a sidecar stands on, passed in by ``assembly``: its mesh, its files, a choice by skill."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from chatixia.core.ports import (
    ArtifactFeed,
    ArtifactSource,
    BegunCall,
    CallAnswer,
    CallWaiter,
    MeshPort,
    Outgoing,
)
from chatixia.wire.ipc import AnyPayload, IpcFile


class SidecarMesh(Protocol):
    """The agent's own way into the mesh, started."""

    @property
    def port(self) -> MeshPort:
        """Its port."""
        ...

    @property
    def label(self) -> str:
        """What people call the mesh."""
        ...

    @property
    def key(self) -> str:
        """The agent's key as people compare it."""
        ...

    @property
    def url(self) -> str:
        """The registry in use, or tried next."""
        ...

    @property
    def is_online(self) -> bool:
        """Whether the registry answers now."""
        ...


BeginCall = Callable[[Outgoing, CallWaiter], BegunCall | None]
"""Begins a call without a task; None where its port's ``call`` has to find a way."""


def no_link(outgoing: Outgoing, waiter: CallWaiter) -> None:
    """Where every call has to find a way."""


class FileFolder(Protocol):
    """The private folder in which artifacts lie."""

    @property
    def path(self) -> str:
        """Where it is."""
        ...

    def source(self, file: IpcFile) -> ArtifactSource:
        """A file in it, to be sent. Raises BadArguments for a path elsewhere, NotFound."""
        ...

    async def save(self, feed: ArtifactFeed) -> str:
        """Bring an artifact into it, checked; the path. Raises what a pull raises."""
        ...

    def remove(self, path: str) -> None:
        """A file that was saved is not wanted any more."""
        ...


class Cause(msgspec.Struct, frozen=True):
    """What a call inherits: the path, the seconds that are left (None: no bound), the trace."""

    path: tuple[str, ...] = ()
    left: float | None = None
    traceparent: str = ""


OnProgress = Callable[[float | None, str], None]
"""Hears how far it is: a fraction from 0 to 1 or None, and a note."""


class AnySkillCaller(Protocol):
    """Calls a skill of whoever has it."""

    async def __call__(
        self,
        payload: AnyPayload,
        cause: Cause,
        artifacts: tuple[ArtifactSource, ...] = (),
        on_progress: OnProgress | None = None,
    ) -> CallAnswer:
        """One answer. ``artifacts``: what the arguments name. Raises one MeshError before the
        deadline."""
        ...


async def nobody(
    payload: AnyPayload, cause: Cause, artifacts: Any = (), on_progress: Any = None
) -> Any:
    """The choice by skill of a sidecar that has none."""
    from chatixia.errors import UnknownSkill

    raise UnknownSkill(f"No agent in the mesh has the skill {payload.skill}.")
