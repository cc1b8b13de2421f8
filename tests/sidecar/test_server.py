"""Who may be the program: one at a time, of this user, with the token over TCP."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from pathlib import Path

import pytest

from chatixia.errors import AlreadyRunning
from chatixia.sidecar import proof, server, sockets
from chatixia.sidecar.server import SidecarServer
from chatixia.wire import ipc
from tests.sidecar.rig import MeshOfPort, RawProgram, ScriptedPort, sidecar


async def test_the_socket_is_this_users_alone_and_gone_at_the_end(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        status = rig.path.stat()
        assert stat.S_ISSOCK(status.st_mode) and stat.S_IMODE(status.st_mode) == 0o600
        with pytest.raises(AlreadyRunning):
            await SidecarServer(MeshOfPort(ScriptedPort()), rig.files).listen(rig.path)
    assert not rig.path.exists()


async def test_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async with sidecar(tmp_path) as rig:
        monkeypatch.setattr(sockets, "peer_uid", lambda connection: os.geteuid() + 1)
        intruder = await rig.program()
        assert await intruder.ended() == b""
        monkeypatch.undo()
        assert (await (await rig.program()).hello())["name"] == "weather"


async def test_a_second_program_is_refused_and_the_first_goes_on(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        first, second = await rig.program(), await rig.program()
        await first.hello("forecast")
        second.command("hello", 5)
        error = await second.next("error")
        assert (error["id"], error["payload"]["code"]) == (5, "already_running")
        assert await second.ended() == b""
        assert (await first.asks("status", 2))["value"]["name"] == "weather"


async def test_a_silent_second_program_is_refused_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(server, "DECIDE_SECONDS", 0.01)
    async with sidecar(tmp_path) as rig:
        await (await rig.program()).hello()
        second = await rig.program()
        assert (await second.next("error"))["payload"]["code"] == "already_running"


async def test_one_that_takes_over_gets_the_socket_and_the_other_hears_why(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        first, second = await rig.program(), await rig.program()
        await first.hello("forecast")
        await second.hello("forecast", takeover=True)
        assert (await first.next("error"))["payload"]["code"] == "replaced"
        assert await first.ended() == b""
        assert (await second.asks("status", 2))["value"]["name"] == "weather"


async def test_one_that_waits_gets_the_socket_when_the_first_leaves(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        first, second = await rig.program(), await rig.program()
        await first.hello()
        await first.close()
        assert (await second.hello())["name"] == "weather"


async def test_a_stop_ends_open_commands_with_one_error_each(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        rig.port.answer = lambda outgoing: asyncio.Event().wait()
        program = await rig.program()
        await program.hello()
        program.command("call", 1, target="bob", skill="x")
        program.command("status", 2)
        await program.next("result")
        await rig.server.stop()
        rest = [json.loads(line) for line in (await program.ended()).splitlines()]
        assert [(line.get("id", 0), line["payload"]["code"]) for line in rest] == [
            (1, "unavailable"),
            (0, "unavailable"),
        ]


async def tcp_program(path: Path) -> tuple[RawProgram, str, str]:
    address = sockets.read_address(path)
    reader, writer = await asyncio.open_connection("127.0.0.1", address.port)
    program = RawProgram(reader, writer)
    challenge = (await program.next("challenge"))["payload"]["nonce"]
    return program, challenge, address.token


async def test_over_tcp_both_ends_prove_the_token(tmp_path: Path):
    async with sidecar(tmp_path, tcp=True) as rig:
        assert stat.S_IMODE(rig.path.stat().st_mode) == 0o600
        program, challenge, token = await tcp_program(rig.path)
        rig.programs.append(program)
        mine = "A" * 22
        mac = proof.mac(proof.raw(token), ipc.CLIENT_PROOF, challenge, mine)
        program.command("proof", nonce=mine, mac=mac)
        shown = (await program.next("proof"))["payload"]
        assert shown["mac"] == proof.mac(proof.raw(token), ipc.SERVER_PROOF, challenge, mine)
        assert (await program.hello())["name"] == "weather"


@pytest.mark.parametrize("first", ["wrong token", "hello", "long", "reflected"])
async def test_over_tcp_all_else_is_closed(tmp_path: Path, first: str):
    async with sidecar(tmp_path, tcp=True) as rig:
        program, challenge, token = await tcp_program(rig.path)
        rig.programs.append(program)
        mine, key, context = "A" * 22, proof.raw(token), ipc.CLIENT_PROOF
        if first == "wrong token":
            key = bytes(32)
        elif first == "reflected":
            context = ipc.SERVER_PROOF
        if first == "long":
            program.writer.write(b"x" * 2048)
        elif first == "hello":
            program.command("hello", 1)
        else:
            program.command("proof", nonce=mine, mac=proof.mac(key, context, challenge, mine))
        assert await program.ended() == b""


async def test_over_tcp_silence_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ipc, "PROOF_SECONDS", 0.01)
    async with sidecar(tmp_path, tcp=True) as rig:
        program, _, _ = await tcp_program(rig.path)
        rig.programs.append(program)
        assert await program.ended() == b""
