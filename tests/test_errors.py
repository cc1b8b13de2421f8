"""Every error keeps code, class, sentence, retryable and outcome over each wire."""

from __future__ import annotations

import msgspec
import pytest

from chatixia import errors
from chatixia.errors import MeshError, WireError


@pytest.mark.parametrize("code", sorted(errors.TABLE))
def test_round_trip_keeps_the_class(code: str):
    made = errors.TABLE[code]("why", agent="weather", via="direct", outcome="unknown")
    data = msgspec.json.encode(made.to_wire())
    back = errors.from_wire(msgspec.json.decode(data, type=WireError))
    assert type(back) is errors.TABLE[code]
    assert (back.code, back.message, back.agent, back.via) == (code, "why", "weather", "direct")
    assert (back.retryable, back.outcome) == (made.retryable, "unknown")


@pytest.mark.parametrize("kind", errors.TABLE.values())
def test_each_leaf_is_complete(kind: type[MeshError]):
    assert kind.sentence.endswith(".")
    assert 400 <= kind.status < 600
    assert kind.exit in {1, 2, 3, 4, 5}
    assert kind.__doc__


@pytest.mark.parametrize("seconds", [-5.0, 1e300, 86_400.0])
@pytest.mark.parametrize("code", ["busy", "from_the_future"])
def test_a_time_to_wait_that_no_one_could_wait_is_none(code: str, seconds: float):
    assert errors.from_wire(WireError(code, retry_after=seconds)).retry_after == 0.0
    assert errors.from_wire(WireError(code, retry_after=2.5)).retry_after == 2.5


def test_codes_are_unique():
    class Stray(MeshError):
        """Of no module of ours: it takes no code away."""

        code = "not_found"

    kinds = errors._tree(MeshError)
    assert Stray not in kinds
    assert len({kind.code for kind in kinds}) == len(kinds) == len(errors.TABLE)


def test_an_unknown_code_stays_readable():
    back = errors.from_wire(WireError("from_the_future", "hm", retryable=True))
    assert (back.code, back.message, back.retryable) == ("from_the_future", "hm", True)


def test_builtin_bases_for_ordinary_except_clauses():
    assert issubclass(errors.DeadlineExceeded, TimeoutError)
    assert issubclass(errors.Unreachable, ConnectionError)


def test_a_sentence_is_bounded():
    assert len(MeshError("x" * 10_000).message) == errors.MAX_SENTENCE


def test_problem_documents_carry_our_code():
    body = errors.problem(errors.NotFound("no task t_1"), "/api/tasks/t_1")
    assert body["status"] == 404
    assert body["code"] == "not_found"
    assert body["detail"] == "no task t_1"
    assert body["instance"] == "/api/tasks/t_1"


class Odd:
    def __str__(self) -> str:
        raise RuntimeError("no text")


class Careless(MeshError):
    """A subclass that never called its base."""

    def __init__(self) -> None:
        pass


@pytest.mark.parametrize(
    "error",
    [
        errors.SkillFailed("half \ud83d"),
        errors.SkillFailed("x" * 100_000, agent="y" * 100_000),
        errors.SkillFailed(ValueError("no text"), agent=7),  # type: ignore[arg-type]
        errors.SkillFailed(retryable="yes", outcome="maybe", via=b"x"),  # type: ignore[arg-type]
        Careless(),
    ],
)
def test_what_is_odd_is_still_told(error: MeshError):
    data = msgspec.json.encode(error.to_wire())
    assert len(data) < 8 * 1024
    back = errors.from_wire(msgspec.json.decode(data, type=WireError))
    assert back.message and back.code == error.code
    assert back.outcome == (
        "definite" if vars(error).get("outcome", "definite") == "definite" else "unknown"
    )
    msgspec.json.encode(errors.problem(error))


def test_an_attribute_set_later_cannot_keep_an_error_from_being_told():
    error = errors.SkillFailed()
    error.message, error.agent, error.outcome = Odd(), Odd(), None  # type: ignore[assignment]
    wire = error.to_wire()
    assert (wire.message, wire.agent, wire.outcome) == ("(Odd)", "(Odd)", "unknown")
    msgspec.json.encode(wire)


def test_a_wait_that_nobody_knows_is_left_out_wherever_it_came_from():
    read = msgspec.json.decode(b'{"code": "conflict", "retry_after": 0.0}', type=WireError)
    for error in (errors.Conflict(retry_after=float("0")), errors.from_wire(read)):
        assert b"retry_after" not in msgspec.json.encode(error.to_wire())
    assert b'"retry_after":2.0' in msgspec.json.encode(errors.Conflict(retry_after=2).to_wire())
