"""The socket of a described peer: its commands and events, and the one program that it has."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from chatixia.errors import ConfigError
from chatixia.sidecar import sockets
from chatixia.sidecar.described_program import DescribedServer
from chatixia.sidecar.lines import HIGH_WATER
from chatixia.sidecar.message_relay import MessageRelay
from chatixia.world import REAL
from tests.sidecar.rig import RawProgram
from tests.sidecar.test_message_relay import Links, message
from tests.until import until


class Rig:
    """A server over links that a test scripts."""

    def __init__(self, path: Path) -> None:
        self.path, self.links = path, Links()
        links: Any = self.links
        self.ends = 0
        self.programs: list[RawProgram] = []
        self.server = DescribedServer(MessageRelay(links, REAL), self.ended)

    def ended(self) -> None:
        self.ends += 1

    async def program(self) -> RawProgram:
        program = RawProgram(*await asyncio.open_unix_connection(str(self.path)))
        self.programs.append(program)
        return program


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    made = Rig(tmp_path / "s.sock")
    await made.server.listen(made.path)
    try:
        yield made
    finally:
        for program in made.programs:
            await program.close()
        await made.server.stop()


async def test_four_commands_and_four_events(rig: Rig):
    rig.links.open = ["ours"]
    program = await rig.program()
    assert (await program.next("peer_connected"))["payload"] == {"peer_id": "ours"}
    program.command("send", target_peer="ours", message=message())
    program.command("broadcast", message=message("agent_prompt", ""))
    program.command("connect", target_peer_id="late")
    program.command("list_peers")
    assert (await program.next("peer_list")) == {
        "type": "peer_list",
        "payload": {"peers": ["ours"]},
    }
    assert len(rig.links.sent) == 2 and rig.links.sought == ["late"]
    rig.links.on_text("ours", '{"type":"agent_status"}')
    rig.links.on_close("ours")
    assert (await program.next("message"))["payload"]["from_peer"] == "ours"
    lost = (await program.next("message"))["payload"]["message"]
    assert (lost["type"], lost["request_id"]) == ("task_response", "r1")
    await program.next("peer_disconnected")
    assert (await program.asks("connect", target_peer_id="late")) == {"value": None}


async def test_what_is_no_command_of_it_is_ignored_and_said(rig: Rig):
    program = await rig.program()
    program.write(b"", b"no json", {"type": "unheard-of"})
    program.command("hello", 3, name="rusty")
    program.command("send", 4, target_peer="nobody", message={"type": "agent_status"})
    errors = [(await program.next("error")) for _ in range(4)]
    assert [one.get("id", 0) for one in errors] == [0, 0, 3, 4]
    assert "described peer" in errors[2]["payload"]["message"]
    program.command("list_peers")
    await program.next("peer_list")


async def test_it_has_one_program_and_ends_with_it(rig: Rig):
    program = await rig.program()
    program.command("list_peers")
    await program.next("peer_list")
    second = await rig.program()
    assert b"already_running" in await second.ended()
    assert rig.ends == 0
    await second.close()
    await program.close()
    await until(lambda: rig.ends == 1)


async def test_another_user_is_nobodys_program(rig: Rig, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sockets, "peer_uid", lambda connection: os.geteuid() + 1)
    assert await (await rig.program()).ended() == b""
    assert rig.ends == 0


async def test_who_does_not_read_is_not_read(rig: Rig):
    rig.links.open = ["ours"]
    program = await rig.program()
    await program.next("peer_connected")
    text = '{"type":"x","payload":"' + "x" * 60_000 + '"}'
    for _ in range(HIGH_WATER // 60_000 + 20):
        rig.links.on_text("ours", text)
    program.command("list_peers")
    got = 0
    while (await program.line())["type"] == "message":
        got += 1
    assert HIGH_WATER // 60_000 - 2 <= got < HIGH_WATER // 60_000 + 20


async def test_a_stop_hangs_up_and_leaves_no_socket(rig: Rig):
    program = await rig.program()
    program.command("list_peers")
    await program.next("peer_list")
    await rig.server.stop()
    with contextlib.suppress(ConnectionError):
        assert await program.ended() == b""
    assert not rig.path.exists() and rig.ends == 0


async def test_a_system_without_unix_sockets_is_a_refusal(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delattr(socket, "AF_UNIX")
    with pytest.raises(ConfigError, match="no Unix sockets"):
        await rig.server.listen(tmp_path / "other.sock")
    monkeypatch.undo()
