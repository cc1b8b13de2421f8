"""The table of links.md section 3, walked whole, and the clock around it."""

import pytest

from chatixia.core import verdict as v

ROWS = {
    (True, False, "held"): "busy",
    (True, False, "closed"): "busy",
    (True, False, "away"): "busy",
    (True, True, "held"): "path_down",
    (True, True, "closed"): "gone",
    (True, True, "away"): "suspect",
}


def test_the_table_has_each_row_once():
    for key, verdict in v.TABLE.items():
        assert verdict == ROWS.get(key, "alive")
    assert len(v.TABLE) == 12


def silent(now: float, stun: bool) -> v.PathWitnesses:
    """A path where pongs stopped at 0, and the engine's witness too, or not."""
    watch = v.PathWitnesses(0.0)
    watch.witness(1.0, 0.0)
    assert watch.wants_probe(v.PROBE_SECONDS)
    for second in range(1, int(now) + 1):
        watch.witness(1.0 if stun else float(second), float(second))
    return watch


def test_a_blocked_loop_is_busy_for_as_long_as_it_takes():
    for now in (3.0, 6.0, 12.0, 600.0):
        watch = silent(now, stun=False)
        for word in ("held", "closed", "away"):
            assert watch.judge(now, word) in ("alive", "busy")
    assert silent(600.0, stun=False).judge(600.0, "held") == "busy"


def test_a_silent_path_is_down_after_four_seconds_and_not_before():
    watch = silent(1.0, stun=True)
    assert watch.judge(v.PROBE_SECONDS + v.SILENT_SECONDS - 0.1, "held") == "alive"
    assert watch.judge(v.PROBE_SECONDS + v.SILENT_SECONDS, "held") == "path_down"


def test_a_peer_whose_socket_closed_is_gone_within_five_seconds():
    watch = v.PathWitnesses(0.0)
    watch.witness(1.0, 0.0)
    watch.hear(9.9)
    watch.witness(7.0, 10.0)
    assert watch.wants_probe(10.0, at_once=True)
    assert watch.judge(12.9, "closed") == "alive"
    assert watch.judge(13.0, "closed") == "gone"


def test_without_the_registry_it_is_suspect_for_thirty_seconds():
    watch = silent(10.0, stun=True)
    assert watch.judge(10.0, "away") == "suspect"
    assert watch.judge(39.0, "away") == "suspect"
    assert watch.judge(40.0, "away") == "gone"


def test_suspicion_starts_over_when_something_was_heard():
    watch = silent(10.0, stun=True)
    assert watch.judge(10.0, "away") == "suspect"
    watch.hear(11.0)
    assert watch.judge(12.0, "away") == "alive"
    assert watch.wants_probe(14.0)
    assert watch.judge(41.0, "away") == "suspect"


def test_an_engine_without_a_witness_allows_fifteen_seconds():
    watch = v.PathWitnesses(0.0)
    watch.witness(None, 0.0)
    assert watch.wants_probe(2.0)
    assert watch.judge(16.9, "held") == "alive"
    assert watch.judge(17.0, "held") == "path_down"
    assert watch.judge(5.0, "closed") == "gone"


def test_my_own_lateness_is_nobodys_silence():
    watch = silent(4.0, stun=True)
    watch.start_over(20.0)
    assert watch.judge(20.0, "held") == "alive"
    assert watch.wants_probe(20.0)
    assert watch.judge(23.9, "held") == "alive"
    assert watch.judge(24.0, "held") == "path_down"


def test_pings_go_after_two_silent_seconds_and_an_answer_ends_the_question():
    watch = v.PathWitnesses(0.0)
    assert not watch.wants_probe(1.9)
    assert watch.wants_probe(2.0)
    assert watch.probed_at == 2.0
    assert not watch.uneasy(2.9)
    assert watch.uneasy(3.0)
    watch.hear(3.1)
    assert watch.probed_at == 0.0
    assert not watch.wants_probe(5.0)
    assert watch.wants_probe(5.2)


@pytest.mark.parametrize("word", ["held", "closed", "away"])
def test_what_was_heard_long_ago_is_no_answer(word):
    watch = v.PathWitnesses(10.0)
    watch.wants_probe(12.0)
    watch.hear(9.0)
    assert watch.probed_at == 12.0


def test_over_the_relay_a_held_socket_is_alive_below_the_registrys_twenty_seconds():
    watch = v.PathWitnesses(0.0, relayed=True)
    assert watch.wants_probe(2.0)
    assert watch.judge(21.9, "held") == "alive"
    assert watch.judge(22.0, "held") == "path_down"
    assert watch.judge(5.0, "closed") == "gone"
    assert watch.judge(22.0, "away") == "suspect"


def test_an_idle_link_is_pinged_less_often_and_then_at_the_same_pace():
    watch = v.PathWitnesses(0.0)
    assert not watch.wants_probe(v.IDLE_PROBE_SECONDS - 0.1, idle=True)
    assert watch.wants_probe(v.IDLE_PROBE_SECONDS, idle=True)
    assert watch.wants_probe(v.IDLE_PROBE_SECONDS + v.PROBE_SECONDS, idle=True)


def test_an_engine_that_does_not_answer_in_time_is_no_witness():
    for word, patience in (("held", v.SILENT_SECONDS), ("closed", v.SILENT_CLOSED_SECONDS)):
        watch = silent(1.0, stun=True)
        watch.reading(3.0)
        due = v.PROBE_SECONDS + patience
        assert watch.judge(due, word) == "alive"
        assert watch.judge(v.PROBE_SECONDS + v.SILENT_BLIND_SECONDS, word) != "alive"
        watch.reading(0.0)
        assert watch.judge(due, word) != "alive"


def test_what_was_heard_just_now_needs_no_ping():
    watch = v.PathWitnesses(0.0)
    assert not watch.is_quiet(v.PROBE_SECONDS - 0.1)
    assert watch.is_quiet(v.PROBE_SECONDS)
    watch.hear(1.0)
    assert not watch.is_quiet(v.PROBE_SECONDS)
