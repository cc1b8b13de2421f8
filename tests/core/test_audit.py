"""The chain of the audit log: what was changed, removed, put in or written anew is noticed."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from chatixia.core.audit import AuditCheck, line_hash
from chatixia.wire.audit import AuditLine, AuditMark

NONE = AuditMark()


def chain(many: int, before: AuditMark = NONE, actor: str = "hub~anna") -> list[AuditLine]:
    lines: list[AuditLine] = []
    for n in range(before.n + 1, before.n + many + 1):
        line = AuditLine(n, 1000 * n, actor, "person", "tasks.cancel", f"t_{n}", "10.0.0.7")
        lines.append(replace(line, hash=line_hash(before.hash, line)))
        before = mark(lines[-1])
    return lines


def mark(line: AuditLine) -> AuditMark:
    return AuditMark(line.n, line.hash)


def wrong(
    lines: list[AuditLine],
    head: AuditMark | None = None,
    floor: AuditMark = NONE,
    anchor: AuditMark = NONE,
) -> str:
    check = AuditCheck(floor, anchor)
    check.add(lines)
    check.end(head or mark(lines[-1]))
    return check.wrong


def test_a_whole_chain_holds_from_its_beginning_and_from_where_it_was_cut():
    lines = chain(9)
    assert not wrong(lines)
    assert not wrong(lines[4:], floor=mark(lines[3]))
    assert not wrong([], NONE)


@pytest.mark.parametrize(
    "field",
    [
        {"actor": "hub~eve"},
        {"act": "tasks.submit"},
        {"target": "t_0"},
        {"at": 1},
        {"origin": ""},
        {"detail": "x"},
        {"kind": "owner"},
    ],
)
def test_a_changed_line_is_noticed(field: dict[str, object]):
    lines = chain(5)
    lines[2] = replace(lines[2], **field)  # type: ignore[arg-type]
    assert wrong(lines) == "Line 3 was changed, or a line before it."


def test_a_line_that_was_changed_with_its_own_hash_breaks_the_next():
    lines = chain(5)
    changed = replace(lines[2], actor="hub~eve")
    lines[2] = replace(changed, hash=line_hash(lines[1].hash, changed))
    assert wrong(lines) == "Line 4 was changed, or a line before it."


def test_a_removed_line_is_noticed_wherever_it_stood():
    lines = chain(5)
    head = mark(lines[-1])
    assert wrong(lines[1:], head) == "Line 1 is missing."
    assert wrong(lines[:2] + lines[3:], head) == "Line 3 is missing."
    assert wrong(lines[:4], head) == "The newest line is 4, and should be 5."


def test_a_line_that_was_put_in_is_noticed():
    lines = chain(5)
    assert wrong([*lines[:2], lines[1], *lines[2:]]) == "Line 3 is missing."


def test_a_log_that_was_written_anew_is_noticed_by_who_saw_the_first():
    seen = mark(chain(5)[3])
    assert wrong(chain(6, actor="hub~eve"), anchor=seen) == (
        "Line 4 is not the one that was seen before."
    )
    short = chain(3)
    assert wrong(short, anchor=seen) == "Line 4 was seen before and is gone."
    cut = chain(4, actor="hub~eve")
    assert "seen before" in wrong(chain(2, mark(cut[-1])), floor=mark(cut[-1]), anchor=seen)
    assert not wrong(chain(5), anchor=seen)
    assert not wrong(chain(9)[6:], floor=mark(chain(9)[5]), anchor=seen), "dropped since"


def test_the_hash_is_over_the_one_before_and_the_line_as_a_json_list():
    line = AuditLine(1, 2, "a", "owner", "revoke", "b", "::1")
    assert line_hash("", line) == "tFLyxkpAi2foXuOrqN1dC-fGE25RKQGfa9aN8RBr2nQ"
