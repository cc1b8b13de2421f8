"""Answers carry their headers; refusals their code and when to come back."""

from __future__ import annotations

import json
from collections.abc import MutableMapping
from typing import Any

from chatixia.errors import DiskFull, Overloaded, TooLarge, Unauthorized
from chatixia.registry.web.answers import ALWAYS, answer, not_allowed, refuse


class Sent:
    """What an ASGI server was told to send."""

    def __init__(self) -> None:
        self.messages: list[MutableMapping[str, Any]] = []

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        self.messages.append(message)

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def headers(self) -> dict[str, str]:
        return {k.decode(): v.decode() for k, v in self.messages[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(m.get("body", b"") for m in self.messages[1:])


async def test_every_answer_is_whole_and_headed():
    sent = Sent()
    await answer(sent, 201, b"{}", "application/json", {"x": "y"})
    assert sent.status == 201 and sent.body == b"{}" and sent.headers["content-length"] == "2"
    assert set(ALWAYS) <= set(sent.headers) and sent.headers["x"] == "y"


async def test_refusals_say_what_to_do():
    for error, name in (
        (Overloaded(), "retry-after"),
        (DiskFull(), "retry-after"),
        (Unauthorized(), "www-authenticate"),
        (TooLarge(), "connection"),
    ):
        sent = Sent()
        await refuse(sent, error, "/x")
        said = json.loads(sent.body)
        assert sent.status == error.status == said["status"] and name in sent.headers
        assert said["code"] == error.code and said["instance"] == "/x"
        assert sent.headers["content-type"] == "application/problem+json"


async def test_405_names_the_methods():
    sent = Sent()
    await not_allowed(sent, "/x", "GET")
    assert sent.status == 405 and sent.headers["allow"] == "GET"
