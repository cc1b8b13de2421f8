"""A registry of the described contract, by requirements B.1 and B.2 alone: it knows no chatixia.

Tokens for keys by ``POST /api/token``, and ``/ws?token=``: ``register`` is answered with the ids of
those that are there, and offers, answers and candidates go to their target as they came.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

Frame = dict[str, Any]


class DescribedRegistry:
    """``keys``: peer ids by API key. ``logins``: when each upgrade came, by the loop's clock.
    ``refuse``: how many of the next logins are ended as they begin."""

    def __init__(self, **keys: str) -> None:
        self.keys = {key: peer for peer, key in keys.items()}
        self.tokens: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.logins: list[tuple[float, str]] = []
        self.frames: list[Frame] = []
        self.peers: dict[str, WebSocket] = {}
        self.refuse = 0
        self.changed = asyncio.Event()
        routes = [
            Route("/api/token", self.token, methods=["POST"]),
            WebSocketRoute("/ws", self.ws),
        ]
        self._app = Starlette(routes=routes)

    async def token(self, request: Request) -> Response:
        """A token is the peer's id and a number."""
        self.headers.append(dict(request.headers))
        peer = self.keys.get(request.headers.get("x-api-key", ""))
        if peer is None:
            return Response(status_code=401)
        self.tokens.append(f"{peer}.{len(self.tokens)}")
        return JSONResponse({"token": self.tokens[-1], "peer_id": peer, "role": "agent"})

    async def ws(self, ws: WebSocket) -> None:
        """One login."""
        token = ws.query_params.get("token", "")
        self.logins.append((asyncio.get_running_loop().time(), token))
        self.changed.set()
        if token not in self.tokens:
            await ws.close()
            return
        await ws.accept()
        if self.refuse:
            self.refuse -= 1
            await ws.close(1011)
            return
        peer = token.partition(".")[0]
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                await self._frame(ws, peer, json.loads(await ws.receive_text()))
        if self.peers.get(peer) is ws:
            del self.peers[peer]

    async def _frame(self, ws: WebSocket, peer: str, frame: Frame) -> None:
        self.frames.append(frame)
        self.changed.set()
        if frame["peer_id"] != peer:
            return
        if frame["type"] == "register":
            others = sorted(self.peers.keys() - {peer})
            self.peers[peer] = ws
            listed = {"type": "peer_list", "peer_id": "registry", "payload": {"peers": others}}
            await ws.send_text(json.dumps(listed))
        elif frame.get("target_id") in self.peers:
            await self.peers[frame["target_id"]].send_text(json.dumps(frame))

    async def drop(self, peer: str) -> None:
        """End a login."""
        await self.peers.pop(peer).close(1011)

    async def until(self, holds: Any) -> None:
        """Wait until something that came made it true."""
        async with asyncio.timeout(60):
            while not holds():
                self.changed.clear()
                await self.changed.wait()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Its address."""
        listener = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(self._app, log_level="error", ws="websockets-sansio")
        server = uvicorn.Server(config)
        task = asyncio.ensure_future(server.serve([listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task
