"""The agent's own skills as tools of its model: served like any other request for them, so that
arguments are validated, time is bounded, and the Ctx carries path and deadline of the asker."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import msgspec

from chatixia.agent.skill import Skill
from chatixia.core.ports import ArtifactSource, Incoming, Responder
from chatixia.core.tool_names import tool_name
from chatixia.errors import BadArguments, MeshError, OutcomeUnknown
from chatixia.wire.artifacts import ArtifactInfo
from chatixia.wire.peer import SkillInfo

from .words import Effect, ToolCall, ToolOutcome, ToolSpec

Serve = Callable[[Incoming, Responder], Awaitable[None]]

ACTING: Final = "delegate"
"""Built-in skills by which an agent acts for its caller, whatever effect they declare: this one,
and those whose names begin with :data:`MESSAGING`."""
MESSAGING: Final = "mesh_"


def effect_of(skill: Skill) -> Effect:
    """What a skill can change, as far as its author's word counts."""
    acts = skill.name == ACTING or skill.name.startswith(MESSAGING)
    return "write" if acts else skill.effect


def own_spec(skill: Skill, info: SkillInfo) -> ToolSpec:
    """A skill as a tool; without the name of its schema's dialect, which some providers refuse."""
    parameters: dict[str, Any] = msgspec.json.decode(info.parameters)
    parameters.pop("$schema", None)
    return ToolSpec(tool_name(info.name), info.description, parameters, effect_of(skill))


class OwnTool:
    """One skill of this agent. ``incoming``: the request that the model answers."""

    def __init__(self, info: SkillInfo, spec: ToolSpec, incoming: Incoming, serve: Serve) -> None:
        self._info, self._incoming, self._serve = info, incoming, serve
        self.spec = spec

    async def run(self, call: ToolCall, *, again: bool = False) -> ToolOutcome:
        """Serve it. ``again``: see :class:`~.words.Toolbox`."""
        if again and not self._info.idempotent:
            return failed(OutcomeUnknown(f"{self._info.name} may have run before the restart."))
        responder = ToolResponder()
        await self._serve(self._request(call), responder)
        error = responder.error
        if isinstance(error, BadArguments) and not error.by_call:
            return ToolOutcome(error.message, retry=True)
        if error is not None:
            return failed(error)
        return ToolOutcome(responder.text)

    def _request(self, call: ToolCall) -> Incoming:
        base = self._incoming.key or self._incoming.request_id
        key = hashlib.sha256(f"{base}/{call.id}".encode(errors="replace")).hexdigest()[:32]
        return msgspec.structs.replace(
            self._incoming,
            kind="task",
            skill=self._info.name,
            body=msgspec.Raw(call.arguments.encode(errors="replace") or b"{}"),
            stream=False,
            request_id=key,
            key=key,
            artifacts=(),
        )


class ToolResponder:
    """Takes the answer of a skill for the model."""

    def __init__(self) -> None:
        self.text = ""
        self.error: MeshError | None = None

    def reply(self, result: bytes, table: tuple[ArtifactInfo, ...] = ()) -> None:
        """Keep JSON bytes, and what its artifacts are called."""
        files = "".join(f"\n$artifact {n}: {i.name}, {i.size} bytes" for n, i in enumerate(table))
        self.text = result.decode(errors="replace") + files

    def fail(self, error: MeshError) -> None:
        """Keep the error."""
        self.error = error

    async def lend(self, artifacts: Sequence[ArtifactSource]) -> tuple[ArtifactInfo, ...]:
        """Say what they are; a model reads no bytes of them."""
        return tuple([await artifact.describe() for artifact in artifacts])

    async def item(
        self, chunk: bytes, table: tuple[ArtifactInfo, ...] = (), event: bytes = b""
    ) -> None:
        """Never called: a tool's answer is not streamed."""

    def progress(self, fraction: float, note: str) -> None:
        """The model waits for the end."""


def failed(error: MeshError) -> ToolOutcome:
    """``error`` as the model hears it: code and sentence."""
    return ToolOutcome(f"{error.code}: {error.message}", failed=True)
