"""What is refused before the store sees it."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatixia.core.ports import Principal
from chatixia.errors import Denied, HopLimit, TooLarge, UnknownAgent, UnknownSkill, Unprocessable
from chatixia.registry.work import checks
from chatixia.wire import tasks as t
from chatixia.wire.events import MAX_EVENT
from tests.store.control.kit import ALICE

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(JSON)
def test_our_form_and_the_described_form_carry_the_same(value: object):
    raw = msgspec.json.encode(value)
    assert checks.plain_payload(b'{"plain":%s}' % raw) == raw
    if not (isinstance(value, dict) and set(value) <= {"plain", "sealed"}):
        assert checks.plain_payload(raw) == raw


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        (b"null", b"null"),
        (b"{}", b"{}"),
        (b'{"plain":1,"x":2}', b'{"plain":1,"x":2}'),
        (b'{"plain":null}', b"null"),
        (b'{"sealed":1,"x":2}', b'{"sealed":1,"x":2}'),
    ],
)
def test_what_counts_as_the_payload(raw: bytes, plain: bytes):
    assert checks.plain_payload(raw) == plain


def test_sealed_is_reserved():
    with pytest.raises(Unprocessable, match="Sealed"):
        checks.plain_payload(b'{"sealed":"x"}')
    with pytest.raises(Unprocessable, match="Sealed"):
        checks.plain_result(t.Body(sealed=msgspec.Raw(b"1")))


def test_the_bound_is_named():
    fits = b'"' + b"x" * (t.MAX_PAYLOAD - 2) + b'"'
    assert checks.plain_payload(fits) == fits
    with pytest.raises(TooLarge, match="the queue and REST 1 MiB"):
        checks.plain_payload(fits + b" ")
    with pytest.raises(TooLarge, match="result"):
        checks.plain_result(t.Body(plain=msgspec.Raw(fits + b" ")))
    assert checks.plain_result(t.Body()) == b"null"


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (t.Submit(), Unprocessable),
        (t.Submit(skill="two words"), UnknownSkill),
        (t.Submit(target_agent_id="Not A Name"), UnknownAgent),
        (t.Submit(target_agent_id="alice"), Unprocessable),
        (t.Submit(skill="echo", id="x"), Unprocessable),
        (t.Submit(skill="echo", retry_of="x"), Unprocessable),
        (t.Submit(skill="echo", deadline_ms=0), Unprocessable),
        (t.Submit(skill="echo", path=["a"] * 9), HopLimit),
        (t.Submit(skill="echo", ns="other"), Denied),
    ],
)
def test_words_that_cannot_stand(said: t.Submit, error: type[Exception]):
    with pytest.raises(error):
        checks.submit(ALICE, said)


def test_words_that_can():
    checks.submit(ALICE, t.Submit(skill="echo"))
    checks.submit(ALICE, t.Submit(target_agent_id="bob"))
    checks.submit(Principal(ALICE.id, "agent", ns="lab"), t.Submit(skill="echo", ns="lab"))


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (t.Submit(), 300.0),
        (t.Submit(ttl=7.5), 7.5),
        (t.Submit(deadline_ms=1500, ttl=9.0), 1.5),
    ],
)
def test_lifetimes(said: t.Submit, seconds: float):
    assert checks.lifetime(said) == seconds


def test_an_unknown_state_is_named():
    checks.page(t.Query(state="pending"))
    checks.page(t.Query())
    with pytest.raises(Unprocessable, match="banana"):
        checks.page(t.Query(state="banana"))


def test_an_event_has_a_bound():
    checks.fitting_event(msgspec.UNSET)
    checks.fitting_event(msgspec.Raw(b"x" * MAX_EVENT))
    with pytest.raises(TooLarge, match="An event may have"):
        checks.fitting_event(msgspec.Raw(b"x" * (MAX_EVENT + 1)))
