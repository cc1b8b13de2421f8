"""Where all links are kept they open by themselves, a few at once."""

from __future__ import annotations

import asyncio

from chatixia.core.link import REQUEST_SECONDS
from chatixia.core.opening_window import FIRST, OPEN_AT_ONCE, OpeningWindow
from tests.peer.links.test_monitor import Clock
from tests.peer.relay import Node, nodes
from tests.until import until


def held(node: Node) -> list[str]:
    """What the node would open is written down instead, as links under way that never come."""
    wanted: list[str] = []

    def want(peer, now: float) -> None:
        wanted.append(peer.id)
        peer.link.slots[0].want(float("inf"))

    node.driver.effects.want = want
    return wanted


async def test_they_open_by_themselves():
    async with nodes("alice", "bob", "carol", "dora", keep=None) as (_, *made):
        for node in made:
            await node.listener.until(lambda node=node: len(node.listener.paths) == 3)
        assert all(len(node.driver.report()) == 3 for node in made)


async def test_the_next_begins_as_soon_as_one_is_there():
    """Nobody waits for the monitor's look, which would allow few a second."""
    names = [f"a{n:02}" for n in range(OPEN_AT_ONCE // 2)]
    async with nodes(*names, keep=None) as (_, *made):
        for node in made:
            node.driver.monitor.tick = lambda now: None
        await until(lambda: all(len(node.driver.peers) == len(names) - 1 for node in made))
        for node in made:
            node.driver.monitor.opener.look()
        for node in made:
            await node.listener.until(lambda node=node: len(node.listener.paths) == len(names) - 1)


async def test_agents_of_one_process_share_how_many_are_under_way():
    async with nodes("alice", "bella", "carol", keep=None) as (_, *made):
        wanted: list[str] = []
        for node in made:
            await node.listener.until(lambda node=node: len(node.listener.paths) == 2)
            await node.driver.monitor.stop()
            node.driver.monitor.start()
        made[0].driver.monitor.opener._shared.window = OpeningWindow()
        for node in made:
            mine = held(node)
            for n in range(OPEN_AT_ONCE):
                node.driver.signaling.present(f"d{n:02}", "1" * 16)
            node.driver.monitor.opener.look()
            wanted += mine
        assert len(wanted) == FIRST < OPEN_AT_ONCE


async def test_none_opens_without_the_registry_and_clients_never_do():
    clock = Clock()
    async with nodes("alice", world=clock, keep=None) as (relay, alice):
        wanted, opener = held(alice), alice.driver.monitor.opener
        for n in range(3):
            alice.driver.signaling.present(f"b{n:02}", "1" * 16)
        alice.driver.signaling.present("b~abcdef", "1" * 16)
        relay.up = False
        opener.look()
        assert wanted == []
        relay.up = True
        opener.look()
        assert wanted == ["b00", "b01", "b02"]


async def test_the_higher_id_begins_only_when_for_a_while_none_came():
    clock = Clock()
    async with nodes("alice", world=clock, keep=None) as (_, alice):
        await alice.driver.monitor.stop()
        alice.driver.monitor.start()
        wanted, opener = held(alice), alice.driver.monitor.opener
        alice.driver.signaling.present("aa", "1" * 16)
        opener.look()
        clock.ahead += REQUEST_SECONDS - 0.5
        opener._shared.opened_at = clock.monotonic()
        clock.ahead += 1
        opener.look()
        assert wanted == []
        clock.ahead += REQUEST_SECONDS
        opener.look()
        assert wanted == ["aa"]


async def test_one_that_was_given_up_makes_room_for_another():
    async with nodes("alice", "bob", keep=None) as (_, alice, bob):
        await alice.listener.until(lambda: "bob" in alice.listener.paths)
        opener = alice.driver.monitor.opener
        opener._shared.window.size = 0
        alice.driver.signaling.present("carol", "1" * 16)
        opener.look()
        assert opener.waits
        wanted = held(alice)
        opener._shared.window.size = 1
        opener._ended(alice.driver.peers["bob"].open)
        await asyncio.sleep(0)
        await until(lambda: wanted == ["carol"])
