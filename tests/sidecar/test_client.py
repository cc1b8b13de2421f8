"""The program's end: it finds the sidecar, proves itself, says hello, and comes back."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from chatixia.errors import DeadlineExceeded, Denied, MeshError, SkillFailed, Unavailable
from chatixia.sidecar import client as program_end
from chatixia.sidecar import proof, sockets
from chatixia.sidecar.client import SidecarClient, decoded, encoded, pause_after
from chatixia.wire import ipc
from chatixia.wire.ipc_events import IpcStatus
from chatixia.world import REAL
from tests.sidecar.rig import sidecar
from tests.until import until


def end_at(path: Path, name: str = "", **more: Any) -> SidecarClient:
    return SidecarClient(path, REAL, lambda: ipc.IpcHelloPayload(name), lambda event: None, **more)


@pytest.mark.parametrize("tcp", [False, True])
async def test_it_connects_and_asks(tmp_path: Path, tcp: bool):
    async with sidecar(tmp_path, tcp=tcp) as rig:
        end = end_at(rig.path)
        await end.start(5)
        assert end.welcome.name == "weather"
        result = await end.ask(ipc.StatusCommand(), 5)
        assert decoded(IpcStatus, result.value).online
        payload = ipc.CallPayload(target="bob", skill="x", args=encoded({"n": 1}))
        assert bytes((await end.ask(ipc.CallCommand(payload), 5)).value) == b'{"n":1}'
        await end.stop()
        with pytest.raises(Unavailable):
            await end.ready(1)


async def test_a_refusal_is_raised(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        faults: list[MeshError] = []
        with pytest.raises(MeshError) as caught:
            await end_at(rig.path, "other", on_fault=faults.append).start(5)
        assert caught.value.code == "bad_config" and len(faults) == 1


async def test_nobody_there_is_said_in_time_and_tried_on(tmp_path: Path):
    end = end_at(tmp_path / "s.sock")
    with pytest.raises(Unavailable, match="No sidecar answers at .*; `chatixia run` starts"):
        await end.start(0.05)
    (tmp_path / "more").mkdir()
    async with sidecar(tmp_path):
        await until(lambda: end.line is not None)
        await end.stop()


async def test_an_impostor_is_refused(tmp_path: Path):
    async def lies(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonce = "A" * 22
        writer.write(b'{"type":"challenge","payload":{"nonce":"%s"}}\n' % nonce.encode())
        await reader.readline()
        mac = "B" * 43
        line = '{"type":"proof","payload":{"nonce":"' + nonce + '","mac":"' + mac + '"}}\n'
        writer.write(line.encode())
        await reader.read()
        writer.close()

    server = await asyncio.start_server(lies, "127.0.0.1", 0)
    path, port = tmp_path / "s", server.sockets[0].getsockname()[1]
    sockets.write_address(path, sockets.TcpAddress(port, proof.text(bytes(32))))
    with pytest.raises(Denied):
        await end_at(path).start(5)
    server.close()


async def test_what_is_open_when_the_sidecar_ends_has_one_error(tmp_path: Path):
    lost: list[bool] = []
    async with sidecar(tmp_path) as rig:
        rig.port.answer = lambda outgoing: asyncio.Event().wait()  # type: ignore[assignment]
        end = end_at(rig.path, on_lost=lambda: lost.append(True))
        await end.start(5)
        payload = ipc.CallPayload(target="bob", skill="x")
        calls = [asyncio.ensure_future(end.ask(ipc.CallCommand(payload), 30)) for _ in range(5)]
        await until(lambda: len(rig.port.asked) == 5)
        assert rig.server._program is not None and rig.server._program.transport is not None
        rig.server._program.transport.abort()
        errors = await asyncio.gather(*calls, return_exceptions=True)
        assert {(type(error), error.outcome) for error in errors} == {  # type: ignore[union-attr]
            (Unavailable, "unknown")
        }
        assert lost == [True]
        # It is back at once, and a call that is made meanwhile waits for that.
        rig.port.answer = rig.port.echo
        assert (await end.ask(ipc.CallCommand(payload), 5)).agent == "bob"
        await end.stop()


async def test_a_sidecar_that_says_nothing_costs_a_call_its_time_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(program_end, "LATE_S", 0.02)
    async with sidecar(tmp_path) as rig:
        rig.port.answer = lambda outgoing: asyncio.Event().wait()  # type: ignore[assignment]
        end = end_at(rig.path)
        await end.start(5)
        payload = ipc.CallPayload(target="bob", skill="x")
        with pytest.raises(DeadlineExceeded):
            await end.ask(ipc.CallCommand(payload), 0.05)
        call = asyncio.ensure_future(end.ask(ipc.CallCommand(payload), 30))
        await until(lambda: len(rig.port.asked) == 2)
        call.cancel()
        await until(lambda: rig.server._program and not len(rig.server._program._runner))
        await end.stop()


def test_a_sidecar_that_is_back_is_found_soon():
    """Its start takes most of a second: with doubled pauses it was found as much later again."""
    at, tries = 0.0, 0
    while at < 30:
        pause = pause_after(at)
        assert pause <= min(1.0, max(0.05, at / 8))
        at, tries = at + pause, tries + 1
    assert tries < 70


async def test_an_error_is_the_same_class_here(tmp_path: Path):
    async def fails(outgoing: Any) -> Any:
        raise SkillFailed("no", agent="bob")

    async with sidecar(tmp_path) as rig:
        rig.port.answer = fails
        end = end_at(rig.path)
        await end.start(5)
        with pytest.raises(SkillFailed) as caught:
            await end.ask(ipc.CallCommand(ipc.CallPayload(target="bob")), 5)
        assert (caught.value.message, caught.value.agent) == ("no", "bob")
        await end.stop()
