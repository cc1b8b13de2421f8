"""Compaction, as properties over many made conversations."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from chatixia.agent.model.compact import (
    Cut,
    cut,
    digest_room,
    digest_tokens,
    fold,
    turn_starts,
)
from chatixia.agent.model.digest import Digest
from chatixia.agent.model.stored import tokens_of
from chatixia.agent.model.words import MessageShape

FACT = "My locker's code is 4711."


def message(kind: str, text: str = "", tokens: int = 0, **fields: object) -> MessageShape:
    return MessageShape(kind, text=text, tokens=tokens or tokens_of(text) + 16, **fields)  # type: ignore[arg-type]


def turn(rng: random.Random, n: int, text: str = "") -> list[MessageShape]:
    """A prompt, some steps with tools, side by side and with words in mid-way, and an answer."""
    text = text or f"Turn {n}: " + " ".join(rng.choices(["go", "see 7", "Oslo", "why?"], k=9))
    shapes = [message("request", text, prompt=True)]
    for step in range(rng.choice([0, 0, 1, 3])):
        ids = tuple(f"{n}.{step}.{i}" for i in range(rng.randint(1, 3)))
        shapes.append(message("response", calls=ids, tokens=rng.randint(20, 60)))
        parts = [ids] if rng.random() < 0.7 else [ids[:1], ids[1:]]
        steered = rng.random() < 0.2
        for results in filter(None, parts):
            size = rng.randint(10, 200)
            words = "rather this" if steered else ""
            shapes.append(message("request", words, size, results=results, prompt=steered))
    return [*shapes, message("response", f"answer {n}")]


def check(shapes: Sequence[MessageShape], made: Cut, room: int) -> None:
    """What must hold of every cut."""
    keep = list(made.keep)
    assert keep == sorted(set(keep))
    kept = [shapes[n] for n in keep]
    seen: set[str] = set()
    for shape in kept:  # no result without its call, no call without its result but at the end
        assert set(shape.results) <= seen
        seen.update(shape.calls)
    waiting = {i for s in shapes for i in s.calls} - {i for s in shapes for i in s.results}
    assert {i for s in kept for i in s.calls} - {i for s in kept for i in s.results} <= waiting
    last = turn_starts(shapes)[-1]
    assert last in keep
    assert len(shapes) - 1 in keep
    if sum(s.tokens for s in shapes[last:]) <= room - digest_room(room):
        assert set(range(last, len(shapes))) <= set(keep)
        assert sum(s.tokens for s in kept) + digest_tokens(made.digest) <= room


def test_what_fits_is_left_alone():
    shapes = turn(random.Random(1), 1)
    assert list(cut(shapes, 100_000, Digest()).keep) == list(range(len(shapes)))
    assert fold(shapes, 100_000, Digest()) is None
    assert cut(shapes, 100_000, Digest()).compaction(shapes).digest == ""


@pytest.mark.parametrize("seed", range(30))
def test_a_conversation_cut_at_any_request_stays_whole_and_below(seed: int):
    rng = random.Random(seed)
    room = rng.randint(900, 4000)
    shapes = [shape for n in range(rng.randint(2, 60)) for shape in turn(rng, n)]
    for end in range(1, len(shapes) + 1):
        if shapes[end - 1].kind == "request":
            made = cut(shapes[:end], room, Digest())
            check(shapes[:end], made, room)
            assert made == cut(shapes[:end], room, Digest())


@pytest.mark.parametrize("seed", range(10))
def test_a_fact_told_in_turn_3_is_in_the_request_of_turn_400(seed: int):
    rng, room = random.Random(seed), 3000
    held: list[MessageShape] = []
    digest = Digest()
    for n in range(1, 401):
        held += turn(rng, n, FACT if n == 3 else "")
        made = cut(held[:-1], room, digest)
        check(held[:-1], made, room)
        words = made.compaction(held[:-1]).digest + "".join(held[i].text for i in made.keep)
        assert (n < 3) or FACT in words, n
        folded = fold(held, room, digest)
        if folded is not None:
            digest, held = folded.digest, [held[i] for i in folded.keep]
            assert turn_starts(held)[0] == 0
            assert held[0].prompt
    assert digest.turns > 300


def test_cuts_are_some_turns_apart():
    """A provider's cache holds while requests begin alike."""
    rng, room = random.Random(5), 6000
    held: list[MessageShape] = []
    digest, folds = Digest(), 0
    for n in range(200):
        held += turn(rng, n)
        folded = fold(held, room, digest)
        if folded is not None:
            digest, held, folds = folded.digest, [held[i] for i in folded.keep], folds + 1
    assert 0 < folds < 50


def test_a_turn_that_is_too_long_keeps_its_prompt_and_its_last_steps():
    shapes = [message("request", "Old.", prompt=True), message("response", "Yes.")]
    shapes.append(message("request", "Do all of it.", prompt=True))
    for step in range(40):
        shapes.append(message("response", calls=(f"c{step}",), tokens=30))
        shapes.append(message("request", results=(f"c{step}",), tokens=100))
    made = cut(shapes, 1500, Digest())
    check(shapes, made, 1500)
    assert made.keep[0] == 2
    assert made.keep[-1] == len(shapes) - 1
    assert sum(shapes[n].tokens for n in made.keep) < 1500
    left_out = 40 - (len(made.keep) - 1) // 2
    assert f"[{left_out} of the tool calls" in made.compaction(shapes).digest
    assert "Old." in made.compaction(shapes).digest
