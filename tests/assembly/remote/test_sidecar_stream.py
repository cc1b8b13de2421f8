"""A stream through the socket: it gives credit back as it is read, and is left once."""

from __future__ import annotations

from pathlib import Path

from chatixia.assembly.remote.sidecar_port import SidecarPort
from chatixia.core.ports import Outgoing
from chatixia.ids import AgentId
from chatixia.wire.ipc import STREAM_WINDOW
from tests.sidecar.rig import ScriptedStream, sidecar
from tests.until import until


async def test_a_reader_that_stops_stops_the_far_end(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        port = SidecarPort(rig.path, "weather")
        await port.start()
        size = 10_000
        stream = ScriptedStream([b'"%s"' % (b"x" * (size - 2))] * 1000)
        rig.port.streams.append(stream)
        items = port.stream(Outgoing(AgentId("bob"), "tell"))
        reader = aiter(items)
        assert len(await anext(reader)) == size
        await until(lambda: items.arrived >= STREAM_WINDOW // size)
        assert stream.taken <= STREAM_WINDOW // size + 2
        for _ in range(50):
            await anext(reader)
        await until(lambda: stream.taken > 50)
        await items.aclose()
        await until(lambda: stream.closed)
        await items.aclose()
        await port.stop()
