"""What tests say at the registry's two doors: one login at `/ws`, one request over HTTP."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from chatixia.assembly.membership.enrol import Credentials, enrol
from chatixia.assembly.profile.profile import Profile
from chatixia.assembly.serve.up import RunningRegistry
from chatixia.core.ports import Principal
from chatixia.ids import AgentId
from chatixia.registry.call import Listener, RequestContext
from chatixia.testing.registry import RegistryHarness, RegistryProcess
from chatixia.wire import signed
from chatixia.wire.signaling import MAX_FROM_REGISTRY
from chatixia.world import REAL

OPENED: list[Callable[[], Awaitable[None]]] = []
"""How to close what a test opened and left open."""
HANG = 10.0
"""No test waits for an event longer than this."""


class Door(Protocol):
    """Where a registry is reached."""

    @property
    def url(self) -> str: ...


class Peer:
    """One WebSocket at the registry, as JSON objects. Frames not waited for are kept."""

    def __init__(self, ws: ClientConnection) -> None:
        self.ws = ws
        self.kept: list[dict[str, Any]] = []
        self.binary: list[bytes] = []
        self.welcome: dict[str, Any] = {}
        self.challenge: dict[str, Any] = {}
        self.who: Credentials | None = None
        self._calls = 0

    async def send(self, **frame: Any) -> None:
        await self.ws.send(json.dumps(frame))

    async def next(self, kind: str, /, **fields: Any) -> dict[str, Any]:
        """The next frame of a type (whose fields are these); others are kept for later."""
        for number, frame in enumerate(self.kept):
            if fits(frame, kind, fields):
                return self.kept.pop(number)
        async with asyncio.timeout(HANG):
            while True:
                await self._keep()
                if self.kept and (found := [f for f in self.kept if fits(f, kind, fields)]):
                    self.kept.remove(found[0])
                    return found[0]

    async def verb(self, name: str, /, **body: Any) -> dict[str, Any]:
        """A verb's result or error frame."""
        self._calls += 1
        ref = f"c{self._calls}"
        await self.send(type="verb", id=ref, verb=name, body=body)
        async with asyncio.timeout(HANG):
            while True:
                for frame in self.kept:
                    if frame.get("id") == ref or frame.get("ref") == ref:
                        self.kept.remove(frame)
                        return frame
                await self._keep()

    async def relayed(self) -> bytes:
        """The next binary message, which is the relay's; frames before it are kept."""
        async with asyncio.timeout(HANG):
            while not self.binary:
                await self._keep()
        return self.binary.pop(0)

    async def _keep(self) -> None:
        message = await self.ws.recv()
        if isinstance(message, bytes):
            self.binary.append(message)
            return
        frames = json.loads(message)
        self.kept.extend(frames if isinstance(frames, list) else [frames])

    async def closed(self) -> int:
        """Wait until the registry closes; the close code."""
        async with asyncio.timeout(HANG):
            with suppress(ConnectionClosed):
                while True:
                    await self.ws.recv()
        return self.ws.close_code or 0

    async def close(self) -> None:
        await self.ws.close()


def fits(frame: dict[str, Any], kind: str, fields: dict[str, Any]) -> bool:
    return frame["type"] == kind and all(frame.get(k) == v for k, v in fields.items())


class RunningDoor:
    """The address of a registry that a test started itself."""

    def __init__(self, running: RunningRegistry) -> None:
        self.url = running.started.urls[0]


async def dial(registry: Door, **more: Any) -> Peer:
    """An open socket that has read its challenge."""
    url = registry.url.replace("http", "ws", 1) + "/ws"
    ws = await connect(url, compression=None, max_size=MAX_FROM_REGISTRY, **more)
    peer = Peer(ws)
    OPENED.append(peer.close)
    peer.challenge = await peer.next("challenge")
    return peer


def register_frame(who: Credentials, challenge: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A signed ``register``; ``more`` overrides fields after signing."""
    me, mine = who.me(), REAL.token(16)
    data = signed.login(
        mesh=me.mesh,
        peer_id=me.id,
        incarnation=me.incarnation,
        nonce=signed.unb64(challenge["nonce"]),
        my_nonce=mine,
    )
    return {
        "type": "register",
        "peer_id": me.id,
        "incarnation": me.incarnation,
        "chain": msgspec.to_builtins(me.chain),
        "nonce": signed.b64(mine),
        "sig": signed.b64(me.sign(signed.LOGIN, data)),
        **more,
    }


async def login(registry: Door, who: Credentials, **more: Any) -> Peer:
    """A logged-in socket. ``more``: fields of ``register``."""
    peer = await dial(registry)
    await peer.send(**register_frame(who, peer.challenge, **more))
    peer.welcome = await peer.next("welcome")
    return peer


async def enrolled(
    registry: RegistryHarness | RegistryProcess,
    name: str = "",
    kind: Any = "agent",
    profile: Profile | None = None,
) -> Credentials:
    """Credentials of an agent, or of a new client; of another machine's ``profile`` if given."""
    who = await asyncio.to_thread(enrol, profile or registry.profile, name, kind)

    async def close() -> None:
        who.close()

    OPENED.insert(0, close)
    return who


async def agent(
    registry: RegistryHarness | RegistryProcess, name: str, *skills: str, **more: Any
) -> Peer:
    """An enrolled agent, logged in with skills. Its credentials are ``peer.who``."""
    who = await enrolled(registry, name)
    peer = await login(registry, who, skills=[{"name": skill} for skill in skills], **more)
    peer.who = who
    return peer


async def token_of(peer: Peer) -> str:
    """The REST token that a login brought."""
    return str(peer.welcome["token"])


def person(kind: str = "owner") -> RequestContext:
    """A call as by the owner, for tests that go past the doors."""
    return RequestContext(Principal(AgentId("admin"), kind), "?", Listener(), True)


class Answer:
    """Status, headers and JSON (or text) of an HTTP answer."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json["code"])


async def http_call(
    registry: RegistryHarness | RegistryProcess,
    method: str,
    path: str,
    body: Any = None,
    **headers: str,
) -> Answer:
    """One request; header names with _ for -. A dict body is sent as JSON."""
    return await asyncio.to_thread(http_now, registry.url, method, path, body, headers)


def http_now(url: str, method: str, path: str, body: Any, headers: dict[str, str]) -> Answer:
    line = http.client.HTTPConnection(urlsplit(url).netloc, timeout=HANG)
    try:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent.setdefault("content-type", "application/json")
        line.request(method, path, body, sent)
        answer = line.getresponse()
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    finally:
        line.close()
