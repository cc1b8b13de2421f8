"""What of a run's messages goes to the model: all, or what compaction leaves."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from pydantic_ai.messages import ModelMessage, ModelRequest, UserPromptPart

from chatixia.agent.model.stored import BYTES_PER_TOKEN, shape_of, tokens_of
from chatixia.agent.model.words import Compaction, MessageShape, RunRequest, ToolSpec

from .messages import joined
from .record import RunRecord


class View:
    """Of ``record``, which only grows."""

    def __init__(self, request: RunRequest, record: RunRecord) -> None:
        self._compact = request.compact
        self._instructions = tokens_of(request.instructions)
        self._record = record
        self._shapes: list[MessageShape] = []
        self._length = 0
        self._compaction = Compaction(())

    def look(self) -> list[ModelMessage]:
        """The messages to go on from."""
        self._compaction = self._now()
        self._length = len(self._record.finished)
        shown = [self._record.finished[n] for n in self._compaction.keep]
        if digest := self._compaction.digest:
            shown.insert(0, ModelRequest([UserPromptPart(digest)]))
        return joined(shown)

    def holds(self) -> bool:
        """Whether the last look, with what came since, is still what should go to the model."""
        now, last = self._now(), self._compaction
        grown = [*last.keep, *range(self._length, len(self._record.finished))]
        return now.digest == last.digest and list(now.keep) == grown

    def tokens(self, tools: Iterable[ToolSpec]) -> int:
        """About how many a request with ``tools`` has now."""
        size = sum(tokens_of(tool.description) + _size(tool) for tool in tools)
        size += self._instructions + tokens_of(self._compaction.digest)
        shapes = self._grown()
        shown = [*self._compaction.keep, *range(self._length, len(shapes))]
        tokens: int = sum(shapes[n].tokens for n in shown)
        return size + tokens

    def _now(self) -> Compaction:
        shapes = self._grown()
        return self._compact(shapes) if self._compact else Compaction(range(len(shapes)))

    def _grown(self) -> list[MessageShape]:
        self._shapes += map(shape_of, self._record.stored[len(self._shapes) :])
        return self._shapes


def _size(tool: ToolSpec) -> int:
    return len(msgspec.json.encode(tool.parameters)) // BYTES_PER_TOKEN
