"""An answer that has to fit a JSON Schema."""

from __future__ import annotations

from typing import Any, Final

import jsonschema_rs
import msgspec

from chatixia.client.ask import MAX_SCHEMA
from chatixia.errors import BadArguments

WRAPPED: Final = "answer"


class AnswerSchema:
    """``schema`` of an answer. Models answer with an object, so any other is put into one.

    Raises BadArguments for what is no schema, points elsewhere, or is too large.
    """

    def __init__(self, schema: dict[str, Any]) -> None:
        if len(msgspec.json.encode(schema)) > MAX_SCHEMA:
            raise BadArguments(f"The schema of the answer is larger than {MAX_SCHEMA} bytes.")
        try:
            self._validator = jsonschema_rs.validator_for(
                schema,
                retriever=_elsewhere,
                # In time that grows with the text alone: a schema may come from anybody.
                pattern_options=jsonschema_rs.RegexOptions(),
            )
        except (ValueError, jsonschema_rs.ReferencingError):
            raise BadArguments("What the answer has to fit is no valid JSON Schema.") from None
        self.is_wrapped = schema.get("type") != "object"
        self.offered: dict[str, Any] = _wrapped(schema) if self.is_wrapped else schema
        """The schema of the object that the model gives."""

    def value(self, result: dict[str, Any]) -> Any:
        """The answer in what the model gave."""
        return result.get(WRAPPED) if self.is_wrapped else result

    def problem(self, value: Any) -> str:
        """What is wrong with it, as a sentence for the model; "" if nothing is."""
        try:
            error = next(iter(self._validator.iter_errors(value)), None)
        except ValueError as unusable:
            return str(unusable)[:400]
        if error is None:
            return ""
        place = "/".join(map(str, error.instance_path))
        return f"{place or 'The answer'}: {error.message[:400]}."


def _wrapped(schema: dict[str, Any]) -> dict[str, Any]:
    inner = {key: value for key, value in schema.items() if key not in ("$schema", "$defs")}
    whole = {"type": "object", "properties": {WRAPPED: inner}, "required": [WRAPPED]}
    return whole | ({"$defs": schema["$defs"]} if "$defs" in schema else {})


def _elsewhere(address: str) -> Any:
    raise ValueError(f"{address[:80]} is not in the schema.")
