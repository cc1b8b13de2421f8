"""A connection to a registry: its certificate, and what is sure once it breaks."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from chatixia.errors import BadSignature, ConfigError, MeshError, RegistryUnreachable
from chatixia.peer.control.connection import PinnedConnection, tls_context
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.registry import NonceRequest, TokenRequest
from chatixia.wire.signed import b64
from chatixia.wire.tasks import Ref, Submit


@pytest.fixture
async def secured(tmp_path: Path) -> AsyncIterator[RegistryHarness]:
    """A registry that also listens with TLS and its own certificate, by the name localhost."""
    async with RegistryHarness(tmp_path / "secured", public=["localhost"]) as harness:
        yield harness


async def do(work: Callable[..., Any], *args: Any, **options: Any) -> Any:
    return await asyncio.to_thread(work, *args, **options)


def tls_url(registry: RegistryHarness) -> str:
    return next(url for url in registry.running.started.urls if url.startswith("https"))


class Torn:
    """A server in clear that answers each request with given bytes, then hangs up."""

    def __init__(self, *answers: bytes) -> None:
        self.answers, self.asked = list(answers), 0
        self.heads: list[bytes] = []
        self.serving: set[asyncio.Task[None]] = set()
        self.accepted = asyncio.Event()

    async def __aenter__(self) -> Torn:
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()
        for task in self.serving:  # whose client keeps the connection and asks no more
            task.cancel()
        await asyncio.gather(*self.serving, return_exceptions=True)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.serving.add(task)
        self.accepted.set()
        try:
            await self.answer(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            self.heads.append(head)
            length = re.search(rb"content-length: (\d+)", head.lower())
            await reader.readexactly(int(length[1]) if length else 0)
            self.asked += 1
            writer.write(self.answers.pop(0))


SUBMIT = Submit(id="t_" + "a" * 26, skill="x")
CUT = b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"
PROXY = b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 3\r\n\r\nbad"
ODD = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nodd"


@pytest.mark.parametrize("answer", [b"", CUT, PROXY, ODD])
async def test_a_request_that_left_and_got_no_answer_has_an_unknown_outcome(answer: bytes):
    async with Torn(answer, answer) as server:
        line = await do(PinnedConnection, server.url, 10)
        with pytest.raises(MeshError) as raised:
            await do(line.call, "tasks.submit", SUBMIT)
        assert raised.value.outcome == "unknown" and server.asked == 1
        line.close()
        # A question changes nothing, so there is no doubt.
        line = await do(PinnedConnection, server.url, 10)
        with pytest.raises(MeshError) as raised:
            await do(line.call, "tasks.get", Ref(SUBMIT.id))
        assert raised.value.outcome == "definite" and server.asked == 2
        line.close()


async def test_what_never_left_has_a_definite_one():
    async with Torn() as server:
        line = await do(PinnedConnection, server.url, 10)
        await server.accepted.wait()  # else it would end before it has the connection to close
    line.close()
    with pytest.raises(RegistryUnreachable) as raised:
        await do(line.call, "tasks.submit", SUBMIT)
    assert raised.value.outcome == "definite" and not server.asked


async def test_a_line_that_the_registry_proved_is_not_opened_again_unproved(
    secured: RegistryHarness,
):
    line = await do(PinnedConnection, tls_url(secured), 10)
    line.close()
    with pytest.raises(RegistryUnreachable, match="the connection was closed"):
        await do(line.call, "nonce", NonceRequest(b64(bytes(16))))
    plain = await do(PinnedConnection, secured.url, 10)
    plain.close()
    assert (await do(plain.call, "nonce", NonceRequest(b64(bytes(16))))).nonce
    plain.close()


async def test_a_pinned_certificate_is_the_only_one(secured: RegistryHarness):
    url = tls_url(secured)
    with pytest.raises(BadSignature, match="another certificate"):
        await do(PinnedConnection, url, 10, pinned=bytes(32))
    first = await do(PinnedConnection, url, 10)
    first.close()
    line = await do(PinnedConnection, url, 10, pinned=first.certificate)
    line.close()  # and a new connection shows it again
    assert (await do(line.call, "nonce", NonceRequest(b64(bytes(16))))).nonce
    line.close()


def test_in_clear_it_reaches_this_machine_alone():
    with pytest.raises(ConfigError, match="in clear"):
        PinnedConnection("http://192.0.2.1:8080", 1)


def test_the_roots_check_the_name_too():
    assert tls_context(vouched=True).check_hostname
    assert tls_context(vouched=False).verify_mode == ssl.CERT_NONE


async def test_a_device_token_has_its_own_header_and_a_path_stays_before_that_of_a_verb():
    token = b'{"token":"t","peer_id":"rusty","role":"agent"}'
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(token), token)
    for key, header in (("ck_1", "x-api-key"), ("dt_1", "x-device-token")):
        async with Torn(answer) as server:
            line = await do(PinnedConnection, f"{server.url}/mesh/", 5.0)
            assert (await do(line.call, "token", TokenRequest(), key=key)).peer_id == "rusty"
            line.close()
            assert b"POST /mesh/api/token " in server.heads[0]
            assert f"\r\n{header}: {key}\r\n".encode() in server.heads[0]
