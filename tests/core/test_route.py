"""Link or queue: the tables of links.md section 1."""

import pytest

from chatixia.core import route
from chatixia.core.ports import Outgoing
from chatixia.core.route import REMEMBERED, PeerHistory, patience, too_large
from chatixia.errors import BadSignature, Denied, TooLarge, Unreachable
from chatixia.wire.tasks import MAX_PAYLOAD

BIG = b"x" * (MAX_PAYLOAD + 1)
NEVER = PeerHistory()


def out(**kw):
    return Outgoing("b", "s", **kw)


@pytest.mark.parametrize(("left", "waits"), [(30.0, 5.0), (4.0, 2.0), (0.2, 0.1)])
def test_patience_is_five_seconds_or_half_of_what_is_left(left, waits):
    assert patience(left) == waits


FIRST = [
    # call, link open, registry up, seen, the way
    (out(), True, True, NEVER, "link"),
    (out(), False, True, NEVER, "wait"),
    (out(), False, False, NEVER, "wait"),
    (out(queue="only"), True, True, NEVER, "queue"),
    (out(), False, True, PeerHistory(failed_at=99.0), "queue"),
    (out(), False, True, PeerHistory(failed_at=99.0 - REMEMBERED), "wait"),
    (out(), False, True, PeerHistory(listed=False), "queue"),
    (out(), False, False, PeerHistory(listed=False), "wait"),
    (out(stream=True), False, True, PeerHistory(listed=False), "wait"),
    (out(stream=True, kind="prompt"), False, True, PeerHistory(listed=False), "queue"),
    (out(queue="never"), False, True, PeerHistory(listed=False), "wait"),
    (out(kind="skills"), False, True, PeerHistory(listed=False), "wait"),
    (out(body=BIG), False, True, PeerHistory(listed=False), "wait"),
]


@pytest.mark.parametrize(("call", "is_open", "registry", "seen", "way"), FIRST)
def test_where_a_new_call_goes(call, is_open, registry, seen, way):
    assert route.first(call, is_open, registry, seen, 99.0) == way


KEYLESS = PeerHistory(failed_at=99.0, listed=False, keyless=True)


def test_without_a_key_only_the_queue_is_left():
    assert route.first(out(), False, True, KEYLESS, 99.0) == "queue"
    assert route.late(out(), False, True, KEYLESS) == "queue"
    with pytest.raises(TooLarge):
        route.first(out(body=BIG), False, True, KEYLESS, 99.0)
    for call, registry in (
        (out(queue="never"), True),
        (out(stream=True), True),
        (out(kind="skills"), True),
        (out(), False),
    ):
        for way in (
            lambda c=call, r=registry: route.first(c, False, r, KEYLESS, 99.0),
            lambda c=call, r=registry: route.late(c, False, r, KEYLESS),
        ):
            with pytest.raises(Unreachable, match="b has no key of its own") as caught:
                way()
            assert not caught.value.retryable
    assert route.first(out(queue="never"), False, True, KEYLESS, 99.0 + REMEMBERED) == "wait"


def test_a_call_may_name_how_long_it_waits_for_a_link():
    assert (patience(30.0, 2.0), patience(1.0, 2.0)) == (2.0, 1.0)
    with pytest.raises(Unreachable, match="No link to b opened in time"):
        route.late(out(queue="never", reach=2.0), False, True)
    assert route.late(out(queue="never", reach=2.0), True, True) == "wait"
    assert route.late(out(reach=2.0), False, True) == "queue"


def test_a_call_for_the_queue_alone_needs_the_queue():
    for call, registry, says, later in (
        (out(queue="only"), False, "registry's, which cannot be reached", True),
        (out(queue="only", stream=True, kind="prompt"), False, "cannot be reached", True),
        (out(queue="only", stream=True), True, "streams needs a link", False),
        (out(queue="only", stream=True), False, "streams needs a link", False),
        (out(queue="only", kind="skills"), True, "cannot take this call", False),
    ):
        with pytest.raises(Unreachable, match=says) as caught:
            route.first(call, True, registry, NEVER, 0.0)
        assert caught.value.retryable == later


def test_a_link_refused_for_its_proofs_is_not_tried_by_the_queue():
    seen = PeerHistory(failed_at=99.0, refusal=BadSignature("no"))
    with pytest.raises(BadSignature) as raised:
        route.first(out(), False, True, seen, 100.0)
    assert raised.value is not seen.refusal
    assert route.first(out(), False, True, seen, 99.0 + REMEMBERED) == "wait"


LATE = [
    # call, sent, registry up, the way
    (out(), False, True, "queue"),
    (out(), True, True, "wait"),
    (out(idempotent=True), True, True, "queue"),
    (out(), False, False, "wait"),
    (out(stream=True), False, True, "wait"),
    (out(stream=True, kind="prompt"), False, True, "queue"),
]


@pytest.mark.parametrize(("call", "sent", "registry", "way"), LATE)
def test_where_a_late_call_goes(call, sent, registry, way):
    assert route.late(call, sent, registry) == way


def test_the_queues_bound_is_named():
    with pytest.raises(TooLarge, match="queue"):
        route.late(out(body=BIG), False, True)
    assert too_large(out(body=BIG)).via == "queue"


def test_a_sent_call_that_others_could_have_leaves_a_lost_link():
    call = out(idempotent=True, elsewhere=True)
    with pytest.raises(Unreachable) as raised:
        route.late(call, True, True)
    assert raised.value.outcome == "unknown"
    assert route.late(call, False, True) == "queue"


def test_an_error_with_its_cause():
    error = Unreachable("No link to a opened.", agent="a")
    assert route.because(error, "") is error
    made = route.because(error, "no answer over UDP")
    assert (made.message, made.agent) == ("No link to a opened: no answer over UDP.", "a")
    assert str(made) == made.message


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (PeerHistory(), "no direct path"),
        (PeerHistory(trouble="no answer over UDP"), "no direct path: no answer over UDP"),
        (PeerHistory(trouble="x", refusal=Unreachable("No path.")), "no direct path: x"),
        (PeerHistory(trouble="x", refusal=Denied("It is barred.")), "no direct path: It is barred"),
        (PeerHistory(trouble="x", listed=False), "no direct path: it is not online"),
        (PeerHistory(listed=False, keyless=True), "no direct path: it has no key of its own"),
    ],
)
def test_why_no_link_carries_a_call(seen: PeerHistory, why: str):
    assert seen.reason == why
