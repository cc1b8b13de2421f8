"""Free text for an agent: answered by its prompt handler or its model, or kept in its inbox.

``ask`` goes to the prompt handler, else to the model, and is ``unknown_skill`` without either. A
message (`mesh_send`, `mesh_broadcast`) goes there too, or into the inbox: it is always received. A
message that nobody waits for does not ask a model.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, Protocol

import msgspec

from chatixia.client.value import encode
from chatixia.core.ports import Incoming, Responder
from chatixia.errors import BadArguments, ConfigError, UnknownSkill
from chatixia.wire.events import EMPTY_ITEM, AgentEvent, pack
from chatixia.wire.peer import STEERED, Prompt, PromptPreview
from chatixia.world import REAL, World

from .bind import MakeCtx
from .context import Ctx
from .failing import is_an_end, report
from .inbox import Inbox, InboxMessage
from .signature import kind_of
from .threads import Threads

_prompt = msgspec.json.Decoder(Prompt).decode


class Answerer(Protocol):
    """What answers free text where no handler does: a model. Each raises MeshError."""

    def pieces(self, prompt: Prompt, ctx: Ctx) -> AsyncGenerator[str | AgentEvent, None]:
        """The answer as it comes, and what happens meanwhile; a ``fallback`` takes back the text
        that came before it."""
        ...

    def steer(self, prompt: Prompt, ctx: Ctx) -> bool:
        """Give words to the run that is under way in that session; False where none is."""
        ...

    async def preview(self, prompt: Prompt, ctx: Ctx) -> PromptPreview:
        """What the model would be given. Raises Denied for who may not see that."""
        ...


class PromptService:
    """Answers free text with a handler or an :class:`Answerer`, keeps messages in ``inbox``."""

    def __init__(self, name: str, inbox: Inbox, world: World = REAL) -> None:
        self._name = name
        self._world = world
        self._handler: Callable[..., Any] | None = None
        self._answerer: Answerer | None = None
        self._kind = ""
        self._wants_ctx = False
        self._make_ctx: MakeCtx | None = None
        self._threads: Threads | None = None
        self.inbox = inbox

    def set_handler(self, handler: Callable[..., Any]) -> None:
        """Answer with ``handler(text)`` or ``handler(text, ctx)``. Raises ConfigError."""
        takes = [p for p in inspect.signature(handler).parameters.values() if p.name != "self"]
        needed = [p for p in takes if p.default is inspect.Parameter.empty]
        if not takes or len(needed) > 2:
            raise ConfigError("@agent.prompt decorates a function of (text) or (text, ctx).")
        self._handler = handler
        self._kind = kind_of(handler)
        self._wants_ctx = len(takes) > 1

    def set_answerer(self, answerer: Answerer | None) -> None:
        """Let a model answer what no handler does; None for none."""
        self._answerer = answerer

    def bind(self, make_ctx: MakeCtx, threads: Threads) -> None:
        """Take what a handler runs with; the runtime calls this once."""
        self._make_ctx = make_ctx
        self._threads = threads

    async def answer(self, incoming: Incoming, responder: Responder) -> None:
        """Serve one prompt, message, or task without a skill."""
        prompt = prompt_of(incoming)
        if prompt.steer:
            self._steer(prompt, incoming, responder)
            return
        if prompt.dry_run:
            await self._preview(prompt, incoming, responder)
            return
        is_message = prompt.direct or prompt.broadcast
        answers = self._answers(prompt)
        if not answers and not is_message:
            raise self._mute("it has neither a model nor @agent.prompt")
        if is_message:
            self._keep(prompt, incoming)
        if not answers:
            responder.reply(b'""')
        elif prompt.ack:
            responder.reply(b'""')
            await self._run_unawaited(prompt, incoming, responder)
        else:
            await self._answer_text(prompt, incoming, responder)

    async def receive(self, text: str, ctx: Ctx) -> str:
        """``text`` for the person who watches this agent (`user_intervention`)."""
        self.inbox.add(InboxMessage(ctx.caller, text, ctx.via, self._world.wall()))
        prompt = Prompt(message=text)
        if not self._answers(prompt):
            return ""
        async with aclosing(self._pieces(prompt, ctx)) as answer:
            return await whole(answer)

    def _answers(self, prompt: Prompt) -> bool:
        """A model costs: nobody's message runs one whose answer nobody waits for."""
        return self._handler is not None or (self._answerer is not None and not prompt.ack)

    def _keep(self, prompt: Prompt, incoming: Incoming) -> None:
        text, at = prompt.message or prompt.text, self._world.wall()
        self.inbox.add(InboxMessage(incoming.caller, text, incoming.via, at, prompt.broadcast))

    def _mute(self, reason: str) -> UnknownSkill:
        return UnknownSkill(f"{self._name} answers no free text: {reason}.", agent=self._name)

    async def _preview(self, prompt: Prompt, incoming: Incoming, responder: Responder) -> None:
        """What a model would be given; nothing is run."""
        if self._answerer is None or self._handler is not None:
            raise self._mute("it has no model whose request could be shown")
        ctx = self._ctx(incoming, responder)
        try:
            responder.reply(encode(await self._answerer.preview(prompt, ctx)))
        finally:
            ctx.close()

    def _steer(self, prompt: Prompt, incoming: Incoming, responder: Responder) -> None:
        ctx = self._ctx(incoming, responder)
        taken = self._answerer is not None and self._answerer.steer(prompt, ctx)
        responder.reply(encode(STEERED if taken else ""))

    async def _run_unawaited(
        self, prompt: Prompt, incoming: Incoming, responder: Responder
    ) -> None:
        """Run the handler for a caller that does not wait for its answer."""
        try:
            async for _ in self._pieces(prompt, self._ctx(incoming, responder)):
                pass
        except BaseException as error:
            if is_an_end(error):
                raise
            report("the prompt handler", error)

    async def _answer_text(self, prompt: Prompt, incoming: Incoming, responder: Responder) -> None:
        ctx = self._ctx(incoming, responder)
        try:
            async with aclosing(self._pieces(prompt, ctx)) as answer:
                if incoming.stream:
                    async for piece in answer:
                        await _send(piece, responder)
                    responder.reply(b'""')
                else:
                    watched = responder if incoming.task_id else None
                    responder.reply(encode(await whole(answer, watched)))
        finally:
            ctx.close()

    def _pieces(self, prompt: Prompt, ctx: Ctx) -> AsyncGenerator[str | AgentEvent, None]:
        if self._handler is not None:
            return self._handled(prompt.message or prompt.text, ctx)
        assert self._answerer is not None
        return self._answerer.pieces(prompt, ctx)

    async def _handled(self, text: str, ctx: Ctx) -> AsyncGenerator[str | AgentEvent, None]:
        """The handler's answer: one piece, or many where it streams."""
        assert self._handler is not None
        args = (text, ctx) if self._wants_ctx else (text,)
        if self._kind == "async":
            answer = await self._handler(*args)
        elif self._kind == "async stream":
            answer = self._handler(*args)
        else:
            answer = await self._in_thread(args, ctx)
        if hasattr(answer, "__aiter__"):
            async for piece in answer:
                yield str(piece)
        else:
            yield "" if answer is None else str(answer)

    async def _in_thread(self, args: tuple[Any, ...], ctx: Ctx) -> Any:
        from asyncio import get_running_loop

        assert self._handler is not None and self._threads is not None
        handler = self._handler
        ctx.enter_thread(get_running_loop())

        def whole() -> Any:
            answer = handler(*args)  # also a wrapper may hand on the generator that it wraps
            return "".join(map(str, answer)) if inspect.isgenerator(answer) else answer

        answer = await self._threads.run(whole)
        return await answer if inspect.isawaitable(answer) else answer

    def _ctx(self, incoming: Incoming, responder: Responder) -> Ctx:
        assert self._make_ctx is not None
        return self._make_ctx(incoming, responder, None)


async def whole(
    pieces: AsyncGenerator[str | AgentEvent, None], watched: Responder | None = None
) -> str:
    """The text of an answer, without what a fallback took back. ``watched``: hears the events."""
    texts: list[str] = []
    async for piece in pieces:
        if isinstance(piece, str):
            texts.append(piece)
            continue
        if piece.kind == "fallback":
            texts.clear()
        if watched is not None:
            await _send(piece, watched)
    return "".join(texts)


async def _send(piece: str | AgentEvent, responder: Responder) -> None:
    if isinstance(piece, str):
        await responder.item(encode(piece))
    else:
        await responder.item(EMPTY_ITEM, event=pack(piece))


def prompt_of(incoming: Incoming) -> Prompt:
    """The text that came: a prompt, or the arguments of a task that names no skill."""
    try:
        if incoming.kind == "prompt":
            return _prompt(incoming.body)
        value = msgspec.json.decode(incoming.body)
        if isinstance(value, str):
            return Prompt(message=value)
        return msgspec.convert(value, Prompt)
    except (msgspec.MsgspecError, RecursionError):
        raise BadArguments("A prompt is an object with a text in `message`.") from None
