"""Adds a gateway's token to each request, for a suite that knows of none: all else as it came.

``python mcp_token_proxy.py URL TOKEN`` prints its own address.
"""

from __future__ import annotations

import socket
import sys
from typing import Any

import httpx2
import uvicorn

TARGET, TOKEN = sys.argv[1:]
DROPPED = {b"content-length", b"connection", b"transfer-encoding"}
client = httpx2.AsyncClient(timeout=60, trust_env=False)


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    headers = [(name, value) for name, value in scope["headers"] if name not in DROPPED]
    headers.append((b"authorization", f"Bearer {TOKEN}".encode()))
    url = TARGET + scope["path"]
    async with client.stream(scope["method"], url, headers=headers, content=body) as answer:
        kept = [(n.lower(), v) for n, v in answer.headers.raw if n.lower() not in DROPPED]
        start = {"type": "http.response.start", "status": answer.status_code, "headers": kept}
        await send(start)
        async for chunk in answer.aiter_raw():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


if __name__ == "__main__":
    sock = socket.create_server(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{sock.getsockname()[1]}", flush=True)
    config = uvicorn.Config(app, log_level="error", lifespan="off")
    uvicorn.Server(config).run(sockets=[sock])
