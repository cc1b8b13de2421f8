"""The mesh as tools of a model: find a skill, describe it, call it, delegate.

Four tools, whatever the mesh holds: agents and skills are looked up when the model asks. A call
carries the path of the request that the model answers, and the receiver judges.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

import msgspec

from chatixia.agent.arguments import refusal
from chatixia.agent.context import Ctx
from chatixia.client import references
from chatixia.client.ask import Ask
from chatixia.client.matching import matches
from chatixia.client.reply import Reply
from chatixia.client.value import encode
from chatixia.core.tool_names import CALL, DELEGATE, DESCRIBE, FIND
from chatixia.errors import BadArguments, MeshError, OutcomeUnknown, UnknownSkill
from chatixia.wire.events import AgentEvent, excerpt

from .delegating import Emit, answer_of
from .own_tools import failed
from .words import ToolCall, ToolOutcome, ToolSpec

CALL_S: Final = 120.0
"""How long a model waits for another agent, at most; never beyond its own asker's deadline."""

Word = Annotated[str, msgspec.Meta(max_length=128)]
Text = Annotated[str, msgspec.Meta(max_length=64 * 1024)]


class _Find(msgspec.Struct, forbid_unknown_fields=True):
    query: Text = ""


class _Describe(msgspec.Struct, forbid_unknown_fields=True):
    agent: Word
    skill: Word


class _Call(msgspec.Struct, forbid_unknown_fields=True):
    skill: Word
    arguments: dict[str, Any] = {}
    agent: Word = ""


class _Delegate(msgspec.Struct, forbid_unknown_fields=True):
    agent: Word
    message: Text


def _object(required: tuple[str, ...], **properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _string(description: str) -> dict[str, Any]:
    return {"type": "string", "description": description}


SPECS: Final = (
    ToolSpec(
        FIND,
        "Find agents of the mesh and their skills by words of what is needed.",
        _object((), query=_string("words; empty for a list of what there is")),
        "read",
    ),
    ToolSpec(
        DESCRIBE,
        "Show what one skill of another agent takes and gives, as JSON Schema.",
        _object(("agent", "skill"), agent=_string("its agent"), skill=_string("the skill")),
        "read",
    ),
    ToolSpec(
        CALL,
        "Call a skill of another agent. Describe it first, unless its arguments are known.",
        _object(
            ("skill",),
            skill=_string("the skill"),
            arguments={"type": "object", "description": "its arguments"},
            agent=_string("whom to call; empty for any agent that has the skill"),
        ),
        "call",
    ),
    ToolSpec(
        DELEGATE,
        "Hand work to another agent in plain words, and get its answer.",
        _object(
            ("agent", "message"),
            agent=_string("who is to do it"),
            message=_string("what to do, with all that it needs to know"),
        ),
        "write",
    ),
)


class MeshTool:
    """One of the four, for one request. ``emit``: tells its asker where work went."""

    def __init__(self, spec: ToolSpec, ctx: Ctx, emit: Emit) -> None:
        self.spec, self._ctx, self._emit = spec, ctx, emit

    async def run(self, call: ToolCall, *, again: bool = False) -> ToolOutcome:
        """Do it. ``again``: see :class:`~.words.Toolbox`."""
        if again and self.spec.effect != "read":
            return failed(OutcomeUnknown("Another agent may have done this before the restart."))
        kind, work = _WORK[self.spec.name]
        try:
            args = msgspec.json.decode(call.arguments or "{}", type=kind)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            names = [field.encode_name for field in msgspec.structs.fields(kind)]
            return ToolOutcome(refusal(self.spec.name, names, error).message, retry=True)
        try:
            return _outcome(await work(self, args, call.id))
        except MeshError as error:
            if isinstance(error, BadArguments) and not error.by_call:
                return ToolOutcome(error.message, retry=True)
            return failed(error)

    async def find(self, args: _Find, call_id: str) -> list[dict[str, str]]:
        """The best matches, in few words each."""
        return matches(await self._ctx.mesh.agents(), args.query, self._ctx.call_context.id)

    async def describe(self, args: _Describe, call_id: str) -> dict[str, Any]:
        """One skill with its schemas."""
        self._refuse_self(args.agent)
        for info in await self._ctx.mesh.skills(args.agent):
            if info.name == args.skill:
                return {
                    "agent": args.agent,
                    "skill": info.name,
                    "description": info.description,
                    "parameters": info.parameters,
                    "returns": info.returns,
                }
        raise UnknownSkill(f"{args.agent} has no skill {args.skill[:64]}.", agent=args.agent)

    async def call(self, args: _Call, call_id: str) -> dict[str, Any]:
        """A skill of one agent, or of any that has it."""
        self._refuse_self(args.agent)
        text = encode(args.arguments).decode()
        if not args.agent:
            chosen = self._ctx.any(args.skill, timeout=CALL_S)
            reply = await chosen.call(args.skill, args.arguments)
            await self._tell(call_id, args.skill, reply.agent, text)  # known only now
            return _answer(reply)
        await self._tell(call_id, args.skill, args.agent, text)
        handle = self._ctx.agent(args.agent, timeout=CALL_S)
        return _answer(await handle.call(args.skill, args.arguments))

    async def delegate(self, args: _Delegate, call_id: str) -> dict[str, Any]:
        """Free text to one agent's model or handler; what it does for it is told on."""
        self._refuse_self(args.agent)
        await self._tell(call_id, "", args.agent, args.message)
        handle = self._ctx.agent(args.agent, timeout=CALL_S)

        def question() -> Ask:
            ask = handle.ask(args.message)
            ask.limit(CALL_S, CALL_S)
            return ask

        world = self._ctx.call_context.world
        return _answer(await answer_of(question, args.agent, call_id, self._emit, world))

    async def _tell(self, call_id: str, skill: str, agent: str, text: str) -> None:
        await self._emit(
            AgentEvent(
                "delegated", id=call_id[:128], name=skill, agent=agent[:63], text=excerpt(text)
            )
        )

    def _refuse_self(self, agent: str) -> None:
        """An agent's own skills have their own effects, which a call by the mesh would not see."""
        if agent == self._ctx.call_context.id:
            raise BadArguments(
                f"{agent} is this agent itself; its skills are tools by their names."
            )


_WORK: Final[dict[str, tuple[Any, Callable[[MeshTool, Any, str], Awaitable[Any]]]]] = {
    FIND: (_Find, MeshTool.find),
    DESCRIBE: (_Describe, MeshTool.describe),
    CALL: (_Call, MeshTool.call),
    DELEGATE: (_Delegate, MeshTool.delegate),
}


def _outcome(value: Any) -> ToolOutcome:
    """``value`` as JSON, and what its files are called: a model reads no bytes of them."""
    with references.gathering() as files:
        text = encode(value).decode()
    names = "".join(f"\n$artifact {n}: {f.name}, {f.size} bytes" for n, f in enumerate(files))
    agent = value.get("from", "") if isinstance(value, dict) else ""
    return ToolOutcome(text + names, agent=agent)


def _answer(reply: Reply) -> dict[str, Any]:
    """A value and where it came from, which stays on it in the history."""
    return {"from": reply.agent, "via": reply.via, "value": reply.value}


def mesh_tools(ctx: Ctx, emit: Emit) -> list[MeshTool]:
    """The four, for the request of ``ctx``."""
    return [MeshTool(spec, ctx, emit) for spec in SPECS]
