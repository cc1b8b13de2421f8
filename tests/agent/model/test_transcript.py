"""A stored message as a person reads it."""

from __future__ import annotations

from chatixia.agent.model.stored import prompt_message
from chatixia.agent.model.transcript import MAX_RESULT, Line, lines_of
from tests.agent.model.test_stored import exchange


def test_who_said_what_and_which_tools_were_called():
    ask, call, results, answer = (list(lines_of(body)) for body in exchange())
    assert ask == [Line("user", "Find oslo")]
    assert call == [
        Line("agent", "Looking."),
        Line("call", '{"q":"oslo"}', "find"),
        Line("call", '{"q":"rome"}', "find"),
    ]
    assert [line.role for line in results] == ["result", "result"]
    assert len(results[0].text) == MAX_RESULT
    assert results[1].text == '{"n":1}'
    assert answer == [Line("agent", "Found.")]


def test_a_file_is_counted_and_what_is_no_message_says_nothing():
    image = b'{"parts":[{"part_kind":"user-prompt","content":["Look",{"kind":"binary"}]}]}'
    assert list(lines_of(image)) == [Line("user", "Look\n[1 file]")]
    assert list(lines_of(prompt_message("a\nb"))) == [Line("user", "a\nb")]
    assert list(lines_of(b"nonsense")) == []
