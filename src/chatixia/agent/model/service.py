"""What answers for an agent that has a model: engine, tools, conversations and budgets joined.

Each run has its place in the queue, its conversation, its budget and its tools; the asker's path
bounds them all.
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing
from typing import Any, Final

import msgspec

from chatixia.agent.context import Ctx
from chatixia.agent.prompts import whole
from chatixia.agent.skill import Skill
from chatixia.agent.skill_fields import PromptSkill
from chatixia.core.callers import PROVED, all_named, speaker, stranger
from chatixia.core.ports import Incoming, Responder
from chatixia.core.spending import AGENT, Budgets, Spending, TokenRates, day_of
from chatixia.errors import (
    BudgetExceeded,
    ConfigError,
    Denied,
    MeshError,
    MissingExtra,
    ModelFailed,
    Unavailable,
)
from chatixia.store.local.agent_store import AgentStore
from chatixia.wire.events import AgentEvent
from chatixia.wire.peer import PreviewTool, Prompt, PromptPreview, SkillInfo
from chatixia.world import REAL, World

from .budget import RunBudget
from .conversations import ConversationRun, Conversations, key_of
from .instructions import AgentPrompt, instructions, with_origin
from .merge import Piece, RunStream
from .mesh_tools import mesh_tools
from .own_tools import OwnTool, own_spec
from .passing import PassingStore
from .run_queue import RunQueue
from .stored import FILE_TOKENS, tokens_of
from .toolbox import AgentToolbox, ModelTool
from .words import MAX_TURNS, Attachment, ModelEngine, RunRequest, ToolSpec

BEAT_S: Final = 20.0
"""How often an asker hears that its request still waits, or that tools still run."""
LONGEST_S: Final = 3600.0
"""How long a run may take that has no deadline."""
WINDOW: Final = 120_000
NO_TOOL: Final = frozenset({"user_intervention"})
"""Skills that lead back to the model itself."""


class ModelSetup(msgspec.Struct, frozen=True):
    """What an agent's owner says of its model. ``callers``: who may change things through it;
    ``slots``: runs at once; ``mesh``: the mesh's name, for prompts; ``window``: tokens;
    ``machine``: the agent's own."""

    prompt: AgentPrompt = AgentPrompt()
    callers: Sequence[str] = ()
    budgets: Budgets = Budgets()
    max_turns: int = MAX_TURNS
    window: int = WINDOW
    slots: int = 8
    mesh: str = ""
    machine: str = ""


class _Task(msgspec.Struct):
    """One thing to answer. ``more``: instructions of the skill that is answered."""

    text: str
    session: str = ""
    more: str = ""
    returns: dict[str, Any] | None = None
    files: Sequence[Attachment] = ()


class ModelService:
    """An ``agent.prompts.Answerer``. ``serve``: the agent's own handler, which runs its skills.
    ``more``: tools beside those and the mesh's, asked anew each time."""

    def __init__(
        self,
        name: str,
        engine: ModelEngine,
        setup: ModelSetup,
        store: AgentStore,
        serve: Callable[[Incoming, Responder], Awaitable[None]],
        world: World = REAL,
        more: Callable[[Ctx], Iterable[ModelTool]] | None = None,
    ) -> None:
        self._name, self._engine, self._setup = name, engine, setup
        self._store, self._serve, self._world, self._more = store, serve, world, more
        self._stored = Conversations(store, setup.window, world)
        self._passing = Conversations(PassingStore(), setup.window, world)
        self._queue = RunQueue(setup.slots)
        self._rates = TokenRates(setup.budgets)
        self._skills: list[tuple[SkillInfo, ToolSpec]] = []

    def offer(self, skills: Iterable[tuple[Skill, SkillInfo]]) -> None:
        """These are the agent's own tools from now on; what its model answers itself is none."""
        self._skills = [
            (info, own_spec(skill, info))
            for skill, info in skills
            if not skill.by_model and skill.name not in NO_TOOL
        ]

    async def warm(self) -> None:
        """Import and construct what the model needs; else the first who asks waits for it.

        Raises ConfigError, MissingExtra.
        """
        await self._engine.warm()

    async def check_money(self) -> None:
        """Refuse a limit of money where a model has no price. Raises ConfigError."""
        if self._setup.budgets.has_money and not await self._engine.has_price():
            raise ConfigError(
                "budgets: money cannot be counted for a model without a price; limit tokens or"
                " turns, or use another model."
            )

    async def close(self) -> None:
        """End what runs, and the store."""
        await self._engine.close()
        await self._store.close()

    def abandon(self) -> None:
        """The same where no loop runs any more; waits for nothing."""
        self._store.abandon()

    async def spent(self) -> Spending:
        """What the agent has spent today."""
        return (await self._store.spent([AGENT], day_of(self._world.wall())))[AGENT]

    def steer(self, prompt: Prompt, ctx: Ctx) -> bool:
        """Give words to the run that is under way in that conversation of the caller."""
        key = key_of(proved_caller(ctx), prompt.session_id, ctx.task_id or ctx.request_id)
        return self._stored.steer(key, prompt.message or prompt.text)

    def pieces(self, prompt: Prompt, ctx: Ctx) -> AsyncGenerator[Piece, None]:
        """The answer to a prompt as it comes, and what happens meanwhile. Raises MeshError."""
        return self._in_turn(_task_of(prompt, ctx), ctx)

    async def preview(self, prompt: Prompt, ctx: Ctx) -> PromptPreview:
        """What the model would be given, with an estimate of tokens and price; nothing is run.

        Raises Denied for who is neither in `callers` nor of the agent's machine: it shows the
        owner's words.
        """
        incoming, callers = ctx.incoming, {*self._setup.callers, self._setup.machine} - {""}
        if not all_named(incoming.path, incoming.via, callers):
            first = stranger(incoming.path, incoming.via, callers)
            raise Denied(f"Instructions are shown to `callers` of {self._name}; {first} is none.")
        task = _task_of(prompt, ctx)
        words, specs = self._instructions(task), self._tools(ctx)[0].specs()
        key = key_of(proved_caller(ctx), task.session, ctx.request_id)
        row = await self._store.find(key) if task.session else None
        history = await self._store.read(row.id) if row is not None else []
        tokens = sum(message.tokens for message in history) + sum(map(_spec_tokens, specs))
        tokens += tokens_of(words) + tokens_of(task.text) + FILE_TOKENS * len(task.files)
        try:
            model, cost = self._engine.title, await self._engine.price(tokens)
        except (ConfigError, MissingExtra):
            model, cost = "", None  # the prompt can be read before there is a key
        tools = [PreviewTool(s.name, s.effect, s.description[:1024]) for s in specs]
        return PromptPreview(model[:128], words, len(history) + 1, tools, tokens, cost)

    async def answer_skill(self, skill: PromptSkill, arguments: dict[str, Any], ctx: Ctx) -> Any:
        """The result of a skill that the model answers, as its schema says."""
        text = with_origin(msgspec.json.encode(arguments).decode(), ctx.caller, ctx.path)
        task = _Task(text, "", skill.prompt, skill.returns or None)
        async with aclosing(self._in_turn(task, ctx)) as pieces:
            answer = await whole(pieces)
        return msgspec.json.decode(answer) if skill.returns else answer

    async def _in_turn(self, task: _Task, ctx: Ctx) -> AsyncGenerator[Piece, None]:
        """When its turn comes; until then a sign of life now and then."""
        key = key_of(proved_caller(ctx), task.session, ctx.task_id or ctx.request_id)
        line = key if task.session else object()
        nested = self._name in ctx.path
        holder = ctx.incoming.holder or speaker(ctx.caller)
        named = all_named(ctx.path, ctx.via, self._setup.callers)
        async with self._queue.turn(line, holder, nested=nested, is_named=named) as turn:
            while not await turn.wait(BEAT_S):
                yield AgentEvent("thinking", text=f"{self._queue.waiting} requests wait.")
            async with aclosing(self._run(task, ctx)) as pieces:
                async for piece in pieces:
                    yield piece

    async def _run(self, task: _Task, ctx: Ctx) -> AsyncGenerator[Piece, None]:
        words = self._instructions(task)
        toolbox, stream = self._tools(ctx)
        conversation = await self._conversation(task, ctx, words, toolbox)
        if conversation.answer is not None:
            yield conversation.answer
            return
        budget = self._budget(ctx)
        request = RunRequest(
            words,
            [task.text, *task.files],
            toolbox,
            budget,
            conversation,
            history=conversation.history,
            max_turns=self._setup.max_turns,
            returns=task.returns,
            resume=conversation.resume,
            seconds=self._seconds(ctx),
            window=self._setup.window,
            steering=conversation.steering,
            compact=conversation.compact,
        )
        async with aclosing(self._stored_run(stream, request, conversation)) as pieces:
            try:
                async for piece in pieces:
                    yield piece
            finally:
                await budget.close()

    async def _stored_run(
        self, stream: RunStream, request: RunRequest, conversation: ConversationRun
    ) -> AsyncGenerator[Piece, None]:
        """The run's pieces; what a stop or a cancel ends may be taken up again."""
        has_ended = False
        try:
            async with aclosing(stream.pieces(self._engine.run(request))) as pieces:
                async for piece in pieces:
                    yield piece
            has_ended = True
        except (ConfigError, MissingExtra) as error:
            has_ended = True
            raise self._without_model(error) from None
        except MeshError as error:
            has_ended = not isinstance(error, Unavailable)
            raise
        finally:
            if has_ended:
                await conversation.end()
            else:
                conversation.leave()

    def _without_model(self, error: MeshError) -> ModelFailed:
        """What is missing is missing here, and whoever asks may be anywhere."""
        where = f"on {self._setup.machine}" if self._setup.machine else "where it runs"
        reason = error.message[:1].lower() + error.message[1:]
        return ModelFailed(f"{self._name} has no model {where}: {reason}")

    def _instructions(self, task: _Task) -> str:
        setup = self._setup
        return instructions(setup.prompt, self._name, setup.mesh, self._world.wall(), task.more)

    def _tools(self, ctx: Ctx) -> tuple[AgentToolbox, RunStream]:
        """The tools of one run, and the stream that they tell their events to."""
        most = self._setup.budgets.task.seconds
        until = self._world.monotonic() + (most or math.inf)

        def beat() -> Piece:
            running = toolbox.running
            words = f"{running} tools run." if running else "The model has not answered yet."
            return AgentEvent("thinking", text=words)

        def late() -> BaseException:
            words = f"The budget of this task is spent: {most:g} seconds."
            return BudgetExceeded(words, outcome="unknown")

        stream = RunStream(BEAT_S, beat, lambda: until - self._world.monotonic(), late)
        mesh = mesh_tools(ctx, stream.emit)

        def tools() -> list[ModelTool]:
            incoming = ctx.incoming
            own = [OwnTool(info, spec, incoming, self._serve) for info, spec in self._skills]
            return [*own, *mesh, *(self._more(ctx) if self._more is not None else ())]

        setup = self._setup
        toolbox = AgentToolbox(tools, ctx.incoming, setup.callers, self._name, setup.window)
        return toolbox, stream

    async def _conversation(
        self, task: _Task, ctx: Ctx, words: str, toolbox: AgentToolbox
    ) -> ConversationRun:
        request = ctx.task_id or ctx.request_id
        where = self._stored if task.session or ctx.task_id else self._passing
        overhead = tokens_of(words) + sum(map(_spec_tokens, toolbox.specs()))
        key = key_of(proved_caller(ctx), task.session, request)
        return await where.begin(key, request, overhead=overhead)

    def _budget(self, ctx: Ctx) -> RunBudget:
        budgets, caller = self._setup.budgets, speaker(proved_caller(ctx))
        return RunBudget(budgets, caller, ctx.task_id, self._store, self._world, self._rates)

    def _seconds(self, ctx: Ctx) -> float:
        return min(ctx.remaining, self._setup.budgets.task.seconds or LONGEST_S, LONGEST_S)


def _task_of(prompt: Prompt, ctx: Ctx) -> _Task:
    returns = None
    if prompt.returns is not msgspec.UNSET:
        returns = msgspec.json.decode(prompt.returns)
    text = with_origin(prompt.message or prompt.text, ctx.caller, ctx.path)
    files = [Attachment(file.name, file.media_type, file.data) for file in prompt.files]
    return _Task(text, prompt.session_id, "", returns, files)


def proved_caller(ctx: Ctx) -> str:
    """To whom a request is counted, and whose conversations it goes on with: its caller, where a
    link proved that; else a name of its own, which no caller by a link has."""
    return ctx.caller if ctx.via in PROVED else f"queue:{ctx.caller}"


def _spec_tokens(spec: ToolSpec) -> int:
    return tokens_of(msgspec.json.encode(spec.parameters).decode() + spec.description)
