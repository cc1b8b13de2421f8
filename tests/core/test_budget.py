"""What all peers of a process may hold together."""

import pytest

from chatixia.core import budget
from chatixia.core.budget import ALL_ANSWER_BYTES, ALL_RUNNING, ResourceBudget
from chatixia.core.call import Calls
from chatixia.core.frames import task_request, write_frame
from chatixia.core.timers import TimerWheel
from chatixia.wire.peer import MAX_MESSAGE


class Peer:
    """One of many, whose requests share a room."""

    def __init__(self, name: str, shared: ResourceBudget) -> None:
        self.calls = Calls("me", name, TimerWheel(), shared)
        self.s = 0

    def ask(self, *rids: str):
        """What is to be served of these requests."""
        self.s += 1
        came, sink = [], []
        parts = [task_request(rid, "s", b"{}", 5000) for rid in rids]
        self.calls.session.receive(write_frame(self.s, 0, parts), 0.0, came)
        self.calls.handle(came, 0.0, sink)
        return sink


def test_handlers_of_all_peers_together_are_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(budget, "ALL_RUNNING", 4)
    shared = ResourceBudget()
    one, two, three = Peer("one", shared), Peer("two", shared), Peer("three", shared)
    running = one.ask("a", "b") + two.ask("c")
    assert len(running) == shared.running == 3
    assert two.ask("d") == []
    assert b'"busy"' in (frame := two.calls.session.build()) and b"retry_after" in frame
    assert len(three.ask("e")) == 1  # the last quarter is for whoever has little
    one.calls.answer(running[0], b"1")
    one.calls.answer(running[1], b"1")
    assert len(two.ask("f")) == 1


def test_a_machine_with_many_clients_has_one_share_and_others_are_served():
    shared = ResourceBudget()
    greedy = [Peer(f"greedy~{n}", shared) for n in range(18)]
    for peer in greedy:
        peer.calls.account.belongs("greedy")
        for n in range(budget.MAX_RUNNING):
            peer.ask(f"r{n}")
    assert shared.running == 3 * ALL_RUNNING // 4
    honest = Peer("honest~1", shared)
    honest.calls.account.belongs("honest")
    assert len([r for n in range(ALL_RUNNING // 16) for r in honest.ask(f"r{n}")]) == 256
    for peer in greedy:
        for served in list(peer.calls.served.values()):
            peer.calls.answer(served, b"1")
    assert {name: use.running for name, use in shared.holders.items()} == {
        "greedy": 0,
        "honest": 256,
    }


def test_what_a_peer_has_moves_to_the_share_of_its_machine():
    shared = ResourceBudget()
    peer = Peer("p", shared)
    [running] = peer.ask("a")
    peer.calls.account.belongs("m")
    peer.calls.account.belongs("m")
    peer.calls.account.belongs("")
    assert list(shared.holders) == ["m"] and shared.holders["m"].running == 1
    peer.calls.answer(running, b"1")
    assert shared.holders["m"].running == 0 and shared.holders["m"].answer_bytes > 0
    peer.calls.account.close()
    assert shared.holders == {} and (shared.running, shared.answer_bytes) == (0, 0)


def test_answers_kept_for_all_peers_together_are_bounded_until_they_are_acknowledged():
    shared = ResourceBudget()
    peers = [Peer(f"p{n}", shared) for n in range(ALL_ANSWER_BYTES // MAX_MESSAGE + 2)]
    large = b'"' + b"x" * (MAX_MESSAGE - 1000) + b'"'
    served = [(peer, peer.ask("a")) for peer in peers]
    for peer, [each] in served:
        peer.calls.answer(each, large)
    assert shared.answer_bytes >= ALL_ANSWER_BYTES and not shared.running
    assert peers[0].ask("b") == []
    for peer in peers:
        peer.calls.sweep(5 + budget.REMEMBER_SECONDS + 1)
    assert shared.answer_bytes == 0
    assert len(peers[0].ask("c")) == 1


def test_the_bounds_hold_more_than_one_peer():
    assert ALL_RUNNING > budget.MAX_RUNNING and ALL_ANSWER_BYTES > budget.MAX_ANSWER_BYTES
