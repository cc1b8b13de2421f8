"""One login at a front door that lies: who is not my registry gets nothing but a signature."""

from __future__ import annotations

import asyncio
import errno
from typing import Any

import pytest

from chatixia.errors import (
    BadRequest,
    BadSignature,
    ConfigError,
    MeshError,
    NameTaken,
    RegistryUnreachable,
    TooLarge,
    UnknownType,
    UpgradeNeeded,
    WrongMesh,
)
from chatixia.peer.control.login import (
    LoginConnection,
    NoAddress,
    NobodyListens,
    _refused,
    hang_up,
    login,
    name_of,
    numbers_of,
    read,
)
from chatixia.peer.control.session import Signaling
from chatixia.wire.peer import SkillInfo
from chatixia.wire.signaling import (
    MAX_FROM_REGISTRY,
    Challenge,
    Heartbeat,
    PeerList,
    Ping,
    Register,
    SignalError,
    Welcome,
)
from tests.core.circle import NOW, Party, owner
from tests.peer.front import Front, front, me
from tests.peer.resolver import held


async def enter(door: Front, who: Any = None) -> LoginConnection:
    who = who or me()
    line = await login(door.url, who, Register(who.id, incarnation=who.incarnation), b"n" * 16)
    await hang_up(line.ws)
    return line


async def test_a_login_proves_both_and_learns_the_time_and_the_key():
    async with front() as door:
        who = me()
        door.now = NOW + 500.0
        line = await enter(door, who)
        assert line.key == who.registry_key == door.party.sign.public
        assert who.clock.now() == NOW + 500.0
        assert line.welcome.epoch == "1.1" and isinstance(line.frames[-1], PeerList)
        assert door.logins[0].chain == who.chain and door.logins[0].sig


async def test_over_tls_the_proof_names_the_certificate(tmp_path):
    async with front(tls=tmp_path) as door:
        await enter(door)
        door.certificate = b"x" * 32
        with pytest.raises(BadSignature):
            await enter(door)


async def test_a_proof_without_the_certificate_needs_the_systems_roots(tmp_path):
    async with front(tls=tmp_path) as door:
        door.certificate = b""
        with pytest.raises(BadSignature, match="vouches"):
            await enter(door)


async def test_another_key_than_the_pinned_one_is_not_my_registry():
    async with front() as door:
        who = me()
        who.registry_key = b"p" * 32
        with pytest.raises(WrongMesh):
            await enter(door, who)
        assert who.clock.now() == NOW


FOREIGN = {
    "another mesh": Party("registry", "registry", owner("another")),
    "an agent in its place": Party("machine", "laptop", owner()),
}


@pytest.mark.parametrize("name", list(FOREIGN))
async def test_a_registry_of_nobodys_is_refused(name):
    async with front(party=FOREIGN[name]) as door:
        with pytest.raises(WrongMesh):
            await enter(door)


def bent(change: str, frame: Any) -> Any:
    match change, frame:
        case "a forged proof", Welcome():
            frame.sig = "A" * 86
        case "no proof", Welcome():
            frame.sig = ""
        case "another version", Challenge():
            frame.versions = [99]
        case "no challenge", Challenge():
            return Ping()
        case "no welcome", Welcome():
            return Ping()
    return frame


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ("a forged proof", BadSignature),
        ("no proof", BadSignature),
        ("another version", UpgradeNeeded),
        ("no challenge", BadRequest),
        ("no welcome", BadRequest),
    ],
)
async def test_what_is_not_said_as_it_should_be_ends_the_login(change, error):
    async with front() as door:
        door.bend.change(lambda frame: bent(change, frame))
        with pytest.raises(error):
            await enter(door)


async def test_a_refusal_comes_as_it_was_said():
    async with front() as door:
        door.refuse = SignalError("name_taken", "The name is taken.", "register")
        with pytest.raises(NameTaken, match="The name is taken"):
            await enter(door)


async def test_nobody_there_and_somebody_else_there():
    with pytest.raises(RegistryUnreachable):
        await login("http://127.0.0.1:9", me(), Register("weather"), b"n" * 16)

    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(other, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(RegistryUnreachable):
            await login(f"http://127.0.0.1:{port}", me(), Register("weather"), b"n" * 16)


@pytest.mark.parametrize("url", ["http://192.0.2.1:8080", "ftp://127.0.0.1", "weather", "http://"])
async def test_in_clear_only_to_this_machine(url):
    with pytest.raises(ConfigError):
        await login(url, me(), Register("weather"), b"n" * 16)


async def test_my_record_is_renewed_before_it_is_shown():
    async with front() as door:
        who = me()
        asked: list[float] = []
        who.renew = lambda now: bool(asked.append(now))
        await enter(door, who)
        assert asked == [door.now]


def test_frames_come_alone_or_in_arrays():
    assert [type(f) for f in read('{"type":"ping"}')] == [Ping]
    assert [type(f) for f in read(b'[{"type":"ping"},{"type":"peer_list","peers":[]}]')] == [
        Ping,
        PeerList,
    ]


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", BadRequest),
        (b"[", BadRequest),
        (b"[" * 100_000, BadRequest),
        (b"\xff\xfe", BadRequest),
        (b'{"type":"offer"}', BadRequest),
        (b'{"type":"nonsense"}', UnknownType),
        (b" " * (MAX_FROM_REGISTRY + 1), TooLarge),
    ],
)
def test_what_is_no_frame_is_one_error(data, error):
    with pytest.raises(error) as raised:
        list(read(data))
    assert isinstance(raised.value, MeshError)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_host_that_refuses_says_that_nobody_listens(host):
    with pytest.raises(NobodyListens, match="No registry runs at"):
        await login(f"http://{host}:9", me(), Register("weather"), b"n" * 16)


async def test_a_name_is_looked_up_once_and_told_to_the_registry_as_it_was_written(tmp_path):
    async with front(tls=tmp_path) as door:
        told: list[str | None] = []
        door.tls.sni_callback = lambda ssl, name, _: told.append(name)
        url = door.url.replace("127.0.0.1", "pi.local")
        with held() as resolver:
            resolver.answers["pi.local"] = ["127.0.0.2", "127.0.0.1"]
            resolver.may_speak.set()
            who = me()
            line = await login(url, who, Register(who.id), b"n" * 16)
            assert line.ws.request.headers["Host"] == url.removeprefix("https://")
            await hang_up(line.ws)
            assert (told, resolver.asked) == (["pi.local"], ["pi.local"])


async def test_a_name_that_nobody_knows_has_no_address():
    with held() as resolver:
        resolver.may_speak.set()
        with pytest.raises(NoAddress, match="pi.local:9 does not answer: Name or service"):
            await login("https://pi.local:9", me(), Register("weather"), b"n" * 16)
    assert (name_of("https://pi.local"), name_of("https://[::1]:9")) == ("pi.local", "")
    assert await numbers_of("https://192.0.2.1") == []


def test_several_reasons_are_a_refusal_only_if_all_are():
    text = "Multiple exceptions: [Errno 111] Connect call failed, [Errno %d] Connect call failed"
    assert _refused(OSError(text % errno.ECONNREFUSED))
    assert not _refused(OSError(text % errno.EHOSTUNREACH))
    assert not _refused(OSError("something else"))
    assert not _refused(TimeoutError())


async def test_what_changes_while_a_login_is_made_is_told_once_it_stands():
    async with front() as door:
        identity = me(door.url)
        sign = identity.sign

        def signing(context: str, data: bytes) -> bytes:
            made.heartbeat(2, [SkillInfo("late")])  # what registers is written by now
            return sign(context, data)

        identity.sign = signing
        made = Signaling(identity)
        made.heartbeat(1, [SkillInfo("early")])
        made.start()
        await made.online(20)
        assert [skill.name for skill in door.logins[0].skills] == ["early"]
        await door.until(lambda: door.got)
        assert door.got == [Heartbeat(2, [SkillInfo("late")])]
        await made.stop()
