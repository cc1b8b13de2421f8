"""What is stored comes back the same; calls without a result are seen."""

from __future__ import annotations

import pytest
from pydantic_ai.messages import (
    BinaryContent,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

from chatixia.agent.model.library import messages
from chatixia.agent.model.stored import prompt_message, unknown_results
from chatixia.agent.model.words import Attachment, ToolCall, ToolOutcome
from chatixia.errors import Conflict

CALLS = ModelResponse(
    [TextPart("Let me see."), ToolCallPart("a", '{"x": ', "c1"), ToolCallPart("b", {"y": 1}, "c2")]
)


def result(id: str) -> ModelRequest:
    return messages.result_of(ToolCall(id, "a", "{}"), ToolOutcome("done"))


def test_messages_come_back_as_they_were_without_instructions():
    asked = messages.prompt(["hello", Attachment("x.png", "image/png", b"\x89PNG")])
    asked.instructions = "Be brief."
    back = messages.load([messages.dump(m) for m in (asked, CALLS, result("c1"))])
    assert back[1] == CALLS
    assert back[0].instructions is None
    image = back[0].parts[0].content[1]
    assert isinstance(image, BinaryContent) and image.data == b"\x89PNG"


def test_what_others_wrote_without_the_library_is_read():
    [asked, told] = messages.load(
        [prompt_message("hello"), unknown_results(messages.dump(CALLS)) or b""]
    )
    assert isinstance(asked.parts[0], UserPromptPart) and len(told.parts) == 2


def test_what_cannot_be_read_is_one_sentence():
    with pytest.raises(Conflict, match="memory forget"):
        messages.load([b'{"kind":"other"}'])


def test_results_that_were_stored_alone_are_one_request():
    asked = messages.prompt(["go on"])
    whole = messages.joined([CALLS, result("c1"), result("c2"), asked])
    assert [len(message.parts) for message in whole] == [3, 3]


def test_calls_without_a_result():
    ids = [call.tool_call_id for call in messages.unanswered([CALLS, result("c1")])]
    assert ids == ["c2"]
    assert not messages.unanswered([CALLS, result("c1"), result("c2")])
    assert not messages.unanswered([])
    assert messages.call_of(CALLS.parts[1]) == ToolCall("c1", "a", '{"x": ')
    assert messages.call_of(CALLS.parts[2]) == ToolCall("c2", "b", '{"y":1}')


def test_a_failed_result_says_so():
    message = messages.result_of(ToolCall("c", "a", "{}"), ToolOutcome("no", failed=True))
    [part] = message.parts
    assert isinstance(part, ToolReturnPart) and part.outcome == "failed"


def test_the_last_turn_is_what_came_after_the_last_prompt():
    history = [messages.prompt(["one"]), CALLS, messages.prompt(["two"]), CALLS]
    assert messages.last_turn(history) == [CALLS]
    assert messages.last_turn([]) == []


def test_a_text_file_is_text_with_its_name():
    [part] = messages.prompt(["look", Attachment("n.txt", "text/plain", b"hi")]).parts
    assert part.content == ["look", "[n.txt]\nhi"]
    assert messages.words_of(ModelRequest([part])) == "look\n[n.txt]\nhi"
