"""A chat with a scripted agent in this process, for a test that holds the terminal."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

from chatixia.assembly.chat import Chat
from chatixia.cli.chat import TypedChat
from chatixia.cli.common import Console
from chatixia.errors import Unavailable
from tests.agent.loopback import Net
from tests.agent.served import Served, client

LONG = "The quick brown fox jumps over the lazy dog and 漢字 too. " * 8
ERROR = "The model of this agent is away, and it is said in a sentence that is longer than a line."


async def reply(text: str) -> AsyncIterator[str]:
    if text == "fail":
        yield "It begins, and "
        raise Unavailable(ERROR)
    if text == "hang":
        yield "It begins, and"
        await asyncio.Event().wait()
    if text == "log":
        print("a warning of the log", file=sys.stderr)
    answer = LONG if text == "long" else f"You said: {text}\x1b[2J\nSecond line."
    for n in range(0, len(answer), 7):
        yield answer[n : n + 7]
        await asyncio.sleep(0)


async def main() -> None:
    net = Net()
    served = Served(net, "helper", prompt=reply)
    await TypedChat(Chat(client(net), "helper", "s1"), Console(False, False, 0, "")).run()
    served.close()


if __name__ == "__main__":
    asyncio.run(main())
