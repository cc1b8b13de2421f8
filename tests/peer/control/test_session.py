"""The login kept up: addresses, outages, refusals, a second process, pushes and revocations."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from chatixia.core.revocation import sign_revocation
from chatixia.errors import (
    NameTaken,
    Overloaded,
    RegistryUnreachable,
    Replaced,
    Revoked,
    WrongMesh,
)
from chatixia.peer.control import session
from chatixia.peer.control.login_log import GAP_SECONDS
from chatixia.peer.control.outbox import OUTBOX_ITEMS
from chatixia.peer.control.session import Signaling
from chatixia.wire.base import encode
from chatixia.wire.peer import SkillInfo
from chatixia.wire.registry import Nothing
from chatixia.wire.relay import data_message
from chatixia.wire.signaling import (
    Config,
    Connect,
    Goodbye,
    Heartbeat,
    Offer,
    PeerInfo,
    PeerJoined,
    PeerLeft,
    PeerList,
    Ping,
    Pong,
    RevokedPush,
    SignalError,
    TaskHint,
    VerbCall,
    VerbResult,
)
from chatixia.wire.trust import Revocation
from tests.core.circle import NOW, Party, agent, owner
from tests.peer.front import Front, front, me
from tests.peer.resolver import held
from tests.until import until


@asynccontextmanager
async def logged_in(*doors: Front, online: bool = True) -> AsyncIterator[Signaling]:
    """A started login that knows these doors, in order."""
    made = Signaling(me(*(door.url for door in doors)), description="d", hostname="h", mode="agent")
    made.start()
    try:
        if online:
            await made.online(20)
        yield made
    finally:
        await made.stop()


async def test_what_was_set_before_is_told_at_login_and_changes_at_once():
    async with front() as door:
        shown = {"description": "says", "hostname": "host", "mcp_servers": ["files"]}
        made = Signaling(me(door.url), mode="agent", **shown)
        made.heartbeat(4, [SkillInfo("echo")])
        made.start()
        await made.online(20)
        said = door.logins[0]
        assert (said.description, said.hostname, said.slots) == ("says", "host", 4)
        assert said.mcp_servers == ["files"]
        assert [skill.name for skill in said.skills] == ["echo"]
        made.heartbeat(3, None)
        await door.until(lambda: door.got)
        assert door.got == [Heartbeat(3, None)]
        await made.stop()
        assert isinstance(door.got[-1], Goodbye)
        assert not made.up


async def test_a_lost_login_comes_back_and_says_all_again():
    async with front() as door, logged_in(door) as made:
        states: list[bool] = []
        made.on_state = states.append
        made.heartbeat(7, [SkillInfo("one"), SkillInfo("two")])
        await door.sockets[0].close()
        await door.until(lambda: len(door.logins) == 2)
        await until(lambda: made.up)
        assert door.logins[1].slots == 7 and len(door.logins[1].skills) == 2
        assert states == [False, True]


async def test_a_registry_that_comes_back_is_found_within_two_seconds_and_a_bit():
    async with front() as door:
        made = Signaling(me(door.url))
        port = int(door.url.rpartition(":")[2])
        made.start()
        await made.online(20)
    await until(lambda: not made.up)
    with pytest.raises(RegistryUnreachable):
        await made.verb("session", Nothing())
    assert not made.send(Ping())
    async with front(port) as door:
        await made.online(5)
        await made.stop()


async def test_the_next_address_is_tried_and_the_good_one_kept():
    async with front() as door:
        made = Signaling(me("http://127.0.0.1:9", "http://192.0.2.1:1", door.url))
        made.start()
        await made.online(20)
        assert made.url == door.url
        await made.stop()


async def test_addresses_that_the_proved_registry_names_are_tried_too():
    async with front() as door, front() as other:
        door.addresses = [other.url, "gopher://x"]
        async with logged_in(door) as made:
            assert made.urls == [door.url, other.url]


async def test_a_refused_login_is_said_and_backs_off(monkeypatch):
    monkeypatch.setattr(session, "REFUSED", (0.05, 30.0))
    async with front() as door:
        door.refuse = SignalError("name_taken", "The name is taken.", "register")
        async with logged_in(door, online=False) as made:
            with pytest.raises(NameTaken, match="The name is taken"):
                await made.online(20)
            await door.until(lambda: len(door.logins) == 2)
            await asyncio.sleep(0.2)
            assert len(door.logins) == 2


async def test_another_meshs_registry_is_refused_and_the_right_one_found():
    foreign = Party("registry", "registry", owner("another"))
    async with front(party=foreign) as wrong, front() as right:
        async with logged_in(wrong, online=False) as made:
            with pytest.raises(WrongMesh):
                await made.online(20)
        async with logged_in(wrong, right) as made:
            assert made.url == right.url


async def test_a_second_process_of_this_name_ends_it_for_good():
    async with front() as door, logged_in(door) as made:
        faults: list[Any] = []
        made.on_fault = faults.append
        await door.say(door.sockets[0], SignalError("replaced", "Another process.", "register"))
        await door.sockets[0].close(4001, "replaced")
        await until(lambda: faults)
        assert isinstance(faults[0], Replaced)
        with pytest.raises(Replaced):
            await made.online(1)
        assert len(door.logins) == 1


async def test_the_owners_word_against_me_ends_it_for_good():
    async with front() as door, logged_in(door) as made:
        faults: list[Any] = []
        made.on_fault = faults.append
        waiting = asyncio.ensure_future(made.verb("session", Nothing(), 60))
        await door.until(lambda: door.got)
        out = Revocation(made._me.mesh, "default", "weather", 9, NOW, 1)
        forged = RevokedPush(sign_revocation(out, agent("eve").sign.sign))
        await door.say(door.sockets[0], forged)
        await door.say(door.sockets[0], Ping("1"))
        await door.until(lambda: Pong("1") in door.got)
        assert made.up and not faults
        await door.say(door.sockets[0], RevokedPush(sign_revocation(out, owner().sign.sign)))
        with pytest.raises(Revoked, match="weather was revoked by the owner"):
            await waiting
        await until(lambda: faults)
        assert isinstance(faults[0], Revoked)
        for late in (made.online(1), made.verb("session", Nothing(), 60)):
            with pytest.raises(Revoked):
                await late
        assert len(door.logins) == 1


async def test_a_registrys_word_alone_ends_nothing_and_is_said_once(monkeypatch, caplog):
    monkeypatch.setattr(session, "REFUSED", (0.01,))
    caplog.set_level("WARNING", "chatixia")
    async with front() as door, logged_in(door) as made:
        faults: list[Any] = []
        made.on_fault = faults.append
        door.refuse = SignalError("revoked", "weather was revoked by the owner.", "register")
        await door.sockets[0].close()
        await door.until(lambda: len(door.logins) == 4)
        door.refuse = None
        await until(lambda: made.up)
        assert not faults
    assert [r.message.count("refuses the login") for r in caplog.records].count(1) == 1


async def test_a_refused_login_ends_for_good_only_with_the_owners_word(monkeypatch):
    monkeypatch.setattr(session, "REFUSED", (0.01,))
    async with front() as door:
        out = Revocation(me().mesh, "default", "weather", 9, NOW, 1)
        other = Revocation(me().mesh, "default", "bob", 9, NOW, 1)
        door.refuse = SignalError("revoked", "weather was revoked by the owner.", "register")
        async with logged_in(door, online=False) as made:
            faults: list[Any] = []
            made.on_fault = faults.append
            for statement in (
                sign_revocation(out, agent("eve").sign.sign),
                sign_revocation(other, owner().sign.sign),
            ):
                door.proof = RevokedPush(statement)
                tried = len(door.logins)
                await door.until(lambda tried=tried: len(door.logins) > tried + 1)
            assert not faults
            door.proof = RevokedPush(sign_revocation(out, owner().sign.sign))
            await until(lambda: faults)
            with pytest.raises(Revoked):
                await made.online(1)
            assert isinstance(faults[0], Revoked) and made._over()


async def test_after_the_owners_word_no_other_address_is_tried():
    out = Revocation(me().mesh, "default", "weather", 9, NOW, 1)
    async with front() as door, front() as other:
        door.refuse = SignalError("revoked", "weather was revoked by the owner.", "register")
        door.proof = RevokedPush(sign_revocation(out, owner().sign.sign))
        async with logged_in(door, other, online=False) as made:
            with held() as resolver:
                made.urls.append("https://pi.local:8443")
                with pytest.raises(Revoked):
                    await made.online(20)
                assert not resolver.asked and not other.logins


async def test_too_many_refused_logins_are_no_reason_to_hurry(monkeypatch):
    monkeypatch.setattr(session, "REFUSED", (0.05, 30.0))
    async with front() as door:
        door.refuse = SignalError("busy", "Too many failed logins.", "register")
        async with logged_in(door, online=False) as made:
            await door.until(lambda: len(door.logins) == 2)
            with pytest.raises(Overloaded):  # it is waited for, as one that is only busy
                await made.online(0.3)
            assert len(door.logins) == 2


async def test_verbs_go_and_answers_come_back():
    async with front() as door, logged_in(door) as made:
        task = asyncio.ensure_future(made.verb("session", Nothing(), 5))
        await door.until(lambda: door.got)
        call = door.got[0]
        assert isinstance(call, VerbCall) and call.verb == "session"
        await door.say(door.sockets[0], SignalError("denied", "no", call.id))
        with pytest.raises(Exception, match="no") as raised:
            await task
        assert raised.value.code == "denied"
        task = asyncio.ensure_future(made.verb("leave", Nothing(), 60))
        await door.until(lambda: len(door.got) == 2)
        await door.sockets[0].close()
        with pytest.raises(RegistryUnreachable) as lost:
            await task
        assert lost.value.outcome == "unknown"


async def test_each_push_goes_to_whom_it_concerns():
    async with front() as door, logged_in(door) as made:
        links, mesh, configs = [], [], []
        made.on_signal, made.on_push, made.on_config = links.append, mesh.append, configs.append
        listed: list[str] = []
        made.on_listed = listed.append
        frames = [
            Offer("weather", "v=0", "alice"),
            PeerJoined(PeerInfo("bob")),
            PeerLeft("bob"),
            PeerList([PeerInfo("cyd")]),
            TaskHint("t_x"),
            Config(token="t"),
            SignalError("unknown_agent", "", "offer", target_id="bob"),
            Ping("7"),
        ]
        text = "[" + ",".join(encode(frame).decode() for frame in frames) + "]"
        await door.sockets[0].send("[}")
        await door.sockets[0].send(text)
        await door.until(lambda: Pong("7") in door.got)
        assert [type(frame) for frame in links] == [
            Offer,
            PeerJoined,
            PeerLeft,
            PeerList,
            SignalError,
        ]
        assert [type(frame) for frame in mesh] == [PeerJoined, PeerLeft, PeerJoined, TaskHint]
        assert configs[0].token == "t"
        assert listed == ["bob", "bob", ""]


async def test_only_the_owners_revocation_counts():
    async with front() as door, logged_in(door) as made:
        told: list[int] = []
        made.on_revoked = lambda statement: told.append(1)
        mesh = made._me.mesh
        gone = Revocation(mesh, "default", "bob", 3, NOW, 1)
        await door.say(door.sockets[0], RevokedPush(sign_revocation(gone, agent("eve").sign.sign)))
        await door.say(door.sockets[0], Ping("1"))
        await door.until(lambda: Pong("1") in door.got)
        assert not told and not made._me.book.revocations
        for _ in range(2):
            await door.say(door.sockets[0], RevokedPush(sign_revocation(gone, owner().sign.sign)))
        await door.say(door.sockets[0], Ping("2"))
        await door.until(lambda: Pong("2") in door.got)
        assert told == [1] and ("default", "bob") in made._me.book.revocations
        await door.sockets[0].close()
        await door.until(lambda: len(door.logins) == 2)
        assert door.logins[1].revocations == 1


async def test_the_queue_to_a_registry_that_reads_nothing_is_bounded():
    async with front() as door, logged_in(door) as made:
        sent = sum(made.send(Connect("bob")) for _ in range(OUTBOX_ITEMS + 100))
        assert sent == OUTBOX_ITEMS


class Relayed:
    """Relay messages to send, and what came."""

    def __init__(self, *messages: bytes) -> None:
        self.messages = list(messages)
        self.came: list[bytes] = []
        self.resets = 0

    def next_message(self) -> bytes | None:
        return self.messages.pop(0) if self.messages else None

    def receive(self, message: bytes) -> None:
        self.came.append(message)

    def reset(self) -> None:
        self.resets += 1


async def test_signaling_goes_before_the_relay_and_both_ways_it_is_told_apart():
    async with front() as door, logged_in(door) as made:
        relayed = made.relay = Relayed(data_message("bob", 1, b"x"), data_message("bob", 1, b"y"))
        made.send(Ping("first"))
        made.flush()
        await door.until(lambda: len(door.got) == 3)
        messages = [data_message("bob", 1, b"x"), data_message("bob", 1, b"y")]
        assert door.got == [Ping("first"), *messages]
        await door.sockets[0].send(data_message("bob", 1, b"z"))
        await door.say(door.sockets[0], Ping("after"))
        await door.until(lambda: Pong("after") in door.got)
        assert relayed.came == [data_message("bob", 1, b"z")]


async def test_the_end_of_a_login_ends_what_goes_over_the_relay():
    async with front() as door, logged_in(door) as made:
        relayed = made.relay = Relayed()
        await door.sockets[0].close()
        await until(lambda: relayed.resets)


async def test_frames_that_are_no_frames_end_nothing():
    async with front() as door, logged_in(door) as made:
        await door.sockets[0].send("nonsense")
        await door.sockets[0].send(b"\xff\x00")
        await door.sockets[0].send('{"type":"future","x":1}')
        await door.say(door.sockets[0], VerbResult("v99"))
        await door.say(door.sockets[0], Ping("9"))
        await door.until(lambda: Pong("9") in door.got)
        assert made.up


async def test_stopping_while_nobody_answers_is_quick():
    made = Signaling(me("http://127.0.0.1:9"))
    made.start()
    with pytest.raises(RegistryUnreachable):
        await made.online(0.2)
    async with asyncio.timeout(5):
        await made.stop()


async def test_patience_ends_where_the_host_says_that_nobody_is_there():
    made = Signaling(me("http://127.0.0.1:9", "http://localhost:9"))
    made.start()
    async with asyncio.timeout(20):
        with pytest.raises(RegistryUnreachable, match="No registry runs at"):
            await made.online(600, patience=0.3)
        await made.stop()


async def test_a_silent_resolver_is_not_waited_for_where_all_other_addresses_refuse():
    with held() as resolver:
        made = Signaling(me("https://pi.local:9", "http://127.0.0.1:9"))
        made.url = made.urls[1]
        made.start()
        async with asyncio.timeout(20):
            with pytest.raises(RegistryUnreachable, match="No registry runs at http://127.0.0.1"):
                await made.online(600, patience=0.3)
            await made.stop()
        assert resolver.asked == ["pi.local"]


async def test_a_name_that_a_resolver_knows_is_an_address_like_the_others():
    with held() as resolver, socket.create_server(("127.0.0.1", 0)) as silent:
        resolver.answers["pi.local"] = ["127.0.0.1"]
        resolver.may_speak.set()
        made = Signaling(me("http://127.0.0.1:9", f"https://pi.local:{silent.getsockname()[1]}"))
        made.start()
        async with asyncio.timeout(20):
            with pytest.raises(RegistryUnreachable, match="does not answer"):
                await made.online(0.6, patience=0.3)
            await made.stop()


async def test_no_resolver_is_asked_while_a_number_answers():
    async with front() as door:
        with held() as resolver:
            made = Signaling(me("http://127.0.0.1:9", "https://pi.local:8443", door.url))
            made.start()
            await made.online(20)
            assert made.url == door.url and not resolver.asked
            await made.stop()


async def test_a_registry_known_by_a_silent_name_alone_is_waited_for():
    async with front() as door:
        with held() as resolver:
            resolver.answers["localhost"] = ["127.0.0.1"]
            made = Signaling(me(door.url.replace("127.0.0.1", "localhost")))
            made.start()
            with pytest.raises(RegistryUnreachable, match="no resolver answers"):
                await made.online(1.3, patience=0.1)
            resolver.may_speak.set()
            await made.online(20)
            await made.stop()


async def test_patience_is_for_a_registry_that_comes_back():
    async with front() as gone:
        pass
    port = int(gone.url.rpartition(":")[2])
    made = Signaling(me(gone.url))
    made.start()
    waiting = asyncio.ensure_future(made.online(600, patience=20))
    await until(lambda: made._nobody)
    async with front(port), asyncio.timeout(20):
        await waiting
        await made.stop()


async def test_patience_is_not_for_an_address_that_is_only_slow():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        made = Signaling(me("http://127.0.0.1:9", f"http://127.0.0.1:{silent.getsockname()[1]}"))
        made.start()
        async with asyncio.timeout(20):
            with pytest.raises(RegistryUnreachable, match="does not answer"):
                await made.online(0.6, patience=0.1)
            assert not made._nobody
            await made.stop()


async def test_an_agent_says_once_that_the_registry_is_lost_and_once_that_it_is_back(
    monkeypatch, caplog
):
    def said(word: str) -> list[str]:
        return [r.getMessage() for r in caplog.records if word in r.getMessage()]

    monkeypatch.setattr(session, "RETRY", (0.01,))
    caplog.set_level("WARNING", "chatixia")
    async with AsyncExitStack() as stack:
        door = await stack.enter_async_context(front())
        made = await stack.enter_async_context(logged_in(door))
        client = Signaling(me(door.url, name="guest"), mode="client")
        client.start()
        stack.push_async_callback(client.stop)
        await client.online(20)
        for _ in range(3):  # it flickers: one pair is said, and what came of it
            await door.sockets[-1].close()
            await door.sockets[-2].close()
            await until(lambda: not made.up and not client.up)
            await until(lambda: made.up and client.up)
        assert (len(said("is lost")), len(said("is back"))) == (1, 1)
        made._log._back_at -= GAP_SECONDS
        door.refuse = SignalError("unavailable", "Not now.", "register")
        await door.sockets[-1].close()
        await door.sockets[-2].close()
        await door.until(lambda: len(door.logins) > 20)
        door.refuse = None
        await until(lambda: made.up)
        assert (len(said("is lost")), len(said("is back"))) == (2, 2)
    assert said("is lost")[0] == (
        f"weather: the registry {door.url} is lost: calls over open links go on, new links and"
        " queued work wait. Trying again."
    )
    assert said("is back")[0] == f"weather: the registry is back at {door.url}."
    assert not said("guest")
