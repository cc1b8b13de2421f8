"""A name is asked for in a thread of its own, and a silent resolver holds nobody."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Iterator

import pytest

from chatixia.peer.control import resolver as lookup
from chatixia.peer.control.resolver import (
    MAX_LOOKUPS,
    Silence,
    addresses,
    connected,
    create_connection,
    is_number,
    look_up,
    telling,
)
from tests.peer.resolver import Resolver, held


@pytest.fixture
def resolver() -> Iterator[Resolver]:
    with held() as made:
        yield made


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("host", ["127.0.0.1", "192.0.2.1", "::1", "fe80::1%1"])
async def test_of_a_number_nobody_is_asked(resolver: Resolver, host: str):
    assert is_number(host)
    assert await look_up(host) == addresses(host, 0) == [host]
    assert not resolver.asked and not lookup._lookups


def test_the_end_of_a_loop_does_not_wait_for_a_silent_resolver(resolver: Resolver):
    async def visit() -> None:
        with pytest.raises(Silence):
            await look_up("pi.local", 0.05)

    asyncio.run(visit())  # asyncio's own executor would be waited for here, until it may speak
    assert not resolver.may_speak.is_set() and not lookup._lookups["pi.local"].answer.done()


async def test_whoever_asks_again_joins_the_question_and_gets_its_answer(resolver: Resolver):
    resolver.answers["pi.local"] = ["192.0.2.1", "192.0.2.2"]
    with pytest.raises(Silence):
        await look_up("pi.local", 0.01)
    with pytest.raises(Silence):  # it has had its time: a round over the addresses goes on
        await asyncio.wait_for(look_up("pi.local", 0.01), 20)
    with pytest.raises(Silence):
        addresses("pi.local", 0.01)
    waiting = [asyncio.ensure_future(look_up("pi.local", 60)) for _ in range(2)]
    await asyncio.sleep(0)
    resolver.may_speak.set()
    assert await asyncio.gather(*waiting) == [["192.0.2.1", "192.0.2.2"]] * 2
    assert resolver.asked == ["pi.local"]
    assert addresses("pi.local", 20) == ["192.0.2.1", "192.0.2.2"]
    assert resolver.asked == ["pi.local"] * 2, "what somebody had is asked anew"


async def test_an_answer_that_nobody_waited_for_is_the_next_ones_for_a_while(
    resolver: Resolver, monkeypatch
):
    resolver.answers["pi.local"] = ["192.0.2.1"]
    for kept, asked in ((lookup.REUSE_SECONDS, 1), (-1.0, 3)):
        monkeypatch.setattr(lookup, "REUSE_SECONDS", kept)
        resolver.may_speak.clear()
        with pytest.raises(Silence):
            addresses("pi.local", 0.01)
        late = lookup._lookups["pi.local"].answer
        resolver.may_speak.set()
        await asyncio.wrap_future(late)
        assert addresses("pi.local", 20) == ["192.0.2.1"]
        assert len(resolver.asked) == asked


async def test_a_name_that_is_not_known_is_an_error_of_the_system(resolver: Resolver):
    resolver.may_speak.set()
    with pytest.raises(socket.gaierror):
        await look_up("pi.local")
    with pytest.raises(socket.gaierror):
        addresses("pi.local", 20)


async def test_a_cancelled_wait_leaves_the_question_to_others(resolver: Resolver):
    resolver.answers["pi.local"] = ["192.0.2.1"]
    first, second = (asyncio.ensure_future(look_up("pi.local", 60)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    resolver.may_speak.set()
    assert await second == ["192.0.2.1"] and first.cancelled()


def test_questions_at_once_are_bounded(resolver: Resolver):
    for number in range(MAX_LOOKUPS + 5):
        with pytest.raises(Silence):
            addresses(f"pi{number}.local", 0)
    assert len(lookup._lookups) == MAX_LOOKUPS


async def test_each_address_of_a_name_is_tried(resolver: Resolver, port: int):
    resolver.answers["pi.local"] = ["127.0.0.2", "127.0.0.1"]
    resolver.may_speak.set()
    with create_connection(("pi.local", port), 20) as sock:
        assert sock.getpeername() == ("127.0.0.1", port)
    with await connected(["127.0.0.2", "127.0.0.1"], port) as sock:
        assert sock.getpeername() == ("127.0.0.1", port)
    with pytest.raises(ConnectionRefusedError):
        create_connection(("127.0.0.2", port), 20)
    with pytest.raises(ConnectionRefusedError):
        await connected(["127.0.0.2", "127.0.0.3"], port)


async def test_a_blocking_connection_waits_for_a_name_as_long_as_it_may(resolver: Resolver):
    with pytest.raises(Silence, match="no resolver answers"):
        create_connection(("pi.local", 9), 600, look=0.01)
    with pytest.raises(Silence):
        create_connection(("pi.local", 9), 0.01)


def test_all_refuse_or_another_reason_is_told():
    refused, other = ConnectionRefusedError(), OSError("far")
    assert telling([refused, other, refused]) is other
    assert telling([refused]) is refused
    assert isinstance(telling([]), Silence)


def test_a_link_local_address_keeps_its_interface():
    assert lookup._text(("fe80::1", 9, 0, 3)) == "fe80::1%3"
    assert lookup._text(("2001:db8::1", 9, 0, 0)) == "2001:db8::1"
    assert lookup._text(("192.0.2.1", 9)) == "192.0.2.1"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.skipif(sys.platform == "darwin", reason="a fork beside threads may abort there")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_asks_for_itself(resolver: Resolver):
    with pytest.raises(Silence):
        addresses("pi.local", 0)
    child = os.fork()
    if not child:
        os._exit(len(lookup._lookups))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(lookup._lookups) == 1
