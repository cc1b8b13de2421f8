"""Two programs behind sidecars, and no more than lines: one that serves, one that asks.

    python -m tests.bench.lines serve SOCKET
    python -m tests.bench.lines ask SOCKET TARGET PID...

Both are what a program in any language would be; the asker prints the row. The pids are those of
the other three processes that work for a call.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import msgspec

from chatixia.assembly.sidecar.process import SETTINGS
from chatixia.client.loop import fast_loop
from chatixia.errors import from_wire
from chatixia.sidecar.client import events
from chatixia.sidecar.lines import LineProtocol
from chatixia.wire import ipc
from chatixia.wire.base import encode
from chatixia.wire.ipc_events import ErrorEvent, RequestEvent, ResultEvent
from chatixia.wire.peer import SkillInfo
from tests.bench.measure import LOADED, PAYLOAD, cpu_seconds, measure, rate, say


def handed(name: str) -> dict[str, str]:
    """The settings that a supervisor hands a sidecar of that name."""
    return {SETTINGS: msgspec.json.encode({"name": name}).decode()}


class Program(LineProtocol):
    """Echoes what is asked of it, and asks."""

    def __init__(self) -> None:
        super().__init__(events)
        self.waiting: dict[int, asyncio.Future[Any]] = {}
        self.count = 0

    def receive(self, line: Any) -> None:
        kind = line.__class__
        if kind is RequestEvent:
            payload = ipc.ReplyPayload(line.payload.args)
            self.send(ipc.ReplyCommand(payload, cause=line.id))
        elif kind is ResultEvent:
            self.waiting.pop(line.id).set_result(line.payload)
        elif kind is ErrorEvent:
            self.waiting.pop(line.id).set_exception(from_wire(line.payload))

    def ask(self, command: Any) -> asyncio.Future[Any]:
        self.count = command.id = self.count + 1
        waiter = self.waiting[command.id] = self.loop.create_future()
        self.send(command)
        return waiter


async def program(path: str, *skills: str) -> Program:
    for _ in range(400):
        try:
            _, line = await asyncio.get_running_loop().create_unix_connection(Program, path)
        except OSError:
            await asyncio.sleep(0.05)
            continue
        named = [SkillInfo(skill) for skill in skills]
        await line.ask(ipc.HelloCommand(ipc.IpcHelloPayload(program="bench", skills=named)))
        return line
    raise SystemExit(f"bench: nobody listens at {path}")


async def serve(path: str) -> None:
    await program(path, "echo")
    print("serves", flush=True)
    await asyncio.Event().wait()


async def ask(path: str, target: str, pids: list[int]) -> None:
    line = await program(path)
    args = msgspec.Raw(encode({"data": PAYLOAD}))

    def call() -> asyncio.Future[Any]:
        return line.ask(ipc.CallCommand(ipc.CallPayload(target=target, skill="echo", args=args)))

    async with asyncio.timeout(60):
        while (await call()).via != "direct":
            await asyncio.sleep(0.05)
    row = await measure(call, *pids)
    spent = cpu_seconds(os.getpid(), *pids)
    row["per_s_128"] = LOADED / await rate(call, LOADED, 128)
    row["cpu_us_128"] = 1e6 * (cpu_seconds(os.getpid(), *pids) - spent) / LOADED
    say(row)


if __name__ == "__main__":
    what, path, *rest = sys.argv[1:]
    work = serve(path) if what == "serve" else ask(path, rest[0], [int(pid) for pid in rest[1:]])
    with asyncio.Runner(loop_factory=fast_loop()) as runner:
        runner.run(work)
