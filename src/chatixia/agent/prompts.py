"""Free text for an agent: answered by its prompt handler, or kept in its inbox.

``ask`` goes to the prompt handler and is ``unknown_skill`` without one. A message (`mesh_send`,
`mesh_broadcast`) goes to it too, or into the inbox: it is always received.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import msgspec

from chatixia.client.value import encode
from chatixia.core.ports import Incoming, Responder
from chatixia.errors import BadArguments, ConfigError, UnknownSkill
from chatixia.wire.peer import Prompt
from chatixia.world import REAL, World

from .bind import MakeCtx
from .context import Ctx
from .failing import is_an_end, report
from .inbox import Inbox, InboxMessage
from .signature import kind_of
from .threads import Threads

_prompt = msgspec.json.Decoder(Prompt).decode


class PromptService:
    """Answers free text with ``handler``, keeps messages in ``inbox``."""

    def __init__(self, name: str, inbox: Inbox, world: World = REAL) -> None:
        self._name = name
        self._world = world
        self._handler: Callable[..., Any] | None = None
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

    def bind(self, make_ctx: MakeCtx, threads: Threads) -> None:
        """Take what a handler runs with; the runtime calls this once."""
        self._make_ctx = make_ctx
        self._threads = threads

    async def answer(self, incoming: Incoming, responder: Responder) -> None:
        """Serve one prompt, message, or task without a skill."""
        prompt = prompt_of(incoming)
        text = prompt.message or prompt.text
        message = prompt.direct or prompt.broadcast
        if prompt.steer:
            responder.reply(b'""')  # no run that it could steer
            return
        if self._handler is None and not message:
            raise UnknownSkill(
                f"{self._name} answers no free text: it has neither a model nor @agent.prompt.",
                agent=self._name,
            )
        if self._handler is None or message:
            self.inbox.add(
                InboxMessage(
                    incoming.caller, text, incoming.via, self._world.wall(), prompt.broadcast
                )
            )
        if self._handler is None:
            responder.reply(b'""')
        elif prompt.ack:
            responder.reply(b'""')
            await self._run_unawaited(text, incoming, responder)
        else:
            await self._answer_text(text, incoming, responder)

    async def receive(self, text: str, ctx: Ctx) -> str:
        """``text`` for the person who watches this agent (`user_intervention`)."""
        self.inbox.add(InboxMessage(ctx.caller, text, ctx.via, self._world.wall()))
        if self._handler is None:
            return ""
        return "".join([piece async for piece in self._pieces(text, ctx)])

    async def _run_unawaited(self, text: str, incoming: Incoming, responder: Responder) -> None:
        """Run the handler for a caller that does not wait for its answer."""
        try:
            async for _ in self._pieces(text, self._ctx(incoming, responder)):
                pass
        except BaseException as error:
            if is_an_end(error):
                raise
            report("the prompt handler", error)

    async def _answer_text(self, text: str, incoming: Incoming, responder: Responder) -> None:
        ctx = self._ctx(incoming, responder)
        try:
            pieces: list[str] = []
            async with aclosing(self._pieces(text, ctx)) as answer:
                async for piece in answer:
                    if incoming.stream:
                        await responder.item(encode(piece))
                    else:
                        pieces.append(piece)
            responder.reply(b'""' if incoming.stream else encode("".join(pieces)))
        finally:
            ctx.close()

    async def _pieces(self, text: str, ctx: Ctx) -> Any:
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
