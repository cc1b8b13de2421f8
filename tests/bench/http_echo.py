"""The same echo over plain HTTP: Starlette on uvicorn, and a client that only keeps alive."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys

from tests.bench.measure import IN_FLIGHT, PAYLOAD, measure, say
from tests.bench.nats_echo import reachable


def serve(port: int) -> None:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def echo(request: Request) -> JSONResponse:
        return JSONResponse(await request.json())

    app = Starlette(routes=[Route("/echo", echo, methods=["POST"])])
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)


class Client:
    """Connections that stay open; as many as calls in flight."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def call(self) -> None:
        pair = (
            self.idle.pop() if self.idle else await asyncio.open_connection("127.0.0.1", self.port)
        )
        reader, writer = pair
        body = json.dumps({"data": PAYLOAD}).encode()
        writer.write(
            b"POST /echo HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\n\r\n%b" % (len(body), body)
        )
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        json.loads(await reader.readexactly(size))
        self.idle.append(pair)


async def ask() -> dict[str, float]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    far = subprocess.Popen([sys.executable, "-m", "tests.bench.http_echo", str(port)])
    try:
        await reachable(str(port))
        client = Client(port)
        found = await measure(client.call, far.pid, loaded=6_000)
        assert len(client.idle) <= IN_FLIGHT
        return found
    finally:
        far.kill()
        far.wait()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        serve(int(sys.argv[1]))
    else:
        say(asyncio.run(ask()))
