"""The mutants are what they claim: the same each time, damaged in every way, from every sample."""

from __future__ import annotations

import json

from tests.lab.mutants import DAMAGES, mutants

SAMPLES = [{"type": "ping", "id": "1"}, {"a": [1, {"b": "c"}], "type": "x"}]


def test_the_same_seed_gives_the_same_and_another_gives_others():
    one, again, other = (list(mutants(SAMPLES, 60, seed)) for seed in (1, 1, 2))
    assert one == again
    assert one != other


def test_each_damage_spoils_something_and_every_sample_is_used():
    drawn = list(mutants(SAMPLES, 40 * len(DAMAGES)))
    assert {which for which, _ in drawn} == {0, 1}
    for n in range(len(DAMAGES)):
        kind = [(SAMPLES[which], data) for which, data in drawn[n :: len(DAMAGES)]]
        assert any(not same(good, data) for good, data in kind), DAMAGES[n]


def same(good: object, data: bytes) -> bool:
    try:
        return bool(json.loads(data) == good)
    except (ValueError, RecursionError):
        return False
