"""The built-in skills: the mesh as a model or a plain caller uses it.

Served only where ``skills.builtin`` or ``Agent(builtin=...)`` names them: `delegate` and `mesh_*`
make an agent act for its callers, so nobody gets them unasked (trust.md section 5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from chatixia.client.handle import AgentHandle
from chatixia.client.reply import Receipt
from chatixia.errors import BadArguments, ConfigError
from chatixia.wire.registry import AgentRecord

from .context import Ctx
from .prompts import PromptService
from .skill import Skill

DELEGATE_S: Final = 120.0
"""How long `delegate` waits, at most (120 s, as in the compatible contract)."""
MAX_NAMED: Final = 10


async def delegate(
    message: str,
    ctx: Ctx,
    target_agent_id: str = "",
    skill: str = "",
    wait: bool = True,
    args: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Hand work to another agent and answer with its value and the tier that carried it.

    Args:
        message: what to do, in plain words; the argument `message` of the skill without `args`
        target_agent_id: who is to do it; empty for any agent with the skill but the caller
        skill: the skill to run; empty to ask the agent's model or prompt handler
        wait: false to leave it as a task in the queue and answer with the task's id
        args: the skill's arguments
    """
    arguments = {"message": message} if args is None else args
    if not wait:
        return await _leave(ctx, target_agent_id, skill, arguments)
    if not skill:
        return await _ask(ctx, target_agent_id, message)
    if target_agent_id:
        reply = await _other(ctx, target_agent_id).call(skill, arguments)
    else:
        reply = await ctx.any(skill, timeout=DELEGATE_S).call(skill, arguments)
    return {"value": reply.value, "via": reply.via, "agent": reply.agent, "ms": reply.ms}


async def list_agents(ctx: Ctx) -> list[dict[str, Any]]:
    """The agents of the mesh: id, health, host, mode, machine, up to ten skills; `self` is me."""
    return [_line(record, ctx.call_context.id) for record in await ctx.mesh.agents()]


async def find_agent(skill: str, ctx: Ctx) -> dict[str, Any]:
    """An active agent that has a skill; never the caller.

    Args:
        skill: the skill's name
    """
    name = (await ctx.any(skill).pick())[0]
    return {"agent_id": name, "peer": name}


async def mesh_send(target_agent_id: str, message: str, ctx: Ctx) -> dict[str, Any]:
    """Send a message to one agent: its prompt handler answers, or it is kept in its inbox.

    Args:
        target_agent_id: who is to get it
        message: the text
    """
    reply = await _other(ctx, target_agent_id).tell(message).reply()
    return {"agent": reply.agent, "via": reply.via, "reply": reply.value}


async def mesh_broadcast(message: str, ctx: Ctx) -> list[Receipt]:
    """Send a message to every agent that is there; a receipt of who got it.

    Args:
        message: the text
    """
    return await ctx.mesh.broadcast(message)


def user_intervention(prompts: PromptService) -> Callable[..., Any]:
    """The skill of that name, for the agent whose ``prompts`` these are."""

    async def user_intervention(message: str, ctx: Ctx) -> dict[str, Any]:
        """Tell a person who watches this agent something; it is kept, and answered if it can be.

        Args:
            message: the text
        """
        return {"received": True, "reply": await prompts.receive(message, ctx)}

    return user_intervention


NAMES: Final = (
    "delegate",
    "list_agents",
    "find_agent",
    "mesh_send",
    "mesh_broadcast",
    "user_intervention",
)

_PLAIN: Final[dict[str, Callable[..., Any]]] = {
    "delegate": delegate,
    "list_agents": list_agents,
    "find_agent": find_agent,
    "mesh_send": mesh_send,
    "mesh_broadcast": mesh_broadcast,
}


def builtin(name: str, prompts: PromptService) -> Skill:
    """The built-in skill called ``name``. Raises ConfigError naming the nearest."""
    check_builtin(name)
    return Skill(name, _PLAIN.get(name) or user_intervention(prompts))


def check_builtin(name: str) -> None:
    """Raise ConfigError naming the nearest where there is no such built-in skill."""
    if name not in NAMES:
        raise ConfigError(f"There is no built-in skill {name}; {_nearest(name, NAMES)}")


def disabled(names: Iterable[str], own: Iterable[str]) -> frozenset[str]:
    """The skills to leave out, each the agent's own or a built-in one.

    Raises ConfigError naming the nearest: a typing error would serve what is to be left out.
    """
    chosen, existing = frozenset(names), [*own, *NAMES]
    for name in sorted(chosen.difference(existing)):
        raise ConfigError(f"There is no skill {name} to leave out; {_nearest(name, existing)}")
    return chosen


def _nearest(name: str, names: Sequence[str]) -> str:
    from difflib import get_close_matches  # only for a mistake: it costs 0.2 MB

    close = get_close_matches(name, names, 1)
    return f"did you mean {close[0]}?" if close else f"there are {', '.join(names)}."


def _other(ctx: Ctx, name: str) -> AgentHandle:
    if name == ctx.call_context.id:
        raise BadArguments(f"{name} is this agent itself; name another one.")
    return ctx.agent(name, timeout=DELEGATE_S)


async def _ask(ctx: Ctx, target: str, message: str) -> dict[str, Any]:
    if not target:
        raise BadArguments("delegate: name a target_agent_id or a skill.")
    reply = await _other(ctx, target).ask(message).reply()
    return {"value": reply.value, "via": reply.via, "agent": reply.agent, "ms": reply.ms}


async def _leave(ctx: Ctx, target: str, skill: str, args: dict[str, Any]) -> dict[str, Any]:
    if target:
        _other(ctx, target)
    elif not skill:
        raise BadArguments("delegate: name a target_agent_id or a skill.")
    else:
        names = await ctx.any(
            skill
        ).pick()  # the queue cannot leave out the caller, so it is done here
        target = names[0]
    task = await ctx.mesh.submit(target, skill, args)
    return {"task_id": task.id, "agent": target, "via": "queue, plain"}


def _line(record: AgentRecord, me: str) -> dict[str, Any]:
    skills = [skill.name for skill in record.skills] or record.capabilities.skills
    return {
        "agent_id": record.agent_id,
        "health": record.health,
        "hostname": record.hostname,
        "mode": record.mode,
        "machine": record.machine,
        "peer": record.sidecar_peer_id or record.agent_id,
        "skills": list(skills)[:MAX_NAMED],
        "self": record.agent_id == me,
    }
