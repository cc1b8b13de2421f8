"""The digest: the earliest statements stay, in a bound, and the same every time."""

from __future__ import annotations

import random

from chatixia.agent.model import digest as module
from chatixia.agent.model.digest import Digest, decode, encode, extend
from chatixia.agent.model.words import MessageShape


def said(text: str) -> MessageShape:
    return MessageShape("request", prompt=True, text=text, tokens=len(text))


def answered(text: str) -> MessageShape:
    return MessageShape("response", text=text, tokens=len(text))


def test_nothing_left_out_says_nothing():
    assert Digest().render() == ""


def test_words_of_both_stand_in_their_order():
    made = extend(Digest(), [said("My name is Ann."), answered("Hello Ann."), said("So?")], 2000)
    assert made.render().splitlines() == [
        module.HEAD,
        "- they said: My name is Ann.",
        "- you answered: Hello Ann.",
        "- they said: So?",
    ]
    assert made.turns == 2


def test_early_statements_outlive_all_that_follows():
    for seed in range(20):
        rng = random.Random(seed)
        digest = extend(Digest(), [said("The locker's code is 4711.")], 3000)
        for n in range(400):
            words = " ".join(rng.choices(["sea", "Oslo", "17", "is", "blue", "'x'"], k=12))
            ending = rng.choice([".", "?", "!"])
            digest = extend(digest, [said(f"{n} {words}{ending}"), answered(words)], 3000)
            assert len(digest.render().encode()) <= 3000
        assert "4711" in digest.render()
        assert digest.turns == 401
        assert decode(encode(digest)) == digest


def test_questions_and_answers_give_way_to_statements():
    shapes = [said(f"what about thing {'x' * n}?") for n in range(40)]
    shapes += [said("I moved to house 9."), *(answered(f"answer {n}") for n in range(40))]
    text = extend(Digest(), shapes, 900).render()
    assert "house 9" in text
    assert "answer 1" not in text
    assert len(text.encode()) <= 900


def test_of_a_long_statement_begin_and_end_stay():
    text = extend(Digest(), [said("Begin 1. " + "x" * 5000 + " End 2.")], 3000).render()
    assert "Begin 1." in text
    assert "End 2." in text
    assert len(text) < 1000


def test_what_is_said_again_stands_once():
    text = extend(Digest(), [said("I am Ann.")] * 5, 2000).render()
    assert text.count("I am Ann.") == 1


def test_a_smaller_bound_holds_for_what_was_there_before():
    digest = extend(Digest(), [said(f"Number {n} is here.") for n in range(100)], 4000)
    assert len(extend(digest, [], 600).render().encode()) <= 600


def test_bytes_of_something_else_are_no_digest():
    assert decode(b"") == decode(b"{") == decode(b'{"first": 3}') == Digest()
