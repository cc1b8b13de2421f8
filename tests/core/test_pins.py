"""Who may hold a name: every way to come by another's, refused; the rightful ones, followed."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatixia.core import pins
from chatixia.core.pins import MemoryBook, digest_of
from chatixia.errors import BadChain, NameTaken, Revoked
from chatixia.ids import is_agent_id
from chatixia.wire.trust import Revocation, Signed
from tests.core.circle import NOW, Party, agent, invitation, machine, owner


def known(*parties: Party) -> MemoryBook:
    book = MemoryBook()
    for party in parties:
        pins.accept(party.member(), book)
    return book


def test_the_first_is_pinned_with_its_machine():
    book = known(agent())
    assert set(book.pins) == {("default", "weather"), ("default", "laptop")}
    pin = book.pin("default", "weather")
    assert pin is not None
    assert pin.sign == agent().sign.public
    assert (pin.serial, pin.machine, pin.kind) == (1, "laptop", "agent")
    assert pins.judge(agent().member(), book) == []


def test_judging_writes_nothing():
    book = MemoryBook()
    assert len(pins.judge(agent().member(), book)) == 2
    assert not book.pins


def test_a_higher_record_of_the_same_signer_is_followed_with_the_same_or_another_key():
    book = known(agent(serial=3))
    pins.accept(agent(serial=4).member(), book)
    pins.accept(agent(serial=5, seed="new").member(), book)
    pin = book.pin("default", "weather")
    assert pin is not None
    assert (pin.serial, pin.sign) == (5, agent(seed="new").sign.public)


def test_never_back_to_a_lower_serial():
    book = known(agent(serial=5))
    with pytest.raises(BadChain, match="older"):
        pins.judge(agent(serial=4).member(), book)
    with pytest.raises(NameTaken):
        pins.judge(agent(serial=4, seed="new").member(), book)


def test_another_key_under_the_same_serial_is_refused():
    with pytest.raises(NameTaken):
        pins.judge(agent(seed="new").member(), known(agent()))


@pytest.mark.parametrize("serial", [1, 2, 99, pins.MAX_SERIAL])
def test_another_machines_record_for_a_pinned_name_is_refused_however_high(serial: int):
    book = known(agent(above=machine("laptop")))
    thief = agent(above=machine("desk"), serial=serial, seed="thief")
    with pytest.raises(NameTaken, match="weather is taken by another key on the machine laptop"):
        pins.judge(thief.member(), book)


def test_not_even_with_the_very_key():
    """A machine that stole an agent's key still cannot move its name to itself."""
    book = known(agent(above=machine("laptop")))
    moved = agent(above=machine("desk"), serial=9, seed="agent:weather")
    with pytest.raises(NameTaken):
        pins.judge(moved.member(), book)


def test_an_agent_cannot_take_a_machines_name_nor_a_machine_an_agents():
    book = known(machine("pi"))
    with pytest.raises(NameTaken):
        pins.judge(agent("pi", machine("laptop"), serial=9).member(), book)
    book = known(agent("weather", machine("laptop")))
    thief = machine("weather", invitation("w*", reusable=True), serial=9)
    with pytest.raises(NameTaken):
        pins.judge(thief.member(), book)


@pytest.mark.parametrize("serial", [2, 3, 99, pins.MAX_SERIAL])
def test_a_used_invitation_signed_again_does_not_replace_its_machine(serial: int):
    """What a registry in league with the holder of a used invitation could try."""
    invited = invitation("pi", serial=1)
    book = known(agent("weather", machine("pi", invited, serial=2)))
    again = machine("pi", invited, serial=serial, seed="thief")
    for thief in (again, agent("weather", again, serial=9), agent("camera", again)):
        with pytest.raises(NameTaken):
            pins.judge(thief.member(), book)


def test_an_invitation_may_renew_the_record_of_its_machines_own_key():
    invited = invitation("pi", serial=1)
    book = known(machine("pi", invited, serial=2))
    pins.accept(machine("pi", invited, serial=3).member(), book)


def test_a_machine_that_the_owner_invites_again_gets_its_name_and_its_agents_back():
    first = machine("pi", invitation("pi", serial=1), serial=2)
    book = known(agent("weather", first, serial=4))
    second = machine("pi", invitation("pi", serial=3, seed="second"), serial=4, seed="second")
    pins.accept(agent("weather", second, serial=5, seed="second").member(), book)
    with pytest.raises((NameTaken, BadChain)):
        pins.judge(agent("weather", first, serial=6).member(), book)


def test_a_reusable_invitation_approves_no_name():
    first = machine("w-1", invitation("w-*", serial=1, reusable=True), serial=2)
    book = known(first)
    other = invitation("w-*", serial=9, reusable=True, seed="second")
    with pytest.raises(NameTaken):
        pins.judge(machine("w-1", other, serial=10, seed="second").member(), book)


def test_a_record_of_the_owner_itself_replaces_any():
    book = known(machine("pi", invitation("pi", serial=1), serial=2))
    pins.accept(machine("pi", owner(), serial=3, seed="second").member(), book)
    with pytest.raises(NameTaken):
        pins.judge(machine("pi", owner(), serial=3, seed="third").member(), book)


def test_the_registry_is_pinned_as_any_other():
    book = known(Party("registry", "registry", owner()))
    with pytest.raises(NameTaken):
        pins.judge(Party("registry", "registry", owner(), seed="second").member(), book)
    pins.accept(Party("registry", "registry", owner(), seed="second", serial=2).member(), book)


def test_a_revoked_member_is_refused_before_its_pin_is_looked_at():
    book = known(agent())
    gone = Revocation(owner().mesh, "default", "weather", 1, NOW, 1)
    assert book.revoke(Signed("", ""), gone)
    assert not book.revoke(Signed("", ""), gone)
    with pytest.raises(Revoked):
        pins.judge(agent(serial=2).member(), book)


def test_owner_and_invitation_are_no_names():
    book = known(owner(), invitation())
    assert not book.pins


def test_namespaces_are_apart():
    book = known(agent())
    pin = book.pin("default", "weather")
    assert pin is not None
    assert book.pin("other", "weather") is None


@given(st.lists(st.tuples(st.integers(1, 6), st.booleans(), st.booleans()), max_size=12))
def test_a_pinned_serial_only_rises_and_its_signer_stays(tries: list[tuple[int, bool, bool]]):
    book, highest, signer = MemoryBook(), 0, b""
    for serial, stranger, other_key in tries:
        above = machine("desk" if stranger else "laptop")
        party = agent(above=above, serial=serial, seed="b" if other_key else "")
        with suppress(NameTaken, BadChain):
            pins.accept(party.member(), book)
        pin = book.pin("default", "weather")
        if pin is None:
            continue
        assert pin.serial >= highest
        assert pin.signer == (signer or pin.signer)
        highest, signer = pin.serial, pin.signer


def test_next_serial():
    assert pins.next_serial() == 1
    assert pins.next_serial(0, 4, 2) == 5
    assert pins.next_serial(pins.MAX_SERIAL) == pins.MAX_SERIAL


def test_revocations_rise():
    low = Revocation("", "default", "a", 1, NOW, 1)
    high = Revocation("", "default", "a", 2, NOW, 4)
    assert pins.newer(low, None)
    assert pins.newer(high, low)
    assert not pins.newer(low, high)
    assert not pins.newer(low, low)
    assert pins.version_of({}) == 0
    assert pins.version_of({("d", "a"): high, ("d", "b"): low}) == 4


@given(st.integers(1, 63), st.integers(0, 12))
def test_a_free_name_is_a_name_and_free(length: int, used: int):
    name = "a" * length
    taken = {name}
    for _ in range(used):
        made = pins.free_name(name, taken)
        assert made not in taken
        assert is_agent_id(made)
        taken.add(made)


def test_who_knows_the_same_revocations_has_the_same_digest():
    one, two = MemoryBook(), MemoryBook()
    for book, names in ((one, "abc"), (two, "cab")):
        for name in names:
            book.revoke(Signed("", ""), Revocation("m", "default", name, 1, NOW, ord(name)))
    assert digest_of(one.revocations) == digest_of(two.revocations) != digest_of({})
    two.revoke(Signed("", ""), Revocation("m", "default", "a", 2, NOW, 1000))
    assert digest_of(one.revocations) != digest_of(two.revocations)
    assert [one.statements(ord("a")), one.statements(2000)] == [[Signed("", "")] * 2, []]


@given(st.integers(0, pins.MAX_SERIAL), st.integers(0, 50))
def test_what_an_owner_ends_is_all_that_it_named(shown: int, later: int):
    """Whatever serial a registry shows then: all but what was named within the last seconds."""
    with suppress(BadChain):
        named = pins.naming_serial(shown, NOW)
        assert named <= pins.ending_serial(named, NOW + later)
        assert later <= pins.AHEAD or named <= pins.ending_serial(0, NOW + later)
        return
    assert shown > NOW + pins.AHEAD
    assert NOW <= pins.ending_serial(shown, NOW) <= NOW + pins.AHEAD + 1
