"""The agent of the matrix in Python; agent.mjs is the same in Node."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable
from time import monotonic
from typing import Any

from chatixia import Agent, Artifact, Ctx, SkillFailed
from chatixia.errors import TABLE, MeshError

agent = Agent(os.environ["NAME"], "One of the matrix")
states: dict[str, str] = {}
VALUE = {"city": "Ål", "list": [1, 2.5, None, True, "😀"], "most": 2**53 - 1, "deep": {"a": {}}}
BYTES = bytes(range(256)) * 1200
MIB = 1 << 20
SOON_S = 6.0
LATE_S = 1.5


class NoSuchCity(SkillFailed):
    """An error of this agent's own."""


@agent.skill
async def echo(data: Any) -> Any:
    """Give back what came."""
    return data


@agent.skill
async def count(to: int) -> AsyncIterator[int]:
    """Count."""
    for n in range(to):
        yield n


@agent.skill
async def fail(code: str, message: str = "") -> None:
    """Fail with an error of the mesh."""
    raise TABLE[code](message)


@agent.skill
async def crash() -> None:
    """Fail with one of the language."""
    raise TypeError("a secret")


@agent.skill
async def own() -> None:
    """Fail with one of one's own."""
    raise NoSuchCity("Oslo, Norway?")


@agent.skill
async def hold(mark: str) -> str:
    """Wait, and write down that nobody waits for it any more."""
    states[mark] = "running"
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        states[mark] = "canceled"
        raise
    return mark


@agent.skill
async def marks() -> dict[str, str]:
    """What became of each of those."""
    return states


@agent.skill
async def copy(file: Artifact) -> Artifact:
    """Give a file back."""
    data = await file.read()
    return Artifact.of(data, name=f"copy of {file.name}", media_type=file.media_type)


async def error_of(call: Awaitable[Any]) -> dict[str, Any]:
    try:
        return {"value": await call}
    except MeshError as error:
        return {
            "class": type(error).__name__,
            "code": error.code,
            "retryable": error.retryable,
            "outcome": error.outcome,
            "sentence": error.message,
            "agent": error.agent,
            "via": error.via,
        }


async def items_of(far: Any) -> list[int]:
    async with far.stream("count", {"to": 100}) as items:
        return [item async for item in items]


async def reached(far: Any, mark: str, state: str) -> bool:
    """Whether the far skill gets there within a while."""
    for _ in range(100):
        if (await far.marks()).get(mark) == state:
            return True
        await asyncio.sleep(0.05)
    return False


async def leave(far: Any, mark: str) -> bool:
    call = asyncio.ensure_future(far.hold(mark=mark))
    # Before its first step a canceled skill has nothing to write down.
    begun = await reached(far, mark, "running")
    call.cancel()
    await asyncio.wait([call])
    return begun and call.cancelled() and await reached(far, mark, "canceled")


async def late(hasty: Any, far: Any, mark: str) -> list[Any]:
    """How a call ends that has too little time, whether soon, and whether the far skill heard."""
    began = monotonic()
    error = await error_of(hasty.hold(mark=mark))
    return [error, monotonic() - began < SOON_S, await reached(far, mark, "canceled")]


@agent.skill(timeout=600)
async def probe(target: str, ctx: Ctx) -> dict[str, Any]:
    """What calls of that agent give."""
    far, mark = ctx.agent(target), f"{agent.name} {ctx.request_id}"
    mine = Artifact.of(BYTES, name="bytes.bin", media_type="application/x-bytes")
    mib = await far.call("echo", {"data": "ü" * (MIB // 2)})
    file = await far.copy(file=mine)
    errors = {code: await error_of(far.fail(code=code, message=f"A {code}.")) for code in TABLE}
    bare = {code: await error_of(far.fail(code=code)) for code in TABLE}
    return {
        "value": {"value": await far.echo(data=VALUE), "via": mib.via},
        "stream": await items_of(far),
        "errors": errors,
        "sentences": bare,
        "own error": await error_of(far.own()),
        "crash": await error_of(far.crash()),
        "no skill": await error_of(far.nothing()),
        "arguments": [
            await error_of(far.call("count", args)) for args in ({}, {"to": "x"}, {"to": 1, "z": 1})
        ],
        "cancel": await leave(far, mark),
        "deadline": await late(ctx.agent(target, timeout=LATE_S), far, f"{mark} late"),
        "1 MiB": [len(mib.value), hashlib.sha256(mib.value.encode()).hexdigest()],
        "artifact": [
            *(file.name, file.media_type, file.size, file.sha256),
            hashlib.sha256(await file.read()).hexdigest(),
        ],
    }
