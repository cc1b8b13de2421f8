"""The session under every weather that a path can have, and some that none has."""

import itertools
import random

import pytest

from chatixia.core import frames
from chatixia.core.session import (
    LINK_WINDOW,
    QUEUED,
    WINDOW_BYTES,
    LostState,
    PeerSession,
    ReassembledMessage,
)
from chatixia.errors import BadRequest, Overloaded, TooLarge
from chatixia.wire.peer import FRAME_TARGET, MAX_MESSAGE


class Note:
    frame = 0

    def __init__(self, tracked=True):
        self.tracked = tracked

    @property
    def sent(self):
        return self.frame > 0


def message(n, size=0):
    return frames.task_response(f"r{n}", b'"' + b"x" * size + b'"')


def ids(came):
    return [
        int((each.message if isinstance(each, ReassembledMessage) else each).request_id[1:])
        for each in came
    ]


def carry(a, b, limit=10_000):
    """Everything that ``a`` has, over a good path. What ``b`` got."""
    came = []
    for _ in range(limit):
        data = a.build()
        if data is None:
            break
        a.sent()
        b.receive(data, 0.0, came)
    return came


def ack(a, b):
    """``b`` tells ``a`` what it has."""
    a.receive(b.ack_frame(), 0.0, [])
    b.ack_sent()


def test_messages_of_one_turn_are_one_frame():
    a, b = PeerSession(), PeerSession()
    for n in range(5):
        a.send(message(n))
    assert ids(carry(a, b)) == [0, 1, 2, 3, 4]
    assert (a.s, b.a) == (1, 1)
    assert b.owes_ack


def test_a_frame_closes_at_its_target():
    a, b = PeerSession(), PeerSession()
    for n in range(6):
        a.send(message(n, 6000))
    sizes = []
    while (data := a.build()) is not None:
        a.sent()
        sizes.append(len(data))
        b.receive(data, 0.0, [])
    assert len(sizes) == 3
    assert max(sizes) < FRAME_TARGET + 100


def test_nothing_has_happened_until_the_path_took_the_frame():
    a, note = PeerSession(), Note()
    a.send(message(1), note)
    assert a.build() == a.build()
    assert not note.sent and a.s == 0 and a.idle is False
    assert a.withdraw(note)
    assert a.build() is None
    a.send(message(2), note)
    a.build()
    a.sent()
    assert note.sent and not a.withdraw(note)


def test_urgent_words_go_first():
    a, b = PeerSession(), PeerSession()
    a.send(message(1))
    a.urgent(message(2))
    assert ids(carry(a, b)) == [2, 1]


def test_large_messages_alternate_with_small_ones():
    a, b = PeerSession(), PeerSession()
    a.send(message(1, 5 * FRAME_TARGET))
    a.send(message(2))
    assert ids(carry(a, b)) == [2, 1]


@pytest.mark.parametrize("size", [1, 16 * 1024, 64_000, 262_144, 1_000_000, MAX_MESSAGE - 100])
def test_every_size_arrives_whole(size):
    a, b, came = PeerSession(), PeerSession(), []
    a.send(message(1, size))
    for _ in range(100):
        came += carry(a, b)
        ack(a, b)
        if total := b.grant():
            a.allow(total)
    (whole,) = came
    assert (
        len((whole.message if isinstance(whole, ReassembledMessage) else whole).payload.result)
        == size + 2
    )
    assert a.idle


def test_a_message_above_the_bound_is_refused():
    with pytest.raises(TooLarge, match="16 MiB"):
        PeerSession().send(bytes(MAX_MESSAGE + 1))


def test_what_waits_is_bounded():
    a = PeerSession()
    for _ in range(QUEUED // MAX_MESSAGE):
        a.send(bytes(MAX_MESSAGE))
    with pytest.raises(Overloaded):
        a.send(bytes(2000))


def test_unacknowledged_bytes_are_bounded_and_acks_open_the_way():
    a, b = PeerSession(), PeerSession()
    for n in range(2000):
        a.send(message(n, 6000))
    got = ids(carry(a, b))
    assert WINDOW_BYTES - 4 * FRAME_TARGET < 6000 * len(got) < WINDOW_BYTES + FRAME_TARGET
    ack(a, b)
    assert ids(carry(a, b))[0] == got[-1] + 1


def test_paid_messages_wait_for_credit_and_free_ones_pass():
    a, b, late = PeerSession(), PeerSession(), Note()
    a.send(message(1), None, LINK_WINDOW)
    a.send(message(2), late, 1)
    a.send(message(3))
    assert ids(carry(a, b)) == [1, 3]
    assert not late.sent and a.unsent() == [late]
    b.consumed(LINK_WINDOW)
    a.allow(b.grant())
    assert ids(carry(a, b)) == [2]
    a.allow(0)  # totals never fall
    assert late.sent


def test_a_peer_beyond_its_credit_is_refused():
    b = PeerSession()
    b.consumed(LINK_WINDOW)
    with pytest.raises(BadRequest):
        b.consumed(1)


def test_after_a_new_path_only_what_is_missing_goes_again():
    a, b = PeerSession(), PeerSession()
    for n in range(3):
        a.send(message(n))
        data = a.build()
        a.sent()
        if n == 0:
            b.receive(data, 0.0, [])
    a.resume(b.a)
    assert ids(carry(a, b)) == [1, 2]
    ack(a, b)
    assert a.idle


def test_an_ack_names_whom_it_concerns():
    a, b, note, other = PeerSession(), PeerSession(), Note(), Note(tracked=False)
    a.send(message(1), note)
    a.send(message(2), other)
    carry(a, b)
    ack(a, b)
    assert a.acked == [note] and other.sent


def test_a_note_of_fragments_is_told_of_only_where_its_owner_wants_to_hear():
    a, b = PeerSession(), PeerSession()
    note, other = Note(), Note(tracked=False)
    for n, each in enumerate((note, other)):
        a.send(message(n, 2 * FRAME_TARGET), each)
    carry(a, b)
    ack(a, b)
    assert a.acked == [note] and other.sent


def test_a_frame_that_goes_again_carries_the_present_ack():
    session = PeerSession()
    session.send(message(1))
    assert frames.read_frame(session.build())[0].a == 0
    session.sent()
    session.receive(frames.write_frame(1, 0, []), 0.0, [])
    session.resume(0)
    assert frames.read_frame(session.build())[0].a == 1


def test_a_doubtful_peer_is_heard_before_anything_goes_again():
    a, b = PeerSession(), PeerSession()
    a.send(message(1))
    carry(a, b)
    ack(a, b)
    a.send(message(2))
    a.resume(0)
    assert a.build() is None
    a.receive(b.ack_frame(), 0.0, [])  # the hello was only overtaken
    assert ids(carry(a, b)) == [2]
    a.resume(0)
    with pytest.raises(LostState):
        a.receive(frames.write_ack(0), 0.0, [])


def test_who_has_forgotten_its_peer_waits_for_the_new_session():
    awake, forgot = PeerSession(), PeerSession()
    awake.send(message(1))
    carry(awake, forgot)
    forgot.send(message(2))
    carry(forgot, awake)
    ack(forgot, awake)
    ack(awake, forgot)
    forgot = PeerSession()
    forgot.send(message(3))
    forgot.resume(awake.a)
    awake.resume(forgot.a)
    assert forgot.build() is None and awake.build() is None
    assert forgot.receive(awake.ack_frame(), 0.0, []) is None  # it has not heard yet
    assert forgot.build() is None
    with pytest.raises(LostState):
        awake.receive(forgot.ack_frame(), 0.0, [])
    awake = PeerSession()
    forgot.receive(awake.ack_frame(), 0.0, [])
    assert ids(carry(forgot, awake)) == [3]


def test_only_acks_of_a_forgotten_session_are_passed_over():
    forgot = PeerSession()
    forgot.resume(7)
    with pytest.raises(BadRequest):
        forgot.receive(b'{"s":1,"a":7,"m":[]}', 0.0, [])
    with pytest.raises(BadRequest):
        PeerSession().receive(frames.write_ack(7), 0.0, [])


def test_a_silent_path_gets_the_oldest_frames_again_with_growing_pauses():
    a = PeerSession()
    a.send(message(1))
    a.build()
    a.sent()
    ticks = [n for n in range(100) if a.tick() and a.build() and (a.sent() or True)]
    gaps = [y - x for x, y in itertools.pairwise(ticks)]
    assert ticks[0] <= 5
    assert gaps == sorted(gaps) and gaps[-1] <= 16


@pytest.mark.parametrize(
    "data", [b"", b"\x02abc", b"nonsense", b'{"s":"x"}', b'{"a":7}', b"\x01short", b'{"s":1,"m":3}']
)
def test_a_malformed_frame_is_refused(data):
    with pytest.raises(BadRequest):
        PeerSession().receive(data, 0.0, [])


def test_what_is_held_out_of_order_is_bounded():
    b = PeerSession()
    for s in range(2, 60_000):
        b.receive(b'{"s":%d}' % s, 0.0, [])
    assert len(b._early) * 128 <= WINDOW_BYTES


def test_control_words_reach_the_driver():
    b = PeerSession()
    assert b.receive(b'{"bye":3}', 0.0, []).bye == 3
    assert b.receive(b'{"bye_ack":0}', 0.0, []).bye_ack == 0
    assert b.receive(b'{"a":0}', 0.0, []) is None


class Storm:
    """Two sessions and a path that loses, doubles, reorders and dies."""

    def __init__(self, seed, messages):
        self.dice = random.Random(seed)
        self.sides = (PeerSession(), PeerSession())
        self.came = ([], [])
        self.wire = ([], [])  # frames towards side 0, side 1
        self.left = [list(range(messages)), list(range(messages))]

    def speak(self, me):
        side, dice = self.sides[me], self.dice
        if self.left[me] and dice.random() < 0.5:
            side.send(message(self.left[me].pop(0), dice.choice((3, 3, 3, 20_000))))
        if (data := side.build()) is not None and dice.random() < 0.9:
            side.sent()
            self.wire[1 - me].extend([data] * dice.choice((0, 1, 1, 1, 2)))
        if side.owes_ack and dice.random() < 0.3:
            self.wire[1 - me].append(side.ack_frame())
            side.ack_sent()
        if dice.random() < 0.2:
            side.tick()
        if total := side.grant():
            self.sides[1 - me].allow(total)  # a test of calls sends it as they do

    def listen(self, me, now):
        if self.wire[me] and self.dice.random() < 0.8:
            at = self.dice.randrange(min(3, len(self.wire[me])))
            self.sides[me].receive(self.wire[me].pop(at), now, self.came[me])

    def cut(self):
        """The path dies, with all that is on it; a new one opens."""
        for me in (0, 1):
            self.wire[me].clear()
            self.sides[me].resume(self.sides[1 - me].a)

    def run(self):
        for step in range(100_000):
            if self.dice.random() < 0.02:
                self.cut()
            for me in (0, 1):
                self.speak(me)
            for me in (0, 1):
                self.listen(me, step / 100)
            if not any(self.left) and all(side.idle for side in self.sides):
                break
        return [ids(came) for came in self.came]


def check(seed, messages):
    """Each message came once; those of one frame's size came in order."""
    storm = Storm(seed, messages)
    for order, came in zip(storm.run(), storm.came, strict=True):
        assert sorted(order) == list(range(messages)), f"seed {seed}"
        small = [
            n
            for n, each in zip(order, came, strict=True)
            if not isinstance(each, ReassembledMessage)
        ]
        assert small == sorted(small), f"seed {seed}"


@pytest.mark.parametrize("block", range(10))
def test_everything_arrives_once(block):
    for seed in range(block * 20, block * 20 + 20):
        check(seed, 60)


@pytest.mark.soak
def test_everything_arrives_once_a_thousand_times():
    for seed in range(1000, 2000):
        check(seed, 120)
