"""Bind a skill for serving: its decoder, and how it runs, chosen once so that a call chooses
nothing.

The short path, an ``async def`` whose parameters are positional, costs one decode, one tuple, one
encode.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from inspect import isawaitable
from typing import Any

import msgspec
from msgspec.structs import astuple

from chatixia.core.ports import Incoming, Responder
from chatixia.errors import DeadlineExceeded
from chatixia.wire.peer import SkillInfo

from .context import Ctx
from .generator_threads import GeneratorThreads
from .hooks import dec_hook
from .result import HoldsArtifact, ResultSender
from .signature import Signature, read
from .skill import Skill, described
from .threads import Threads

MakeCtx = Callable[[Incoming, Responder, float | None], Ctx]
Invoke = Callable[[Any, Ctx | None], Any]
Run = Callable[[Any, Incoming, Responder], Awaitable[None]]

_objects = msgspec.json.Decoder(dict[str, Any]).decode


class BoundSkill(msgspec.Struct, frozen=True, eq=False):
    """A skill ready to serve. ``decode`` raises what :func:`arguments.refusal` reads."""

    info: SkillInfo
    names: tuple[str, ...]
    decode: Callable[[Any], Any]
    run: Run


def bind(
    skill: Skill, make_ctx: MakeCtx, threads: Threads, generators: GeneratorThreads
) -> BoundSkill:
    """``skill`` with everything chosen. Raises ConfigError in one sentence."""
    signature = read(skill.fn, skill.name)
    info = described(skill, signature)
    runner = SkillRunner(skill, signature, make_ctx, threads, generators)
    return BoundSkill(info, signature.names, decoder(signature), runner.shortest())


def decoder(signature: Signature) -> Callable[[Any], Any]:
    """JSON bytes to the Struct of arguments, or to (Struct, others) where anything is taken."""
    if not signature.anything:
        return msgspec.json.Decoder(signature.args, dec_hook=dec_hook).decode

    def decode(body: Any) -> Any:
        fields = _objects(body)
        named = {name: fields.pop(name) for name in signature.names if name in fields}
        args = msgspec.convert(named, signature.args, dec_hook=dec_hook, str_keys=True)
        return args, {name: _other(name, fields[name], signature) for name in fields}

    return decode


def _other(name: str, value: Any, signature: Signature) -> Any:
    """An argument that only ``**kwargs`` takes. Raises ValidationError placed at its name."""
    if name in signature.reserved:
        raise msgspec.ValidationError(f"no argument can have that name - at `$.{name}`")
    try:
        return msgspec.convert(value, signature.rest, dec_hook=dec_hook, str_keys=True)
    except msgspec.ValidationError as error:
        text, _, place = str(error).partition(" - at `$")
        raise msgspec.ValidationError(f"{text} - at `$.{name}{place or '`'}") from None


def invoker(fn: Callable[..., Any], signature: Signature) -> Invoke:
    """How the decoded arguments and the Ctx become a call of ``fn``."""
    plain = (
        signature.positional == len(signature.names)
        and not signature.anything
        and not signature.ctx_name
    )
    if plain and signature.ctx < 0:
        return lambda args, _: fn(*astuple(args))
    if plain and signature.ctx == signature.positional:
        return lambda args, ctx: fn(*astuple(args), ctx)
    return _general(fn, signature)


def _general(fn: Callable[..., Any], signature: Signature) -> Invoke:
    count, names = signature.positional, signature.names[signature.positional :]

    def invoke(args: Any, ctx: Ctx | None) -> Any:
        args, others = args if signature.anything else (args, {})
        values = astuple(args)
        first = list(values[:count])
        if signature.ctx >= 0:
            first.insert(signature.ctx, ctx)
        named = {
            key: value
            for key, value in zip(names, values[count:], strict=True)
            if value is not msgspec.UNSET  # a key of a TypedDict that may be away
        }
        if signature.ctx_name:
            named[signature.ctx_name] = ctx
        return fn(*first, **named, **others)

    return invoke


class SkillRunner:
    """How one skill runs: on the loop, in a thread of the pool, or as a generator in its own."""

    def __init__(
        self,
        skill: Skill,
        signature: Signature,
        make_ctx: MakeCtx,
        threads: Threads,
        generators: GeneratorThreads,
    ) -> None:
        self._skill = skill
        self._signature = signature
        self._make_ctx = make_ctx
        self._threads, self._generators = threads, generators
        self._invoke = invoker(skill.fn, signature)
        self._wants_ctx = signature.ctx >= 0 or bool(signature.ctx_name)
        self._result = ResultSender(skill.name)

    def shortest(self) -> Run:
        """The shortest way that this skill can run."""
        if self._skill.timeout:
            return self._timed
        if self._signature.kind == "async" and not (self._signature.streams or self._wants_ctx):
            return self._bare()
        return self._full

    def _bare(self) -> Run:
        """An ``async def`` that wants no Ctx."""
        invoke, encoded = self._invoke, self._result.encoded

        async def run(args: Any, incoming: Incoming, responder: Responder) -> None:
            value = await invoke(args, None)
            if incoming.stream or hasattr(value, "__aiter__"):
                await self._answer(value, incoming, responder)
                return
            try:
                data = encoded(value)
            except HoldsArtifact:
                await self._answer(value, incoming, responder)
            else:
                responder.reply(data)

        return run

    async def _timed(self, args: Any, incoming: Incoming, responder: Responder) -> None:
        """Within the skill's own time; what runs longer fails as a passed deadline."""
        from asyncio import timeout

        limit = self._skill.timeout
        try:
            async with timeout(limit) as scope:
                await self._full(args, incoming, responder)
        except TimeoutError as error:
            if not scope.expired():
                raise
            raise DeadlineExceeded(
                f"The skill {self._skill.name} took longer than its {limit:g} s."
            ) from error

    async def _full(self, args: Any, incoming: Incoming, responder: Responder) -> None:
        """Any other."""
        ctx = self._make_ctx(incoming, responder, self._skill.timeout) if self._wants_ctx else None
        try:
            await self._answer(await self._value(args, ctx, incoming), incoming, responder)
        finally:
            if ctx is not None:
                ctx.close()

    async def _answer(self, value: Any, incoming: Incoming, responder: Responder) -> None:
        if hasattr(value, "__aiter__"):
            await self._result.items(value, incoming, responder)
        elif self._signature.streams:
            items = self._generators.items(lambda: value, incoming.holder)
            await self._result.items(items, incoming, responder)
        else:
            await self._result.value(value, incoming, responder)

    async def _value(self, args: Any, ctx: Ctx | None, incoming: Incoming) -> Any:
        kind = self._signature.kind
        if kind == "async":
            return await self._invoke(args, ctx)
        if kind == "async stream":
            return self._invoke(args, ctx)  # makes the generator, runs none of it
        if ctx is not None:
            from asyncio import get_running_loop

            ctx.enter_thread(get_running_loop())
        if kind == "sync stream":
            return self._generators.items(partial(self._invoke, args, ctx), incoming.holder)
        value = await self._threads.run_for(incoming.holder, self._invoke, args, ctx)
        return await value if isawaitable(value) else value
