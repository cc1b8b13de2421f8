"""A peer of the described contract, by requirements B alone: it knows nothing of chatixia.

Token by a key in a header, ``/ws?token=``, ``register``, unsigned offers and answers, candidates
one by one, one DataChannel ``mesh`` with MeshMessages in text frames. aiortc is its WebRTC stack.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import secrets
import urllib.request
from collections.abc import Callable
from typing import Any

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.sdp import candidate_from_sdp
from websockets.asyncio.client import ClientConnection, connect

WAIT_S = 30.0
CANDIDATE = re.compile(r"^a=(candidate:[^\r\n]*|end-of-candidates)\r?\n", re.M)

Message = dict[str, Any]


def http(method: str, url: str, body: Any = None, **headers: str) -> Any:
    """One request; the decoded answer. Raises HTTPError."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    data = None
    if body is not None:
        data = json.dumps(body).encode()
        sent["content-type"] = "application/json"
    request = urllib.request.Request(url, data, sent, method=method)  # noqa: S310 - http alone
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        return json.loads(answer.read() or b"null")


class DescribedPeer:
    """One sidecar and its agent in one. ``credential``: the header by which it gets tokens."""

    def __init__(self, url: str, credential: dict[str, str]) -> None:
        self._url, self._credential = url, credential
        self._connections: dict[str, RTCPeerConnection] = {}
        self._every: list[RTCPeerConnection] = []
        self._channels: dict[str, Any] = {}
        self._early: dict[str, list[Message]] = {}
        self._pending: dict[str, asyncio.Future[Message]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._handlers: dict[str, Callable[[str, Message], Any]] = {}
        self.offers = True
        """Whether it offers to whoever is listed."""
        self.sdp_mid: str | None = None
        """What its candidates say of their section; null is a described form, too."""
        self.peer_id = ""
        self.listed: list[str] = []
        self.frames: list[Message] = []
        self.events: list[tuple[str, str]] = []
        self.messages: list[tuple[str, Message]] = []
        self.changed = asyncio.Event()

    # -- signaling

    def token(self) -> Message:
        """``{token, peer_id, role}``."""
        answer: Message = http("POST", f"{self._url}/api/token", **self._credential)
        return answer

    async def enter(self) -> None:
        """Get a token, connect, register, and offer to each peer that is listed."""
        token = await asyncio.to_thread(self.token)
        self.peer_id = token["peer_id"]
        base = self._url.replace("http", "ws", 1)
        self.ws: ClientConnection = await connect(f"{base}/ws?token={token['token']}")
        self._spawn(self._listen())
        await self.signal("register")
        await self.until(lambda: any(one["type"] == "peer_list" for one in self.frames))

    async def signal(self, kind: str, target: str = "", payload: Any = None) -> None:
        frame = {"type": kind, "peer_id": self.peer_id, "payload": payload}
        await self.ws.send(json.dumps({**frame, **({"target_id": target} if target else {})}))

    async def _listen(self) -> None:
        async for text in self.ws:
            frame = json.loads(text)
            self.frames.append(frame)
            await self._frame(frame)
            self.changed.set()

    async def _frame(self, frame: Message) -> None:
        kind, peer, payload = frame["type"], frame.get("peer_id", ""), frame.get("payload")
        if kind == "peer_list":
            self.listed = payload["peers"]
            for name in self.listed if self.offers else []:
                if name not in self._channels:
                    await self.offer(name)
        elif kind == "offer":
            await self._answer(peer, payload["sdp"])
        elif kind == "answer":
            connection = self._connections.get(peer)
            if connection is not None and connection.signalingState == "have-local-offer":
                answer = RTCSessionDescription(payload["sdp"], "answer")
                await connection.setRemoteDescription(answer)
                await self._take_early(peer)
        elif kind == "ice_candidate":
            self._early.setdefault(peer, []).append(payload)
            await self._take_early(peer)

    async def _take_early(self, peer: str) -> None:
        connection = self._connections.get(peer)
        if connection is None or connection.remoteDescription is None:
            return
        for payload in self._early.pop(peer, []):
            candidate = candidate_from_sdp(payload["candidate"].partition(":")[2])
            candidate.sdpMid = payload["sdpMid"]
            candidate.sdpMLineIndex = payload["sdpMLineIndex"]
            await connection.addIceCandidate(candidate)

    def _connect(self, peer: str) -> RTCPeerConnection:
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._connections[peer] = connection
        self._every.append(connection)

        @connection.on("connectionstatechange")
        async def changed() -> None:
            if connection.connectionState in ("failed", "closed"):
                self._lost(peer, connection)

        connection.on("datachannel", lambda channel: self._adopt(peer, channel))
        return connection

    async def offer(self, peer: str) -> None:
        """Its candidates go ahead of the offer: whoever gets them has nothing to give them to."""
        connection = self._connect(peer)
        channel = connection.createDataChannel("mesh")
        channel.on("open", lambda: self._adopt(peer, channel))
        await connection.setLocalDescription(await connection.createOffer())
        await self._send_description("offer", peer, connection.localDescription.sdp)

    async def _answer(self, peer: str, sdp: str) -> None:
        connection = self._connect(peer)
        await connection.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        await self._take_early(peer)
        await connection.setLocalDescription(await connection.createAnswer())
        await self._send_description("answer", peer, connection.localDescription.sdp)

    async def _send_description(self, kind: str, peer: str, sdp: str) -> None:
        for candidate in CANDIDATE.findall(sdp):
            if candidate.startswith("candidate:"):
                payload = {"candidate": candidate, "sdpMid": self.sdp_mid, "sdpMLineIndex": None}
                await self.signal("ice_candidate", peer, payload)
        await self.signal(kind, peer, {"sdp": CANDIDATE.sub("", sdp)})

    # -- the channel

    def _adopt(self, peer: str, channel: Any) -> None:
        assert channel.label == "mesh" and channel.ordered
        self._channels[peer] = channel
        channel.on("message", lambda data: self._message(peer, data))
        channel.on("close", lambda: self._lost(peer, self._connections.get(peer)))
        self.events.append(("peer_connected", peer))
        self.changed.set()

    def _lost(self, peer: str, connection: RTCPeerConnection | None) -> None:
        """Told as often as it happens: the contract has it so."""
        if self._connections.get(peer) is connection:
            self._channels.pop(peer, None)
        self.events.append(("peer_disconnected", peer))
        self.changed.set()

    def _message(self, peer: str, data: Any) -> None:
        assert isinstance(data, str)
        message = json.loads(data)
        self.messages.append((peer, message))
        waiting = self._pending.pop(message.get("request_id", ""), None)
        if waiting is not None and not waiting.done():
            waiting.set_result(message)
        elif message["type"] in self._handlers:
            self._spawn(self._handle(peer, message))
        self.changed.set()

    async def _handle(self, peer: str, message: Message) -> None:
        answer = self._handlers[message["type"]](peer, message)
        if answer is not None:
            self.send(peer, answer)

    def on(self, kind: str, handler: Callable[[str, Message], Any]) -> None:
        """Call ``handler`` for messages of that type; what it gives is sent back."""
        self._handlers[kind] = handler

    @property
    def connected(self) -> list[str]:
        """Whose channels are open."""
        return sorted(self._channels)

    def send(self, peer: str, message: Message | str) -> None:
        text = message if isinstance(message, str) else json.dumps(message)
        self._channels[peer].send(text)

    async def request(self, peer: str, kind: str, payload: Any, rid: str = "") -> Message:
        """Send a request and wait for its answer."""
        rid = rid or secrets.token_hex(6)
        waiting = self._pending[rid] = asyncio.get_running_loop().create_future()
        message = {"type": kind, "request_id": rid, "source_agent": "whoever", "payload": payload}
        self.send(peer, {**message, "target_agent": peer})
        async with asyncio.timeout(WAIT_S):
            return await waiting

    async def until(self, holds: Callable[[], Any]) -> None:
        """Wait until an event made it true."""
        async with asyncio.timeout(WAIT_S):
            while not holds():
                self.changed.clear()
                await self.changed.wait()

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- leaving

    async def drop(self) -> None:
        """Lose signaling: it closes every connection, and forgets whom it knew."""
        await self.ws.close()
        await self.hang_up()
        self.frames.clear()

    async def hang_up(self) -> None:
        """Close every connection, and stay at the registry."""
        connections, self._every = self._every, []
        self._connections.clear()
        self._channels.clear()
        self._early.clear()
        for connection in connections:
            await connection.close()

    async def leave(self) -> None:
        with contextlib.suppress(Exception):
            await self.drop()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
