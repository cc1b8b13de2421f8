"""The short reading of the engine's figures says what the public one says."""

from __future__ import annotations

import msgspec

from chatixia.peer.engines.wrtc import WrtcEngine
from chatixia.peer.engines.wrtc_stats import StatsEntry, selected
from tests.peer.engines.pair import linked
from tests.until import until


async def test_it_is_what_the_library_makes_of_it():
    engine = WrtcEngine()
    async with linked(engine, engine) as (a, b):
        a.send(b"x" * 5000)
        await b.frames_to(1)

        async def agree() -> bool:
            short = await a.connection.stats()
            a.connection._quick = False
            public = await a.connection.stats()
            a.connection._quick = True
            assert short is not None and short.bytes_sent > 5000 and short.tier == "direct"
            return short == public

        # Two readings, between which the engines may say something to each other.
        await until(agree)


def test_without_a_selected_pair_there_is_nothing():
    assert selected("[]") is None
    transport = StatsEntry(id="T", type="transport")
    assert selected(msgspec.json.encode([transport]).decode()) is None


def test_a_relayed_end_is_a_turn_path_and_names_its_transport():
    ends = [
        StatsEntry(
            id="L", type="local-candidate", candidate_type="relay", address="fe80::1", port=7
        ),
        StatsEntry(id="R", type="remote-candidate", candidate_type="prflx"),
    ]
    ends[0].relay_protocol = "tcp"
    pair = StatsEntry(
        id="P", type="candidate-pair", local_candidate_id="L", remote_candidate_id="R"
    )
    pair.current_round_trip_time = 0.25
    transport = StatsEntry(id="T", type="transport", selected_candidate_pair_id="P")
    found = selected(msgspec.json.encode([*ends, pair, transport]).decode())
    assert found is not None
    assert (found.tier, found.local_addr, found.remote_addr) == ("turn", "[fe80::1]:7", "")
    assert (found.relay, found.rtt_ms, found.last_answer) == ("tcp", 250.0, 0.0)
