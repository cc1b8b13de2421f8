"""An Agent started with CHATIXIA_SOCKET serves through that sidecar, and needs no keys."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from chatixia import Agent
from chatixia.assembly.remote.sidecar_connection import SidecarConnection, sidecar_connection
from chatixia.errors import ConfigError, RegistryUnreachable
from tests.sidecar.rig import MeshOfPort, incoming, sidecar
from tests.until import until


async def test_an_agent_starts_and_stops_behind_it(tmp_path: Path, monkeypatch):
    async with sidecar(tmp_path) as rig:
        monkeypatch.setenv("CHATIXIA_SOCKET", str(rig.path))
        agent = Agent("weather")

        @agent.skill
        async def forecast(city: str) -> str:
            return city

        await agent.start()
        assert agent.banner() == (
            "  weather  online  skills: forecast  key 7f3a-91c2  registry home (127.0.0.1:8080)"
        )
        answers, task = rig.ask(incoming())
        await task
        assert answers.value == b'"Oslo"'
        await agent.stop(grace=0)
        await until(lambda: rig.server._program is None)
        assert rig.port.skills == []


async def test_another_name_is_refused(tmp_path: Path, monkeypatch):
    async with sidecar(tmp_path) as rig:
        monkeypatch.setenv("CHATIXIA_SOCKET", str(rig.path))
        with pytest.raises(ConfigError, match="of weather, not of other"):
            await Agent("other").start()


async def test_a_program_that_is_replaced_has_a_fault(tmp_path: Path, monkeypatch):
    async with sidecar(tmp_path) as rig:
        monkeypatch.setenv("CHATIXIA_SOCKET", str(rig.path))
        agent = Agent("weather")
        await agent.start()
        other = await rig.program()
        await other.hello(takeover=True)
        await until(lambda: agent.fault is not None)
        assert agent.fault is not None and agent.fault.code == "already_running"
        await agent.stop(grace=0)


async def test_a_sidecar_that_is_not_online_is_waited_for(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(MeshOfPort, "is_online", False)
    async with sidecar(tmp_path) as rig:
        connection = SidecarConnection("weather", rig.path)
        await connection.start()
        with pytest.raises(RegistryUnreachable):
            await connection.online(0.05)
        monkeypatch.setattr(MeshOfPort, "is_online", True)
        await connection.online(5)
        assert (connection.label, connection.url) == ("home", "http://127.0.0.1:8080")
        connection.abandon()
        await connection.stop()


async def test_a_sidecar_that_stands_still_is_asked_again(tmp_path: Path):
    """It greets, then answers nothing until it was asked twice."""
    asked: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async for line in reader:
            command = json.loads(line)
            result = {"type": "result", "id": command["id"]}
            if command["type"] == "hello":
                welcome = {"name": "weather", "version": 1}
                result["payload"] = {"value": welcome}
            elif command["type"] == "status":
                asked.append(command["id"])
                result["payload"] = {"value": {"name": "weather", "online": True}}
            if command["type"] == "hello" or len(asked) > 1:
                writer.write(json.dumps(result).encode() + b"\n")

    server = await asyncio.start_unix_server(serve, tmp_path / "s")
    connection = SidecarConnection("weather", tmp_path / "s")
    try:
        await connection.start()
        with pytest.raises(RegistryUnreachable):
            await connection.online(0.05)
        assert len(asked) == 1
        await connection.online(5)
        assert connection.is_online and len(asked) == 2
    finally:
        await connection.stop()
        server.close()


def test_without_the_variable_there_is_none(monkeypatch):
    monkeypatch.delenv("CHATIXIA_SOCKET", raising=False)
    assert sidecar_connection("weather", None) is None
