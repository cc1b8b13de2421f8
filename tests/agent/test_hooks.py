"""Models taken by their shape."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from chatixia.agent.hooks import dec_hook, is_model, result_schema_hook, schema_hook


class Complaint(ValueError):
    def errors(self) -> list[dict[str, Any]]:
        return [{"loc": ("x", 0), "msg": "should be less", "input": "secret"}]


class Model:
    def __init__(self, x: int) -> None:
        self.x = x

    @classmethod
    def model_validate(cls, found: Any) -> Model:
        if found["x"] > 9:
            raise Complaint("1 validation error\nx.0 secret")
        return cls(**found)

    @classmethod
    def model_json_schema(cls, ref_template: str = "", mode: str = "") -> dict[str, Any]:
        return {"title": ref_template, "mode": mode}


class Strict(Model):
    """Takes a date from JSON alone, as pydantic's strict models do."""

    @classmethod
    def model_validate(cls, found: Any) -> Model:
        raise Complaint("a str is no date")

    @classmethod
    def model_validate_json(cls, found: bytes) -> Model:
        return super().model_validate(msgspec.json.decode(found))


class Args(msgspec.Struct):
    model: Model


class StrictArgs(msgspec.Struct):
    model: Strict


def test_shape():
    assert is_model(Model)
    assert not is_model(int)
    assert schema_hook(Model) == {"title": "#/$defs/{model}", "mode": "validation"}
    assert result_schema_hook(Model) == {"title": "#/$defs/{model}", "mode": "serialization"}
    for hook in (schema_hook, result_schema_hook):
        with pytest.raises(NotImplementedError):
            hook(int)


def test_a_model_validates_itself():
    found = msgspec.json.decode(b'{"model":{"x":3}}', type=Args, dec_hook=dec_hook)
    assert found.model.x == 3


def test_a_model_that_reads_json_is_given_json():
    data = b'{"model":{"x":123456789012345678901234567890}}'
    with pytest.raises(msgspec.ValidationError, match="should be less"):
        msgspec.json.decode(data, type=StrictArgs, dec_hook=dec_hook)
    found = msgspec.json.decode(b'{"model":{"x":3}}', type=StrictArgs, dec_hook=dec_hook)
    assert found.model.x == 3


def test_its_complaint_is_one_line_without_the_input():
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(b'{"model":{"x":10}}', type=Args, dec_hook=dec_hook)
    assert str(caught.value) == "x.0: should be less - at `$.model`"


def test_other_types_cannot_come():
    with pytest.raises(NotImplementedError, match="a socket cannot come as JSON"):
        dec_hook(type("socket", (), {}), {})
