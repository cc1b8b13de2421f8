"""The asking side over the relay, through the public API: ``relayed.py PART AGENT PID``.

No direct path comes about, since nothing that would offer or answer one leaves this process.
``bystander COUNT 0``: how long so many verbs of another machine take meanwhile.
"""

from __future__ import annotations

import asyncio
import sys
import time
from functools import partial
from typing import Any
from unittest.mock import patch

from chatixia import connect
from chatixia.peer.control.session import Signaling
from chatixia.wire.registry import Nothing
from chatixia.wire.signaling import Answer, Connect, IceCandidate, Offer
from tests.bench.measure import PAYLOAD, latencies, measure, percentile, say

MIB = 1024 * 1024
DIRECT = (Offer, Answer, IceCandidate, Connect)
HELD_SECONDS = 0.3
LOADED = 10_000
send = Signaling.send


def no_direct(self: Signaling, message: Any) -> bool:
    """In the place of ``Signaling.send``."""
    return isinstance(message, DIRECT) or send(self, message)


def late_direct(self: Signaling, message: Any) -> bool:
    """The same, as over a slow line."""
    if not isinstance(message, DIRECT):
        return send(self, message)
    asyncio.get_running_loop().call_later(HELD_SECONDS, partial(send, self, message))
    return True


async def call(agent: str, pid: int) -> dict[str, float]:
    """A call of 200 bytes."""
    async with connect() as mesh:
        handle = mesh.agent(agent)
        reply = await handle.call("echo", {"data": PAYLOAD})
        assert reply.via == "relay", reply.via
        return await measure(lambda: handle.echo(data=PAYLOAD), pid, loaded=LOADED)


async def bulk(agent: str, pid: int) -> dict[str, float]:
    """Arguments of 4 MiB, one after the other."""
    async with connect() as mesh:
        handle = mesh.agent(agent)
        data = "x" * (4 * MIB)
        assert (await handle.call("take", {"data": data})).via == "relay"
        start = time.perf_counter()
        for _ in range(16):
            await handle.take(data=data)
        return {"mb_s": 16 * len(data) / 1e6 / (time.perf_counter() - start)}


async def endless(agent: str, pid: int) -> dict[str, float]:
    """The same until it is terminated; says when it has begun."""
    async with connect() as mesh:
        handle = mesh.agent(agent)
        data = "x" * (4 * MIB)
        await handle.take(data=data)
        say({"begun": 1.0})
        while True:
            await handle.take(data=data)


async def link(agent: str, pid: int) -> dict[str, float]:
    """Twenty streams, each by a new client: from ``relay_open`` until ``hello`` holds."""
    found = []
    for _ in range(20):
        async with connect() as mesh:
            reply = await mesh.agent(agent).call("echo", {"data": "x"})
            assert reply.via == "relay" and reply.link_ms is not None, reply
            found.append(reply.link_ms)
    return {"open_ms": percentile(found, 0.5)}


async def after(agent: str, pid: int) -> dict[str, float]:
    """From the first answer over the relay to the first over a direct path that was held up."""
    found = []
    for _ in range(5):
        async with connect() as mesh:
            handle = mesh.agent(agent)
            assert (await handle.call("echo", {"data": "x"})).via == "relay"
            start = time.perf_counter()
            while (await handle.call("echo", {"data": "x"})).via != "direct":
                await asyncio.sleep(0.001)
            found.append(1e3 * (time.perf_counter() - start))
    return {"after_relay_ms": percentile(found, 0.5)}


async def bystander(count: str, pid: int) -> dict[str, float]:
    """A verb of another machine, a few hundred a second."""
    async with connect() as mesh:
        times: list[float] = []
        for _ in range(int(count)):
            times += await latencies(lambda: mesh.verb("status", Nothing()), 1, 0)
            await asyncio.sleep(0.002)
        return {"p50_ms": percentile(times, 0.5), "p99_ms": percentile(times, 0.99)}


PARTS = {
    "call": call,
    "bulk": bulk,
    "endless": endless,
    "link": link,
    "after": after,
    "bystander": bystander,
}

if __name__ == "__main__":
    with patch.object(Signaling, "send", late_direct if sys.argv[1] == "after" else no_direct):
        say(asyncio.run(PARTS[sys.argv[1]](sys.argv[2], int(sys.argv[3]))))
