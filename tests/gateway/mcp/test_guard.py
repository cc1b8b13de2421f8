"""What a request passes first: Host, Origin, credential, share. Each refusal says only that."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from chatixia.gateway.mcp import guard
from chatixia.gateway.mcp.callers import CALLER
from chatixia.gateway.mcp.guard import McpGuard, name_of

TOKEN = "t" * 40


class Door:
    """The guard before an application that says who came."""

    def __init__(self) -> None:
        self.tokens = {"desk": TOKEN, "other": "o" * 40}
        self.came: list[Any] = []
        self.proved: list[Any] = []
        self.hold: asyncio.Event | None = None
        self.guard = McpGuard(
            self._app, {"127.0.0.1", "::1"}, lambda: self.tokens, self.proved.append
        )

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        self.came.append((scope[CALLER], scope["user"].access_token.client_id))
        if self.hold is not None:
            await self.hold.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def ask(self, **headers: str | list[str]) -> tuple[int, str]:
        listed = [
            (name.replace("_", "-").encode(), value.encode())
            for name, values in headers.items()
            for value in ([values] if isinstance(values, str) else values)
        ]
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        await self.guard({"type": "http", "headers": listed}, None, send)  # type: ignore[arg-type]
        body = b"".join(one.get("body", b"") for one in sent)
        return sent[0]["status"], msgspec.json.decode(body)["code"] if body else ""


GOOD = {"host": "127.0.0.1:8790", "authorization": f"Bearer {TOKEN}"}


async def test_who_has_a_token_comes_in_under_its_name():
    door = Door()
    assert await door.ask(**GOOD) == (200, "")
    assert await door.ask(**{**GOOD, "origin": "http://127.0.0.1:8790"}) == (200, "")
    assert await door.ask(**{**GOOD, "host": "[::1]:8790"}) == (200, "")
    assert door.came == [("desk", "desk")] * 3
    assert len(door.proved) == 3


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 400),
        ({"host": ""}, 400),
        ({"host": ["127.0.0.1", "evil.example"]}, 400),
        ({"host": "127.0.0.1.evil.example"}, 400),
        ({"host": "127.0.0.1:65536"}, 400),
        ({"host": "127.0.0.1:x"}, 400),
        ({"host": "127.0.0.1:"}, 400),
        ({"host": "[::1].evil.example"}, 400),
        ({"host": "[::1]"[:-1]}, 400),
        ({"host": "evil.example@127.0.0.1"}, 400),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:9"}, 403),
        ({"authorization": []}, 401),
        ({"authorization": "Bearer "}, 401),
        ({"authorization": TOKEN}, 401),
        ({"authorization": f"Basic {TOKEN}"}, 401),
        ({"authorization": f"Bearer {TOKEN[:-1]}"}, 401),
        ({"authorization": f"Bearer {TOKEN}x"}, 401),
        ({"authorization": [f"Bearer {TOKEN}", f"Bearer {TOKEN}"]}, 401),
        ({"authorization": "Bearer " + "x" * 5000}, 401),
        ({"authorization": "Bearer \u00e4"}, 401),
        ({f"x{n}": "1" for n in range(guard.MAX_HEADERS)}, 400),
    ],
)
async def test_who_is_refused(headers: dict[str, Any], status: int):
    door = Door()
    assert (await door.ask(**{**GOOD, **headers}))[0] == status
    assert not door.came
    assert not door.proved


async def test_a_token_that_was_taken_away_holds_no_more():
    door = Door()
    del door.tokens["desk"]
    assert (await door.ask(**GOOD))[0] == 401


async def test_one_credential_takes_no_more_than_its_share(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(guard, "MOST_REQUESTS", 2)
    monkeypatch.setattr(guard, "MOST_WAITING", 0)
    door = Door()
    door.hold = asyncio.Event()
    waiting = [asyncio.ensure_future(door.ask(**GOOD)) for _ in range(2)]
    while len(door.came) < 2:
        await asyncio.sleep(0)
    assert (await door.ask(**GOOD))[0] == 429
    other = asyncio.ensure_future(door.ask(**{**GOOD, "authorization": f"Bearer {'o' * 40}"}))
    while len(door.came) < 3:
        await asyncio.sleep(0)
    door.hold.set()
    assert [status for status, _ in await asyncio.gather(*waiting, other)] == [200] * 3
    assert not door.guard._places


async def test_requests_wait_for_a_place_and_not_for_ever(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(guard, "MOST_REQUESTS", 2)
    door = Door()
    door.hold = asyncio.Event()
    waiting = [asyncio.ensure_future(door.ask(**GOOD)) for _ in range(20)]
    while len(door.came) < 2:
        await asyncio.sleep(0)
    monkeypatch.setattr(guard, "WAIT_S", 0.0)
    assert (await door.ask(**GOOD))[0] == 429
    assert len(door.came) == 2
    door.hold.set()
    assert [status for status, _ in await asyncio.gather(*waiting)] == [200] * 20
    assert not door.guard._places


async def test_who_leaves_while_it_waits_takes_no_place(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(guard, "MOST_REQUESTS", 1)
    door = Door()
    door.hold = asyncio.Event()
    first, second = (asyncio.ensure_future(door.ask(**GOOD)) for _ in range(2))
    while not door.came:
        await asyncio.sleep(0)
    second.cancel()
    await asyncio.wait([second])
    door.hold.set()
    assert (await first)[0] == (await door.ask(**GOOD))[0] == 200
    assert not door.guard._places


def test_names_of_hosts():
    assert [name_of(host) for host in ("a:1", "a", "[::1]:8", "[::1]")] == ["a", "a", "::1", "::1"]
