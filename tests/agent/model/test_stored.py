"""Stored messages as the library really writes them, looked at without it."""

from __future__ import annotations

import msgspec
import pytest

from chatixia.agent.model import stored
from chatixia.agent.model.words import MessageShape

library = pytest.importorskip("pydantic_ai.messages")


def written(*messages: object) -> list[bytes]:
    """Each message by itself, as a journal is given it."""
    adapter = library.ModelMessagesTypeAdapter
    [*each] = msgspec.json.decode(adapter.dump_json(list(messages)), type=list[msgspec.Raw])
    return [bytes(body) for body in each]


def exchange() -> list[bytes]:
    m = library
    return written(
        m.ModelRequest(parts=[m.UserPromptPart("Find oslo")], instructions="Be brief."),
        m.ModelResponse(
            parts=[
                m.ThinkingPart("hm"),
                m.TextPart("Looking."),
                m.ToolCallPart("find", '{"q":"oslo"}', tool_call_id="c1"),
                m.ToolCallPart("find", {"q": "rome"}, tool_call_id="c2"),
            ]
        ),
        m.ModelRequest(
            parts=[
                m.ToolReturnPart("find", "the city " * 100, tool_call_id="c1"),
                m.ToolReturnPart("find", {"n": 1}, tool_call_id="c2", outcome="failed"),
            ]
        ),
        m.ModelResponse(parts=[m.TextPart("Found.")]),
    )


def test_a_call_its_results_and_who_speaks_are_seen():
    ask, call, results, answer = map(stored.shape_of, exchange())
    assert (ask.kind, ask.prompt, ask.text) == ("request", True, "Find oslo")
    assert (call.kind, call.calls, call.text) == ("response", ("c1", "c2"), "Looking.")
    assert (results.kind, results.prompt, results.results) == ("request", False, ("c1", "c2"))
    assert results.text == ""
    assert (answer.kind, answer.calls, answer.text) == ("response", (), "Found.")


def test_tokens_grow_with_what_is_sent_and_an_image_counts_as_one():
    _, call, results, answer = map(stored.shape_of, exchange())
    assert results.tokens > 300 > call.tokens > answer.tokens
    image = library.BinaryContent(b"x" * 500_000, media_type="image/png")
    [body] = written(library.ModelRequest(parts=[library.UserPromptPart(["Look", image])]))
    shape = stored.shape_of(body)
    assert stored.FILE_TOKENS < shape.tokens < stored.FILE_TOKENS + 100
    assert shape.text == "Look"


def test_a_message_of_our_own_is_one_of_the_librarys():
    body = stored.prompt_message("It was said: 4711")
    [message] = library.ModelMessagesTypeAdapter.validate_json(b"[" + body + b"]")
    assert message.parts[0].content == "It was said: 4711"
    assert stored.shape_of(body).text == "It was said: 4711"
    assert stored.shape_of(body).prompt


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[]", b'{"parts": 4}', b"\xff", b"{" * 9999])
def test_what_is_no_message_says_nothing(body: bytes):
    assert stored.shape_of(body) == MessageShape("request", tokens=stored.MESSAGE_TOKENS)


def test_the_estimate_is_rather_too_high():
    assert stored.tokens_of("") == 0
    assert stored.tokens_of("a") == 1
    assert stored.tokens_of("four words of English") == 7
    assert stored.tokens_of("漢字") == 2
