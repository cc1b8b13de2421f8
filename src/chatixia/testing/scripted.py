"""A scripted model: what answers is written in the test, and no byte leaves the process.

::

    model = scripted([ScriptCall("add", {"a": 1, "b": 2})], ["It is 3."])
    agent = Agent("thinker", model=model)
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable

from chatixia.agent.model.words import ModelSpec, ScriptCall, ScriptTurn

Pieces = Iterable[str | ScriptCall]
Step = Pieces | Callable[[ScriptTurn], Pieces]
"""One response: its pieces of text and calls of tools, or a function that gives them."""


def scripted(*steps: Step) -> ModelSpec:
    """A model for ``Agent(model=...)`` whose responses are ``steps``, one after the other for each
    question; the last answers whatever comes after it.

    A step is a list of texts and :class:`ScriptCall`, or a function of the :class:`ScriptTurn`.
    """
    if not steps:
        raise TypeError("scripted takes at least one response")

    async def script(turn: ScriptTurn) -> AsyncIterator[str | ScriptCall]:
        step = steps[min(turn.number, len(steps) - 1)]
        for piece in step(turn) if callable(step) else step:
            yield piece

    return ModelSpec("scripted", script=script)
