"""What we hold ourselves the library does not look for. That it is let go is in test_wrtc."""

from __future__ import annotations

import asyncio
import gc

import pytest
from webrtc.utils.loops import LoopState

from chatixia.peer.engines.wrtc import WrtcEngine
from chatixia.peer.engines.wrtc_owned import OwnedConnection
from tests.peer.engines.pair import linked


@pytest.mark.parametrize("quick", [True, False], ids=("quick", "public"))
async def test_the_library_keeps_none_of_it_alive_and_it_speaks_all_the_same(quick: bool):
    engine = WrtcEngine(quick=quick)
    state = LoopState.of(asyncio.get_running_loop())
    async with linked(engine, engine) as (a, b):
        assert isinstance(a.connection.native, OwnedConnection) is quick
        assert bool(state.active) is not quick
        gc.collect()
        a.send(b"still")
        assert await b.frames_to(1) == [b"still"]


async def test_a_link_costs_no_more_where_many_are_open():
    """The library counts how often it walked over all."""
    engine = WrtcEngine()
    state = LoopState.of(asyncio.get_running_loop())
    before = state._passes
    async with linked(engine, engine), linked(engine, engine):
        assert state._passes - before < 60  # else 270
