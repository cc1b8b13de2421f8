"""What all peers of a process may hold together."""

import pytest

from chatixia.core import room
from chatixia.core.call import Calls
from chatixia.core.frames import task_request, write_frame
from chatixia.core.room import ALL_KEPT, ALL_RUNNING, Room
from chatixia.core.timers import Wheel
from chatixia.wire.peer import MAX_MESSAGE


class Peer:
    """One of many, whose requests share a room."""

    def __init__(self, name: str, shared: Room) -> None:
        self.calls = Calls("me", name, Wheel(), shared)
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
    monkeypatch.setattr(room, "ALL_RUNNING", 3)
    shared = Room()
    one, two = Peer("one", shared), Peer("two", shared)
    running = one.ask("a", "b") + two.ask("c")
    assert len(running) == shared.running == 3 and shared.full
    assert two.ask("d") == []
    assert b'"busy"' in two.calls.session.build()
    one.calls.answer(running[0], b"1")
    assert not shared.full
    assert len(two.ask("e")) == 1


def test_answers_kept_for_all_peers_together_are_bounded_until_they_are_acknowledged():
    shared = Room()
    peers = [Peer(f"p{n}", shared) for n in range(ALL_KEPT // MAX_MESSAGE + 2)]
    large = b'"' + b"x" * (MAX_MESSAGE - 1000) + b'"'
    served = [(peer, peer.ask("a")) for peer in peers]
    for peer, [each] in served:
        peer.calls.answer(each, large)
    assert shared.full and not shared.running
    assert peers[0].ask("b") == []
    for peer in peers:
        peer.calls.sweep(5 + room.KEPT_SECONDS + 1)
    assert shared.kept == 0 and not shared.full
    assert len(peers[0].ask("c")) == 1


def test_the_bounds_hold_more_than_one_peer():
    assert ALL_RUNNING > room.MAX_RUNNING and ALL_KEPT > room.KEPT_ANSWERS
