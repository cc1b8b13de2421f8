"""Text breaks at words, in pieces as in whole, and never beyond the width."""

from __future__ import annotations

import random

import pytest

from chatixia.cli.wrapping import StreamWrapper, cells, clip, wrap

WORDS = ["a", "word", "漢字漢字", "emoji🙂", "x" * 30, "    code", "tab\tbed", "\n", "\n\n", "end."]


@pytest.mark.parametrize("seed", range(40))
def test_pieces_break_as_the_whole_does(seed: int):
    rng = random.Random(seed)
    text = " ".join(rng.choices(WORDS, k=60))
    width = rng.choice([2, 7, 20, 80, 200])
    stream, lines, rest = StreamWrapper(lambda: width), [], text
    while rest:
        size = rng.randint(1, 9)
        piece, rest = rest[:size], rest[size:]
        lines += stream.feed(piece)
        assert cells(stream.partial.rstrip()) <= width
    lines += stream.end()
    while lines and not lines[-1]:
        lines.pop()
    assert lines == wrap(text.rstrip(), width)
    assert all(cells(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_words_stay_whole_where_they_fit():
    assert wrap("one two three", 7) == ["one two", "three"]
    assert wrap("one two three", 80) == ["one two three"]
    assert wrap("longerthanthat", 7) == ["longert", "hanthat"]
    assert wrap("漢字漢", 4) == ["漢字", "漢"]


def test_breaks_and_indents_of_the_text_stay():
    assert wrap("a\n\n  if x:\n\ty()", 20) == ["a", "", "  if x:", "    y()"]


def test_a_line_is_clipped_by_its_cells():
    assert clip("short", 5) == "short"
    assert clip("漢字漢字", 5) == "漢字…"
    assert cells(clip("a" * 500, 80)) == 80
