"""Hosts of the Model Context Protocol use the mesh: by both transports, in both eras, live.

``chatixia mcp`` is a process of its own, and so is each agent; the host is the library's client.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from tests.acceptance.harness import TestMesh
from tests.acceptance.mcp_hosts import (
    Changes,
    HttpGate,
    by_http,
    by_stdio,
    names,
    post,
)
from tests.gateway.mcp.gate import ERAS
from tests.lab.procs import CHATIXIA
from tests.until import SECONDS, until

WORKER = Path(__file__).with_name("mcp_worker.py")
DYING = Path(__file__).with_name("mcp_dying.py")
TRANSPORTS = ("stdio", "http")
LIVE_S = 1.0
"""Seconds within which a tool appears and vanishes."""
TRIES = 3
"""On a machine that is busy with other tests one of them is quick."""


@asynccontextmanager
async def host(
    net: TestMesh, transport: str, era: str, options: Sequence[str] = (), **more: Any
) -> AsyncIterator[Client]:
    if transport == "stdio":
        async with by_stdio(net, *options, era=era, **more) as client:
            yield client
    else:
        async with by_http(HttpGate(net, *options), era=era, **more) as client:
            yield client


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_host_calls_skills_and_sees_them_come_and_go(
    net: TestMesh, transport: str, era: str
):
    net.up()
    net.worker("alice")
    changes = Changes()
    async with host(net, transport, era, message_handler=changes.heard) as client:
        assert "alice-_add" in await names(client)
        done = await client.call_tool("alice-_add", {"a": 1, "b": 2})
        assert done.content[0].text == "3"
        failed = await client.call_tool("alice-_boom", {"what": "swordfish"})
        assert failed.is_error
        assert failed.content[0].text.startswith("skill_failed: ")
        assert "swordfish" not in failed.content[0].text
        took = [await twice_told(net, client, changes, era) for _ in range(TRIES)]
        assert min(took) < LIVE_S, took


async def twice_told(net: TestMesh, client: Client, changes: Changes, era: str) -> float:
    """The longer of the two times until the host sees that an agent came, and that it left."""
    came = await told_of(client, changes, era, lambda: net.worker("bobby"))
    assert "bobby-_add" in await names(client)
    left = await told_of(client, changes, era, lambda: net.workers["bobby"].stop())
    assert "bobby-_add" not in await names(client)
    return max(came, left)


async def told_of(client: Client, changes: Changes, era: str, happens: Any) -> float:
    """Seconds until the host was told of what happens to an agent, and its list is another."""
    before = await names(client)
    changes.told.clear()
    if era == "auto":
        async with client.listen(tools_list_changed=True) as listening:
            ended = await asyncio.to_thread(_timed, happens)
            await asyncio.wait_for(anext(aiter(listening)), SECONDS)
    else:
        ended = await asyncio.to_thread(_timed, happens)
        await asyncio.wait_for(changes.told.wait(), SECONDS)
    await until(lambda: _differs(client, before))
    return time.monotonic() - ended


async def _differs(client: Client, before: list[str]) -> bool:
    return await names(client) != before


def _timed(happens: Any) -> float:
    """When it had happened."""
    happens()
    return time.monotonic()


def start(net: TestMesh, name: str, tmp_path: Path, **env: str) -> Path:
    """An agent for these tests, online, and its ledger."""
    ledger = tmp_path / f"{name}.ledger"
    program = (sys.executable, str(WORKER))
    net.procs.start(name, program=program, LEDGER=str(ledger), **env).wait_for("online")
    return ledger


def said(ledger: Path, what: str) -> bool:
    return ledger.exists() and what in ledger.read_text().split()


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_host_that_leaves_in_mid_call_cancels_the_far_skill(
    net: TestMesh, transport: str, era: str, tmp_path: Path
):
    """Over HTTP in the older era nothing tells that a host has left: there it is our time-out."""
    net.up()
    ledger = start(net, "alice", tmp_path)
    half = asyncio.Event()

    async def on_progress(*_: Any) -> None:
        half.set()

    options = ("--timeout", "3") if (transport, era) == ("http", "legacy") else ()
    async with host(net, transport, era, options) as client:
        work = client.call_tool("alice-_hold", {}, progress_callback=on_progress)
        call = asyncio.ensure_future(work)
        await asyncio.wait_for(half.wait(), 20)
        assert said(ledger, "began")
        assert not said(ledger, "cancelled")
        call.cancel()
        await asyncio.wait([call])
        await until(lambda: said(ledger, "cancelled"))


async def test_a_host_that_is_killed_in_mid_call_cancels_the_far_skill(
    net: TestMesh, tmp_path: Path
):
    net.up()
    ledger = start(net, "alice", tmp_path)
    program, *words = CHATIXIA
    host = net.procs.start("alice-_hold", program=(sys.executable, str(DYING), program, *words))
    gateway = int(host.wait_for(r"gateway (\d+)")[1])
    try:
        await until(lambda: said(ledger, "began"))
        host.popen.kill()
        await until(lambda: said(ledger, "cancelled"))
        await until(lambda: ended(gateway))
    finally:
        with suppress(ProcessLookupError):  # it is in no group that the host's end takes along
            os.kill(gateway, signal.SIGKILL)


def ended(pid: int) -> bool:
    """Whether a process is gone, or waits only to be asked how it ended."""
    try:
        return not Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return True


async def test_a_thousand_skills_are_three_tools_or_pages(net: TestMesh, tmp_path: Path):
    net.up()
    for name in ("a", "b", "c", "d"):
        start(net, name, tmp_path, CROWD="245")
    async with by_stdio(net) as client:
        assert await names(client) == ["call-skill", "describe-skill", "find-skill"]
        arguments = {"agent": "c", "skill": "work0007", "arguments": {"n": 7}}
        done = await client.call_tool("call-skill", arguments)
        assert done.content[0].text == "7"
    async with by_stdio(net, "--all") as client:
        every = await names(client)
        assert len(set(every)) == len(every) == 1000
    async with by_stdio(net, "--skills", "d/work000?") as client:
        assert await names(client) == [f"d-_work000{n}" for n in range(10)]


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_who_calls_is_on_the_path_and_what_is_large_is_a_resource(
    net: TestMesh, transport: str, tmp_path: Path
):
    net.up()
    start(net, "alice", tmp_path)
    async with host(net, transport, "auto", ("--name", "desk", "--agent", "alice")) as client:
        path = json.loads((await client.call_tool("path", {})).content[0].text)
        assert path[0] == "mcp:desk"
        assert len(path) == 2
        for skill in ("text", "file"):
            size = (1 << 20) + 1
            [link] = (await client.call_tool(skill, {"size": size})).content
            assert (link.type, link.size) == ("resource_link", size)
            [read] = (await client.read_resource(link.uri)).contents
            assert len(getattr(read, "text", "") or b64decode(read.blob)) == size


async def test_a_host_gives_files_as_arguments(net: TestMesh, tmp_path: Path):
    """Of its own, and one that a tool gave it: that goes from agent to agent, whatever its size."""
    net.up()
    for name in ("alice", "bobby"):
        start(net, name, tmp_path)
    async with by_stdio(net) as client:
        [link] = (await client.call_tool("alice-_file", {"size": 300_000})).content
        own = {"text": "one", "name": "a.txt"}
        raw = {"blob": b64encode(b"two").decode(), "name": "b"}
        given = {"first": own, "more": [raw, link.model_dump(by_alias=True, exclude_none=True)]}
        [content] = (await client.call_tool("bobby-_joined", given)).content
        assert content.text == "a.txt=one b=two x.bin=" + "x" * 300_000
        for wrong, code in (
            ({"uri": "file:///etc/passwd"}, "not_found: "),
            ({"blob": "?"}, "bad_arguments: first: "),
            ({}, "bad_arguments: first: "),
            ("one", "bad_arguments: joined: first: "),
        ):
            refused = await client.call_tool("bobby-_joined", {"first": wrong})
            assert refused.content[0].text.startswith(code), refused


ADDRESSES = {"127.0.0.1": "127.0.0.1:0", "[::1]": "[::1]:0", "0.0.0.0": "0.0.0.0:0"}


@pytest.mark.parametrize("address", ADDRESSES)
async def test_who_is_refused_over_http(net: TestMesh, address: str):
    net.up()
    options = ("--clear", "--name", "desk") if address == "0.0.0.0" else ("--name", "desk")
    gate = HttpGate(net, *options, at=ADDRESSES[address])
    reached = f"127.0.0.1:{gate.port}" if address == "0.0.0.0" else f"{address}:{gate.port}"
    url = f"http://{reached}/mcp"
    good = {"Authorization": f"Bearer {gate.token('desk')}"}
    assert await post(url, **good) == 200  # the control
    assert await post(url, **good, Origin=f"http://{reached}") == 200
    assert await post(url) == 401
    assert await post(url, Authorization="Bearer " + "x" * 52) == 401
    for host in (
        "evil.example",
        f"evil.example:{gate.port}",
        address.strip("[]") + ".evil.example",
    ):
        assert await post(url, **good, Host=host) == 400
    for origin in ("http://evil.example", "null", f"http://localhost:{gate.port}"):
        assert await post(url, **good, Origin=origin) == 403
    other = await another_gate(net, gate)
    assert await post(other, **good) == 401
    assert good["Authorization"].split()[1] not in gate.process.output


async def another_gate(net: TestMesh, gate: HttpGate) -> str:
    """One that knows another's token only: that of a host whose own was taken away."""
    Path(gate.folder, "desk.token").rename(Path(gate.folder, "desk.taken"))
    return HttpGate(net, "--name", "laptop").url
