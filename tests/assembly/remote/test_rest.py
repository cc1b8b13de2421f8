"""A registry proves itself before anything that matters is said to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from chatixia.assembly.profile.profile import Profile
from chatixia.assembly.remote.rest import (
    RegistryClient,
    ask_serial,
    first,
    urls_of,
)
from chatixia.errors import (
    BadSignature,
    ConfigError,
    Denied,
    NotFound,
    RegistryUnreachable,
    TooLarge,
    WrongMesh,
)
from chatixia.peer.control import connection
from chatixia.peer.control import resolver as lookup
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.registry import Keys, Nothing, Serial, Session
from chatixia.wire.trust import InviteRef
from tests.assembly.proxy import Authority, Proxy
from tests.peer.resolver import held


@pytest.fixture
async def registry(tmp_path: Path) -> AsyncIterator[RegistryHarness]:
    async with RegistryHarness(tmp_path / "registry") as made:
        yield made


@pytest.fixture
async def secured(tmp_path: Path) -> AsyncIterator[RegistryHarness]:
    """One that also listens with TLS and its own certificate, by the name localhost."""
    async with RegistryHarness(tmp_path / "secured", public=["localhost"]) as made:
        yield made


async def do(work: Callable[..., Any], *args: Any) -> Any:
    return await asyncio.to_thread(work, *args)


def at(profile: Profile, *urls: str) -> Profile:
    profile.set_registries(urls)
    return profile


def ask(profile: Profile) -> Session:
    with RegistryClient.machine(profile, timeout=10) as rest:
        said: Session = rest.call("session", Nothing())
        return said


def tls_url(registry: RegistryHarness) -> str:
    return next(url for url in registry.running.started.urls if url.startswith("https"))


async def test_as_a_machine_and_as_the_owner(registry: RegistryHarness):
    profile = registry.profile
    assert (await do(ask, profile)).person == profile.machine

    def keys() -> Keys:
        with RegistryClient.owner(profile) as rest:
            said: Keys = rest.call("keys.list", Nothing())
            return said

    assert (await do(keys)).keys == []


async def test_errors_keep_their_class(registry: RegistryHarness):
    def as_machine() -> None:
        with RegistryClient.machine(registry.profile) as rest:
            rest.call("keys.list", Nothing())

    def as_owner() -> None:
        with RegistryClient.owner(registry.profile) as rest:
            rest.call("invite.get", InviteRef("0" * 16))

    with pytest.raises(Denied):
        await do(as_machine)
    with pytest.raises(NotFound):
        await do(as_owner)


async def test_over_the_registrys_own_certificate(secured: RegistryHarness):
    profile = at(secured.profile, tls_url(secured))
    assert (await do(ask, profile)).person == profile.machine


async def test_a_man_in_the_middle_hears_no_credential(secured: RegistryHarness, tmp_path: Path):
    """He passes everything on, so the registry's signature comes through: over its certificate."""
    own = Authority(tmp_path / "ca").context()
    port = int(tls_url(secured).rpartition(":")[2])
    async with Proxy(port, own, onward_tls=True) as middle:
        with pytest.raises(BadSignature):
            await do(ask, at(secured.profile, middle.url))
        assert b"/api/nonce" in middle.seen
        assert b"assertion" not in middle.seen
        assert b"Bearer" not in middle.seen


async def test_behind_a_tunnel_the_systems_roots_vouch(
    registry: RegistryHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    authority = Authority(tmp_path / "ca")
    port = int(registry.url.rpartition(":")[2])
    async with Proxy(port, authority.context()) as tunnel:
        with pytest.raises(BadSignature, match="vouch"):
            await do(ask, at(registry.profile, tunnel.url))
        assert b"assertion" not in tunnel.seen
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.roots))
        assert (await do(ask, registry.profile)).person == registry.profile.machine


async def test_a_vouched_certificate_for_another_host_is_refused(
    registry: RegistryHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    authority = Authority(tmp_path / "ca")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.roots))
    port = int(registry.url.rpartition(":")[2])
    async with Proxy(port, authority.context("example.net")) as tunnel:
        with pytest.raises(BadSignature, match="vouch"):
            await do(ask, at(registry.profile, tunnel.url))
        assert b"assertion" not in tunnel.seen


async def test_a_foreign_registry_gets_no_credential(registry: RegistryHarness, tmp_path: Path):
    async with RegistryHarness(tmp_path / "foreign") as foreign:
        async with Proxy(int(foreign.url.rpartition(":")[2])) as way:
            with pytest.raises(WrongMesh):
                await do(ask, at(registry.profile, way.url))
            assert b"/api/nonce" in way.seen
            assert b"assertion" not in way.seen


async def test_in_clear_only_to_this_machine(registry: RegistryHarness):
    for url in ("http://192.0.2.1:8080", "http://pi.local:8080", "ftp://127.0.0.1"):
        with pytest.raises(ConfigError, match="in clear"):
            await do(ask, at(registry.profile, url))


async def test_the_first_address_that_answers_is_taken(registry: RegistryHarness):
    profile = at(registry.profile, "http://127.0.0.1:1", registry.url)
    assert (await do(ask, profile)).person == profile.machine
    with pytest.raises(RegistryUnreachable, match="127.0.0.1:1"):
        await do(ask, at(profile, "http://127.0.0.1:1"))


async def test_no_resolver_is_asked_while_a_number_answers(registry: RegistryHarness):
    profile = at(registry.profile, "https://pi.local:8443", registry.url)
    with held() as resolver:
        assert (await do(ask, profile)).person == profile.machine
        assert not resolver.asked


async def test_a_silent_resolver_is_waited_for_less_where_a_number_refuses(
    registry: RegistryHarness, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(lookup, "LOOK_SECONDS", 0.01)
    profile = at(registry.profile, "http://127.0.0.1:1", "https://pi.local:8443")
    with held() as resolver, RegistryClient.machine(profile, timeout=60) as rest:
        with pytest.raises(RegistryUnreachable, match="pi.local:8443 does not answer: no resolver"):
            await asyncio.wait_for(do(rest.call, "session", Nothing()), 20)
        assert resolver.asked == ["pi.local"] and not rest.is_open
        at(profile, "https://pi.local:8443")
        with pytest.raises(RegistryUnreachable, match="no resolver answers"):
            await do(first, profile.registries, 0.01, lambda line: line)


async def test_a_name_is_reached_where_the_resolver_says(secured: RegistryHarness):
    with held() as resolver:
        resolver.answers["localhost"] = ["127.0.0.2", "127.0.0.1"]
        resolver.may_speak.set()
        profile = at(secured.profile, f"https://localhost:{tls_url(secured).rpartition(':')[2]}")
        # It answers to the names alone that it was started with, so it is still told the name.
        assert (await do(ask, profile)).person == profile.machine
        assert resolver.asked == ["localhost"]


async def test_mesh_time_is_learned(registry: RegistryHarness):
    profile = registry.profile
    (profile.folder / "clock").write_text("5")
    profile = Profile.open(home=registry.home)
    assert profile.clock.now() < 10
    await do(ask, profile)
    assert profile.clock.now() > 1e9


async def test_what_the_registry_knows_of_a_name(registry: RegistryHarness):
    profile = registry.profile
    assert (await do(ask_serial, profile, "weather")).serial == 0
    known: Serial = await do(ask_serial, profile, profile.machine)
    assert (known.serial, known.machine) == (1, profile.machine)
    odd = await do(ask_serial, profile, "a b~c?d#e%2f")
    assert odd.id == "a b~c?d#e%2f"


class Junk:
    """Something else that listens at the address."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(self._answer)
        writer.close()


def http(status: str, body: bytes) -> bytes:
    return b"HTTP/1.1 %s\r\ncontent-length: %d\r\n\r\n%s" % (status.encode(), len(body), body)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"", RegistryUnreachable),
        (b"SSH-2.0-x\r\n", RegistryUnreachable),
        (http("200 OK", b"<html>"), WrongMesh),
        (http("200 OK", b"{}"), WrongMesh),
        (http("404 Not Found", b"<html>"), RegistryUnreachable),
        (http("302 Found", b""), RegistryUnreachable),
        (http("200 OK", b"[" * 2000), TooLarge),
        (http("200 OK", b'{"nonce":"AA","now":1,"mesh":"x"}'), WrongMesh),
    ],
    ids=[
        "nothing",
        "another protocol",
        "a page",
        "an empty object",
        "no such page",
        "a redirect",
        "too much",
        "no proof",
    ],
)
async def test_what_is_no_registry(
    registry: RegistryHarness, answer: bytes, kind: type, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(connection, "MAX_REPLY", 1000)
    async with Junk(answer) as url:
        with pytest.raises(kind):
            await do(ask, at(registry.profile, url))


def test_urls_of_addresses():
    assert urls_of(["a:1", "127.0.0.1:2", "https://b"]) == [
        "https://a:1",
        "http://127.0.0.1:2",
        "https://127.0.0.1:2",
        "https://b",
    ]


def test_what_is_wrong_with_two_addresses_alike_is_said_once():
    with pytest.raises(RegistryUnreachable) as raised:
        first(urls_of(["127.0.0.1:1"]), 2.0, lambda line: line)
    assert raised.value.message.count("127.0.0.1:1") == 1
