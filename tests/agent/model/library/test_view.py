"""What goes to the model, and when the library's own list is no longer that."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

from pydantic_ai.messages import ModelRequest, ModelResponse, TextPart, UserPromptPart

from chatixia.agent.model.library.messages import dump
from chatixia.agent.model.library.view import View
from chatixia.agent.model.words import Compaction, MessageShape, ToolSpec
from tests.agent.model.runs import Run


def growing(count: int) -> SimpleNamespace:
    record = SimpleNamespace(finished=[], stored=[])
    for n in range(count):
        grow(record, n)
    return record


def grow(record: SimpleNamespace, n: int) -> None:
    text = f"text {n}"
    message = ModelResponse([TextPart(text)]) if n % 2 else ModelRequest([UserPromptPart(text)])
    record.finished.append(message)
    record.stored.append(dump(message))


def test_without_compaction_all_goes_there():
    record = growing(4)
    view = View(Run().request(), record)
    assert view.look() == record.finished
    grow(record, 4)
    assert view.holds()
    before = view.tokens([])
    assert view.tokens([ToolSpec("a", "x" * 300, {})]) >= before + 100


def test_a_new_cut_or_digest_starts_anew():
    record = growing(4)
    left = {"keep": range(2, 4), "digest": "short"}

    def compact(shapes: Sequence[MessageShape]) -> Compaction:
        return Compaction([*left["keep"], *range(4, len(shapes))], left["digest"])

    view = View(Run().request(compact=compact), record)
    [first, answer] = view.look()
    assert [part.content for part in first.parts] == ["short", "text 2"]
    grow(record, 4)
    assert view.holds()
    left["digest"] = "longer"
    assert not view.holds()
    left |= {"digest": "short", "keep": range(3, 4)}
    assert not view.holds()
    assert view.look()[1] == answer
