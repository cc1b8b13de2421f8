"""Link or queue: the tables of links.md section 1."""

import pytest

from chatixia.core import route
from chatixia.core.ports import Outgoing
from chatixia.core.route import REMEMBERED, Seen, patience, too_large
from chatixia.errors import BadSignature, TooLarge, Unreachable
from chatixia.wire.tasks import MAX_PAYLOAD

BIG = b"x" * (MAX_PAYLOAD + 1)
NEVER = Seen()


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
    (out(), False, True, Seen(failed_at=99.0), "queue"),
    (out(), False, True, Seen(failed_at=99.0 - REMEMBERED), "wait"),
    (out(), False, True, Seen(listed=False), "queue"),
    (out(), False, False, Seen(listed=False), "wait"),
    (out(stream=True), False, True, Seen(listed=False), "wait"),
    (out(queue="never"), False, True, Seen(listed=False), "wait"),
    (out(kind="skills"), False, True, Seen(listed=False), "wait"),
    (out(body=BIG), False, True, Seen(listed=False), "wait"),
]


@pytest.mark.parametrize(("call", "is_open", "registry", "seen", "way"), FIRST)
def test_where_a_new_call_goes(call, is_open, registry, seen, way):
    assert route.first(call, is_open, registry, seen, 99.0) == way


def test_a_call_for_the_queue_alone_needs_the_queue():
    for call, registry in ((out(queue="only"), False), (out(queue="only", stream=True), True)):
        with pytest.raises(Unreachable):
            route.first(call, True, registry, NEVER, 0.0)


def test_a_link_refused_for_its_proofs_is_not_tried_by_the_queue():
    seen = Seen(failed_at=99.0, refusal=BadSignature("no"))
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
]


@pytest.mark.parametrize(("call", "sent", "registry", "way"), LATE)
def test_where_a_late_call_goes(call, sent, registry, way):
    assert route.late(call, sent, registry) == way


def test_the_queues_bound_is_named():
    with pytest.raises(TooLarge, match="queue"):
        route.late(out(body=BIG), False, True)
    assert too_large(out(body=BIG)).via == "queue"
