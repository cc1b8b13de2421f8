"""Guesses are paid for beforehand; strangers' guesses shut out nobody where it logged in before."""

from __future__ import annotations

import pytest

from chatixia.errors import Overloaded
from chatixia.registry.people import throttle
from chatixia.registry.people.throttle import LoginThrottle
from tests.registry.clock import Clock


def guesses(made: LoginThrottle, person: str, address: str, most: int = 99) -> int:
    """Wrong passwords until it is barred."""
    for n in range(most):
        try:
            made.begin(person, address)
        except Overloaded:
            return n
    return most


def test_five_guesses_then_one_in_half_a_minute():
    clock = Clock()
    made = LoginThrottle(clock)
    assert guesses(made, "hub~anna", "10.0.0.1") == 5
    clock.now += 30
    assert guesses(made, "hub~anna", "10.0.0.1") == 1


def test_what_was_right_is_paid_back():
    made = LoginThrottle(Clock())
    for _ in range(50):
        made.begin("hub~anna", "10.0.0.1")
        made.passed("hub~anna", "10.0.0.1")


def test_many_addresses_guess_no_more_of_one_person_and_one_address_no_more_of_many():
    made = LoginThrottle(Clock())
    assert sum(guesses(made, "hub~anna", f"10.0.0.{n}", 1) for n in range(50)) == 20
    made = LoginThrottle(Clock())
    assert sum(guesses(made, f"hub~p{n}", "10.0.0.1", 1) for n in range(50)) == 20


def test_strangers_shut_out_no_one_where_it_logged_in_before():
    made = LoginThrottle(Clock())
    made.begin("hub~anna", "10.0.0.9")
    made.passed("hub~anna", "10.0.0.9")
    for n in range(50):
        guesses(made, "hub~anna", f"10.0.0.{n % 9}")
        guesses(made, f"hub~p{n}", "10.0.0.9")
    with pytest.raises(Overloaded):
        made.begin("hub~anna", "10.0.0.8")
    made.begin("hub~anna", "10.0.0.9")


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(throttle, "REMEMBERED", 2)
    made = LoginThrottle(Clock())
    for n in range(4):
        made.passed("hub~anna", f"10.0.0.{n}")
    assert len(made._trusted) == 2
