"""A word to all, with a receipt of who got it."""

from __future__ import annotations

import pytest

from chatixia.client.broadcast import MAX_RECEIVERS
from tests.agent.loopback import Net
from tests.agent.served import Served, client


async def reply(text: str) -> str:
    return f"heard {text}"


@pytest.mark.parametrize("wait", [True, False])
async def test_receipts(wait: bool):
    net = Net()
    served = [Served(net, "a", prompt=reply), Served(net, "b"), Served(net, "c")]
    net.down.add("c")
    got = await client(net).broadcast("hi", wait=wait)
    assert [(r.agent, r.ok, r.reply, r.code) for r in got] == [
        ("a", True, "heard hi" if wait else "", ""),
        ("b", True, "", ""),
        ("c", False, "", "unreachable"),
    ]
    assert [m.text for m in served[1].inbox] == ["hi"]
    assert all(out.queue == "never" for _, out in net.log)
    for one in served:
        one.close()


async def test_at_most_so_many_and_never_oneself():
    net = Net()
    served = [Served(net, f"a{n:02}") for n in range(MAX_RECEIVERS + 3)]
    got = await served[0].mesh.broadcast("hi")
    assert len(got) == MAX_RECEIVERS + 2
    assert [r.ok for r in got] == [True] * MAX_RECEIVERS + [False] * 2
    assert {r.code for r in got[MAX_RECEIVERS:]} == {"too_large"}
    assert "a00" not in {r.agent for r in got}
    for one in served:
        one.close()
