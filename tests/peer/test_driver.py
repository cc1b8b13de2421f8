"""Meshes on real links and a real registry: calls, outages, kills, a blocked loop."""

from __future__ import annotations

import asyncio
import itertools
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from chatixia.assembly.membership.enrol import enrol
from chatixia.core.ports import Outgoing
from chatixia.errors import (
    ConfigError,
    MeshError,
    RegistryUnreachable,
    Replaced,
    TooLarge,
    Unreachable,
)
from chatixia.peer.driver import PeerSettings, ice_servers, open_mesh
from chatixia.peer.links.attempt import LinkAttempt
from chatixia.peer.mesh import PeerMesh
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.peer import CAPABILITIES, SkillInfo
from chatixia.wire.registry import Announce
from chatixia.wire.signaling import Config
from tests.peer.meshes import agent as relayed
from tests.until import until

WORKER = Path(__file__).with_name("worker.py")
ENGINES = ("wrtc", "aiortc")


async def echo(said: Any, answer: Any) -> None:
    answer.reply(bytes(said.body))


def ask(target: str, skill: str = "echo", body: bytes = b'"hi"', timeout: float = 20.0) -> Outgoing:
    return Outgoing(target, skill=skill, body=body, timeout=timeout, queue="never")


@asynccontextmanager
async def agent(
    registry: RegistryHarness,
    name: str,
    engine: str = "wrtc",
    online: bool = True,
    announcements: bool = True,
    **options: Any,
) -> AsyncIterator[PeerMesh]:
    """A started agent of this process."""
    credentials = await asyncio.to_thread(enrol, registry.profile, name)
    settings = PeerSettings(engine=engine, relay=False, announcements=announcements)
    mesh, _ = open_mesh(credentials.me(), settings, **options)
    mesh.serve(echo, [SkillInfo("echo")], 4)
    await mesh.start()
    try:
        if online:
            await mesh.registry.online(20)
        yield mesh
    finally:
        await mesh.stop()
        credentials.close()


@asynccontextmanager
async def meshes(*names: str) -> AsyncIterator[tuple[Any, ...]]:
    """A registry and agents; ``name@engine`` picks an engine."""
    async with AsyncExitStack() as stack:
        registry = await stack.enter_async_context(RegistryHarness())
        made = []
        for text in names:
            name, _, engine = text.partition("@")
            made.append(await stack.enter_async_context(agent(registry, name, engine or "wrtc")))
        yield (registry, *made)


@asynccontextmanager
async def process(registry: RegistryHarness, name: str, engine: str) -> AsyncIterator[Any]:
    """The worker in a process of its own."""
    command = [sys.executable, str(WORKER), str(registry.home), name, engine]
    child = await asyncio.create_subprocess_exec(
        *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        async with asyncio.timeout(30):
            assert (await child.stdout.readline()).strip() == b"online"
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.communicate()


@pytest.mark.parametrize(("one", "two"), list(itertools.product(ENGINES, ENGINES)))
async def test_two_agents_call_each_other_over_one_link(one, two):
    async with meshes(f"alice@{one}", f"bob@{two}") as (_, alice, bob):
        there, back = await asyncio.gather(alice.call(ask("bob")), bob.call(ask("alice")))
        assert (there.value, there.via, back.via) == (b'"hi"', "direct", "direct")
        [mine], [yours] = alice.links(), bob.links()
        assert mine.link == yours.link
        assert (alice.registry.up, alice.registry.url) == (True, _.url)


async def test_a_link_destroyed_under_calls_answers_each_of_them():
    async with meshes("alice", "bob") as (_, alice, bob):
        await alice.call(ask("bob"))

        async def cut() -> None:
            for mesh, other in ((alice, "bob"), (bob, "alice"), (alice, "bob")):
                await asyncio.sleep(0.1)
                await until(mesh.links)
                mesh.driver.cut(other)

        async def call(n: int) -> bytes:
            return (await alice.call(ask("bob", body=b"%d" % n, timeout=60))).value

        cutting = asyncio.ensure_future(cut())
        got = []
        while not cutting.done() or len(got) < 200:
            got += await asyncio.gather(*(call(n) for n in range(20)))
        assert got == [b"%d" % (n % 20) for n in range(len(got))]
        await cutting
        assert alice.links()[0].attempts >= 2


async def test_the_registry_dies_and_comes_back_under_calls():
    async with meshes("alice", "bob") as (registry, alice, bob):
        await alice.call(ask("bob"))
        await registry.stop()
        for _ in range(50):
            assert (await alice.call(ask("bob"))).via == "direct"
        with pytest.raises(RegistryUnreachable):
            await asyncio.wait_for(alice.registry.online(0.1), 5)
        await registry.start()
        await asyncio.gather(alice.registry.online(10), bob.registry.online(10))
        assert (await bob.call(ask("alice"))).via == "direct"
        assert alice.links()[0].attempts == 1


@pytest.mark.parametrize("engine", ENGINES)
async def test_kill_nine_of_a_peer_ends_its_calls_within_five_seconds(engine):
    async with meshes(f"alice@{engine}") as (registry, alice):
        async with process(registry, "bob", "wrtc") as bob:
            await alice.call(ask("bob"))
            held = [
                asyncio.ensure_future(alice.call(ask("bob", "hold", timeout=60))) for _ in range(8)
            ]
            await asyncio.sleep(0.3)
            bob.send_signal(signal.SIGKILL)
            began = time.monotonic()
            errors = await asyncio.gather(*held, return_exceptions=True)
            assert time.monotonic() - began < 5
            assert all(isinstance(error, Unreachable) for error in errors), errors
            assert {error.outcome for error in errors} == {"unknown"}


async def test_a_blocked_loop_is_busy_and_not_dead():
    async with meshes("alice") as (registry, alice), process(registry, "bob", "wrtc"):
        await alice.call(ask("bob"))
        before = alice.links()[0].link
        answer = await alice.call(ask("bob", "block", b"8", timeout=60))
        assert answer.via == "direct" and alice.links()[0].link == before


async def test_a_second_process_of_the_name_tells_the_first():
    async with RegistryHarness() as registry:
        credentials = await asyncio.to_thread(enrol, registry.profile, "alice")
        faults: list[MeshError] = []
        first, _ = open_mesh(credentials.me(), on_fault=faults.append)
        await first.start()
        await first.registry.online(20)
        who = credentials.me()
        other, _ = open_mesh(
            type(who)(
                **{name: getattr(who, name) for name in who.__struct_fields__}
                | {"incarnation": "ab" * 8}
            )
        )
        await other.start()
        await other.registry.online(20)
        await until(lambda: faults)
        assert isinstance(faults[0], Replaced)
        await first.stop()
        assert other.registry.up
        await other.stop()
        credentials.close()


async def test_a_client_calls_agents_on_either_side_of_its_name():
    async with meshes("0-alice", "zzz-bob") as (registry, alice, bob):
        who = await asyncio.to_thread(enrol, registry.profile, "", "client")
        assert alice.id < who.id < bob.id
        client, _ = open_mesh(who.me(), PeerSettings(relay=False))
        await client.start()
        await client.registry.online(20)
        for name in (alice.id, bob.id):
            assert (await client.call(ask(name))).via == "direct"
        with pytest.raises(MeshError):  # it serves nothing, and says so over the same link
            await alice.call(ask(client.id, timeout=5))
        await client.stop()
        who.close()


async def test_random_bytes_on_a_link_close_it_and_nothing_else():
    async with meshes("alice", "bob") as (_, alice, bob):
        seeds = random.Random(11)
        assert (await alice.call(ask("bob"))).via == "direct"
        for _ in range(3):
            before = bob.driver.peers["alice"].open
            alice.driver.peers["bob"].path.send(seeds.randbytes(200))
            await until(lambda before=before: bob.driver.peers["alice"].open is not before)
            assert (await bob.call(ask("alice"))).value == b'"hi"'


async def test_online_says_what_is_wrong():
    async with RegistryHarness() as registry:
        profile = registry.profile
        await registry.stop()
        who = await asyncio.to_thread(enrol, profile, "alice")
        mesh, _ = open_mesh(who.me())
        await mesh.start()
        with pytest.raises(RegistryUnreachable):
            await mesh.registry.online(0.3)
        await mesh.stop()
        who.close()
        await registry.start()


def test_an_unknown_engine_is_a_refusal():
    with pytest.raises(ConfigError):
        open_mesh(None, PeerSettings(engine="steam"))  # type: ignore[arg-type]


def test_ice_servers_are_read_with_care():
    config = Config(
        ice_servers=[
            {"urls": "stun:192.0.2.1:3478"},
            {"urls": ["turn:192.0.2.1", "http://evil"], "username": "u", "credential": "c"},
            {"urls": ["nonsense"]},
            {"username": "x"},
        ]
    )
    one, two = ice_servers(config)
    assert (one.urls, one.username) == (["stun:192.0.2.1:3478"], None)
    assert (two.urls, two.username, two.credential) == (["turn:192.0.2.1"], "u", "c")


class Older(LinkAttempt):
    """Speaks what the first build would have, had it come without the rest."""

    capabilities = ("session/1",)


class Newer(LinkAttempt):
    """Speaks versions and capabilities that this build never heard of."""

    versions = (1, 2, 7)
    capabilities = ("session/2", *CAPABILITIES, "teleport/1")


class Stranger(LinkAttempt):
    """Has no kind of session that is known here."""

    capabilities = ("session/2",)


@pytest.mark.parametrize("kind", [Older, Newer])
@pytest.mark.parametrize("names", [("alice", "bob"), ("bob", "alice")], ids=["offers", "answers"])
async def test_an_older_and_a_newer_peer_agree_on_what_both_know(kind, names):
    async with meshes(*names) as (_, other, mine):
        other.driver.effects.attempt_types["direct"] = kind
        assert (await mine.call(ask(other.id))).value == b'"hi"'
        assert (await other.call(ask(mine.id))).via == "direct"
        hello = mine.driver.peers[other.id].open.hello
        assert (hello.version, tuple(hello.capabilities)) == (1, kind.capabilities)
        agreed = frozenset(CAPABILITIES) & frozenset(kind.capabilities)
        for one, two in ((mine, other), (other, mine)):
            assert one.driver.peers[two.id].path.capabilities == agreed
            large = ask(two.id, body=b'"%b"' % (b"x" * 100_000))
            if "fragments/1" in agreed:
                assert len((await one.call(large)).value) > 100_000
            else:
                with pytest.raises(TooLarge, match="16 KiB"):
                    await one.call(large)


@pytest.mark.parametrize("engine", ENGINES)
async def test_both_ends_of_a_link_tell_what_they_do(engine):
    """On a channel beside the calls, which whoever first has something to say makes."""
    async with meshes(f"alice@{engine}", "bob") as (_, alice, bob):
        work, began = asyncio.Event(), asyncio.Event()

        async def hang(said: Any, answer: Any) -> None:
            began.set()
            await work.wait()
            answer.reply(b"1")

        for mesh in (alice, bob):
            mesh.dispatcher.handler = hang
        calls = [asyncio.ensure_future(one.call(ask(two.id))) for one, two in pairs(alice, bob)]
        for one, two in pairs(alice, bob):
            await until(lambda one=one: [r.status for r in one.links()] == ["acting"])
            datagrams = one.driver.peers[two.id].open.datagrams
            assert datagrams.channels and all(each.lossy for each in datagrams.channels)
        work.set()
        await asyncio.gather(*calls)
        for one, _ in pairs(alice, bob):
            await until(lambda one=one: [r.status for r in one.links()] == ["idle"])


def pairs(one: Any, two: Any) -> tuple[tuple[Any, Any], ...]:
    return (one, two), (two, one)


async def test_a_peer_without_a_session_that_is_known_gets_calls_by_the_queue_which_say_why():
    async with meshes("alice", "bob") as (_, alice, bob):
        alice.driver.effects.attempt_types["direct"] = Stranger
        for asker, asked in ((bob, "alice"), (alice, "bob")):
            answer = await asker.call(Outgoing(asked, "echo", b'"hi"', timeout=20.0))
            assert answer.via == "queue, plain" and "no kind of session" in answer.reason


async def test_what_the_registry_fans_out_comes_in_clear_and_may_be_refused():
    async with meshes("a", "b") as (registry, a, b), agent(registry, "c", announcements=False):
        got = []

        async def handler(incoming: Any, answer: Any) -> None:
            got.append((incoming.caller, incoming.via, incoming.kind))
            answer.reply(b"null")

        b.serve(handler, [], 0)
        announced = await a.verb("announce", Announce("hi"))
        assert {each.agent: each.code for each in announced.receipts} == {"b": "", "c": "denied"}
        assert got == [("a", "registry, plain", "prompt")]
        assert not a.links() and not b.links()


class WalledAttempt(LinkAttempt):
    """No direct path comes about while there is a wall."""

    wall = True

    async def offer(self) -> None:
        if WalledAttempt.wall:
            raise Unreachable("There is a wall.")
        await super().offer()


async def counting(incoming: Any, responder: Any) -> None:
    """Count until nobody listens any more."""
    for n in itertools.count():
        await responder.item(b"%d" % n)
        await asyncio.sleep(0.002)  # at full speed nothing else would run in this process


async def test_a_stream_goes_on_while_its_link_moves_from_relay_to_direct_and_back(monkeypatch):
    """Every number once and in its order, whatever carries it."""
    monkeypatch.setattr(WalledAttempt, "wall", True)
    tiers: list[str] = []
    async with AsyncExitStack() as stack:
        registry = await stack.enter_async_context(RegistryHarness())
        a, b = [
            await stack.enter_async_context(relayed(registry, name, counting, relay=True))
            for name in "ab"
        ]
        for mesh in (a, b):
            mesh.driver.effects.attempt_types["direct"] = WalledAttempt
        numbers, since = itertools.count(), 0
        async with asyncio.timeout(60):
            async for item in a.stream(Outgoing("b", "echo", stream=True, queue="never")):
                assert int(item) == next(numbers)
                tier = next((link.tier for link in a.links()), "")
                if tier and tier != (tiers[-1] if tiers else ""):
                    tiers.append(tier)
                    since = int(item)
                if int(item) != since + 50:
                    continue
                WalledAttempt.wall = len(tiers) == 2
                if WalledAttempt.wall:
                    a.driver.cut("b")
                if len(tiers) == 3:
                    break
    assert tiers == ["relay", "direct", "relay"]
