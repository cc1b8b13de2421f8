"""What a run ends with: text, or a value that fits a schema."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from pydantic_ai import Agent, ModelRetry, StructuredDict
from pydantic_ai.exceptions import UserError
from pydantic_ai.messages import ToolCallPart
from pydantic_ai.output import ToolOutput

from chatixia.errors import BadArguments

from .answer_schema import AnswerSchema

FINAL: Final = "final_result"
"""The tool by which a model gives a value."""
MENDS: Final = 3
"""How often a value that does not fit goes back to the model."""
UNBOUNDED: Final = 1_000_000
"""Of what goes back to a model otherwise: ``max_turns`` is the bound."""

_text: Final = Agent(retries={"tools": UNBOUNDED, "output": MENDS})


class Output:
    """``returns``: JSON Schema of the value; None for text. Raises BadArguments."""

    def __init__(self, returns: dict[str, Any] | None) -> None:
        self._schema = None if returns is None else AnswerSchema(returns)
        self.agent: Agent[Any, Any] = _text if self._schema is None else _structured(self._schema)

    @property
    def is_structured(self) -> bool:
        """Whether it is a value."""
        return self._schema is not None

    def is_output_of(self, call: ToolCallPart) -> bool:
        """Whether ``call`` gives the value."""
        return self.is_structured and call.tool_name == FINAL

    def problem(self, result: dict[str, Any]) -> str:
        """What is wrong with what the model gave; "" if nothing is."""
        assert self._schema is not None
        return self._schema.problem(self._schema.value(result))

    def text(self, result: dict[str, Any]) -> str:
        """The value in it, as JSON."""
        assert self._schema is not None
        return msgspec.json.encode(self._schema.value(result)).decode()


def _structured(schema: AnswerSchema) -> Agent[Any, Any]:
    try:
        kind = ToolOutput(StructuredDict(schema.offered), name=FINAL)
        agent: Agent[Any, Any] = Agent(
            output_type=kind, retries={"tools": UNBOUNDED, "output": MENDS}
        )
    except UserError:
        raise BadArguments("The schema of an answer cannot refer to itself.") from None

    @agent.output_validator
    def fits(result: Any) -> Any:
        if problem := schema.problem(schema.value(result)):
            raise ModelRetry(problem)
        return result

    return agent
