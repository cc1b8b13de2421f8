"""The login of a described peer at a registry that a test plays: token, signaling, and again."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from chatixia.errors import (
    BadSignature,
    ConfigError,
    Denied,
    Internal,
    MeshError,
    Overloaded,
    RegistryUnreachable,
    Replaced,
    Unauthorized,
)
from chatixia.peer.described import login as logins
from chatixia.peer.described.login import PAUSES, DescribedLogin
from chatixia.wire.registry import Token
from chatixia.wire.signaling import DescribedSignal
from chatixia.world import REAL
from tests.until import until


class HeardLinks:
    """What a login tells its links."""

    me = ""

    def __init__(self) -> None:
        self.signals: list[DescribedSignal] = []
        self.listed: list[list[str]] = []
        self.lost: list[tuple[str, str]] = []

    def signal(self, signal: DescribedSignal) -> None:
        self.signals.append(signal)

    def present(self, names: list[str]) -> None:
        self.listed.append(names)

    def unreachable(self, name: str, error: MeshError) -> None:
        self.lost.append((name, error.message))


class Registry:
    """A registry of the described contract. ``refusals``: answers to the next upgrades."""

    def __init__(self) -> None:
        self.sockets: list[ServerConnection] = []
        self.frames: list[Any] = []
        self.paths: list[str] = []
        self.tokens = 0
        self.refusals: list[tuple[int, dict[str, Any]]] = []
        self.errors: list[Exception] = []
        self.pauses: list[float] = []
        self.released = asyncio.Event()
        self.released.set()
        self.server: Server

    async def token(self) -> Token:
        self.tokens += 1
        if self.errors:
            raise self.errors.pop(0)
        return Token(f"t{self.tokens}", "rusty", "agent")

    def upgrade(self, connection: ServerConnection, request: Request) -> Response | None:
        self.paths.append(request.path)
        if not self.refusals:
            return None
        status, problem = self.refusals.pop(0)
        return connection.respond(status, json.dumps(problem))

    async def handle(self, ws: ServerConnection) -> None:
        self.sockets.append(ws)
        async for text in ws:
            frame = json.loads(text)
            self.frames.append(frame)
            if frame["type"] == "register":
                await self.say("peer_list", "registry", {"peers": ["ours", "rusty"]})

    async def say(self, kind: str, peer: str, payload: Any) -> None:
        frame = {"type": kind, "peer_id": peer, "target_id": "rusty", "payload": payload}
        await self.sockets[-1].send(json.dumps(frame))

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await self.released.wait()
        await asyncio.sleep(0)


def login_at(url: str, registry: Registry, links: Any) -> DescribedLogin:
    return DescribedLogin(url, registry.token, links, REAL, registry.sleep)


@contextlib.asynccontextmanager
async def entering(
    prepare: Callable[[Registry], None] = lambda registry: None,
) -> AsyncIterator[tuple[Registry, DescribedLogin, HeardLinks]]:
    registry, links = Registry(), HeardLinks()
    prepare(registry)
    registry.server = await serve(registry.handle, "127.0.0.1", 0, process_request=registry.upgrade)
    port = next(iter(registry.server.sockets)).getsockname()[1]
    login = login_at(f"ws://127.0.0.1:{port}/ws", registry, links)
    login.start()
    try:
        yield registry, login, links
    finally:
        await login.stop()
        registry.server.close()
        await registry.server.wait_closed()


async def test_it_registers_and_carries_signals_both_ways():
    async with entering() as (registry, login, links):
        await login.online(10)
        assert (login.id, links.me, links.listed) == ("rusty", "rusty", [["ours"]])
        assert registry.paths == ["/ws?token=t1"]
        assert registry.frames == [{"type": "register", "peer_id": "rusty", "payload": None}]
        await registry.say("offer", "ours", {"sdp": "v=0"})
        await registry.say("offer", "ours", {"no": "sdp"})
        await registry.say("peer_list", "ours", {"peers": ["liar"]})
        await registry.sockets[-1].send("no frame")
        await registry.say("unheard-of", "registry", None)
        lost = {"code": "unknown_agent", "message": "b is not here.", "target_id": "b"}
        await registry.say("error", "registry", lost)
        await until(lambda: links.lost)
        assert links.lost == [("b", "b is not here.")]
        assert links.listed == [["ours"]]
        assert links.signals == [DescribedSignal("rusty", "offer", "v=0", peer_id="ours")]
        assert login.tell(DescribedSignal("ours", "answer", "v=1"))
        await until(lambda: len(registry.frames) == 2)
        assert registry.frames[1] == {
            "type": "answer",
            "peer_id": "rusty",
            "target_id": "ours",
            "payload": {"sdp": "v=1"},
        }


async def test_a_lost_login_is_taken_up_at_once_and_then_after_1_2_4_to_30_seconds():
    async with entering() as (registry, login, _):
        await login.online(10)
        for n in range(9):
            await until(lambda n=n: len(registry.sockets) == n + 1 and login.up)
            await registry.sockets[-1].close()
            await until(lambda n=n: len(registry.pauses) == n + 1)
        assert registry.pauses == [0, 1, 2, 4, 8, 16, 30, 30, 30]
        assert registry.pauses[:7] == list(PAUSES)
        # Each time another token.
        await until(lambda: registry.paths[-1] == "/ws?token=t10" and registry.tokens == 10)


async def test_after_a_login_that_stood_the_steps_begin_anew(monkeypatch: pytest.MonkeyPatch):
    async with entering() as (registry, login, _):
        for n in range(3):
            await until(lambda n=n: len(registry.sockets) == n + 1 and login.up)
            await registry.sockets[-1].close()
            await until(lambda n=n: len(registry.pauses) == n + 1)
        monkeypatch.setattr(logins, "SETTLED_SECONDS", 0.0)
        await until(lambda: len(registry.sockets) == 4 and login.up)
        await registry.sockets[-1].close()
        await until(lambda: len(registry.pauses) == 4)
        assert registry.pauses == [0, 1, 2, 0]


async def test_who_is_busy_or_away_is_asked_again_when_it_says():
    def prepare(registry: Registry) -> None:
        registry.errors = [RegistryUnreachable("away"), Overloaded(retry_after=7.0)]
        busy = {"code": "busy", "detail": "Too many.", "retryable": True, "retry_after": 3.0}
        registry.refusals = [(503, busy), (502, {})]

    async with entering(prepare) as (registry, login, _):
        await login.online(10)
        assert registry.pauses == [0, 7, 3, 4]


@pytest.mark.parametrize("error", [Unauthorized(), ConfigError(), BadSignature()])
async def test_a_refusal_of_the_first_login_is_the_end(error: MeshError):
    async with entering(lambda registry: registry.errors.append(error)) as (registry, login, _):
        with pytest.raises(type(error)):
            await login.online(10)
        assert (login.fault, registry.pauses) == (error, [])


async def test_the_registrys_own_sentence_is_the_refusal():
    def prepare(registry: Registry) -> None:
        registry.refusals = [(403, {"code": "denied", "detail": "Set `compat: true`."})]

    ended: list[bool] = []
    async with entering(prepare) as (_, login, _):
        login.on_fault = lambda: ended.append(True)
        with pytest.raises(Denied, match="compat: true"):
            await login.online(10)
        assert ended


async def test_later_a_foreign_certificate_is_no_end_and_a_revoked_key_is():
    async with entering() as (registry, login, _):
        await login.online(10)
        registry.errors = [BadSignature(), Unauthorized("gone")]
        await registry.sockets[-1].close()
        await until(lambda: login.fault)
        assert isinstance(login.fault, Unauthorized)
        assert registry.tokens == 3


async def test_one_that_another_took_the_place_of_does_not_fight_for_it():
    async with entering() as (registry, login, _):
        await login.online(10)
        await registry.sockets[-1].close(4001, "replaced")
        await until(lambda: login.fault)
        assert isinstance(login.fault, Replaced)
        assert registry.tokens == 1


async def test_what_was_for_the_last_login_is_not_sent_by_the_next():
    async with entering() as (registry, login, _):
        await login.online(10)
        registry.released.clear()
        await registry.sockets[-1].close()
        await until(lambda: registry.pauses)
        assert not login.tell(DescribedSignal("ours", "offer", "v=0"))
        registry.released.set()
        await until(lambda: login.up)
        assert [frame["type"] for frame in registry.frames] == ["register"] * 2


async def test_no_token_goes_in_clear_to_another_machine():
    registry = Registry()
    login = login_at("ws://192.0.2.1/ws", registry, HeardLinks())
    login.start()
    with pytest.raises(ConfigError, match="in clear"):
        await login.online(10)
    await login.stop()


async def test_the_token_stands_in_no_error(caplog: pytest.LogCaptureFixture):
    async with entering() as (registry, login, _):
        await login.online(10)
        registry.released.clear()
        with caplog.at_level("DEBUG", "chatixia"):
            registry.server.close()
            await until(lambda: registry.pauses)
            registry.released.set()
            await until(lambda: len(registry.pauses) > 2)
        assert "token=" not in caplog.text and "t2" not in caplog.text
        assert not login.up
        with pytest.raises(RegistryUnreachable):
            other = login_at(login.url, registry, HeardLinks())
            other.start()
            try:
                await other.online(0.2)
            finally:
                await other.stop()


async def test_a_defect_ends_it_as_a_refusal_does(caplog: pytest.LogCaptureFixture):
    def prepare(registry: Registry) -> None:
        registry.errors = [ZeroDivisionError("a secret")]

    async with entering(prepare) as (_, login, _):
        with pytest.raises(Internal):
            await login.online(10)
    assert "ZeroDivisionError" in caplog.text and "a secret" not in caplog.text


async def test_what_is_no_address_is_a_refusal():
    registry = Registry()
    login = login_at("wss://localhost/ws#x", registry, HeardLinks())
    login.start()
    with pytest.raises(ConfigError, match="no address"):
        await login.online(10)
    await login.stop()
