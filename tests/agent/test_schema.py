"""JSON Schema 2020-12 of parameters and results."""

import enum
import sys
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal, TypedDict

import msgspec
import pytest
from typing_extensions import TypeAliasType

from chatixia.agent import schema
from chatixia.agent.signature import read
from chatixia.errors import ConfigError


class Color(enum.Enum):
    RED = "red"


@dataclass
class Point:
    x: int
    y: int = 0


class Tree(msgspec.Struct):
    value: int
    children: list["Tree"] = []


class Movie(TypedDict, total=False):
    name: str


class Model:
    """Shaped as a pydantic model."""

    @classmethod
    def model_validate(cls, found: Any) -> "Model":
        return cls()

    @classmethod
    def model_json_schema(cls, ref_template: str = "", mode: str = "") -> dict[str, Any]:
        if mode == "serialization":
            return {"type": "object", "properties": {"computed": {"type": "string"}}}
        part = ref_template.format(model="Part")
        return {
            "type": "object",
            "properties": {"part": {"$ref": part}},
            "$defs": {"Part": {"type": "string", "$defs": {"Deep": {"type": "null"}}}},
        }


def of(fn: Any, **said: str) -> dict[str, Any]:
    return schema.parameters(read(fn, "f"), "f", said)


if sys.version_info >= (3, 12):
    scope: dict[str, Any] = {}
    exec("type Endless = dict[str, Endless] | None", scope)
    Endless = scope["Endless"]
else:
    Endless = TypeAliasType("Endless", "dict[str, Endless] | None")


def test_an_alias_of_itself_is_refused_in_a_sentence():
    async def f(x: Endless) -> None: ...

    with pytest.raises(ConfigError, match="refers to itself by an alias|cannot be used"):
        of(f)

    async def g() -> Endless: ...

    assert schema.returns(read(g, "g")) == {}


def test_the_shape():
    async def f(city: str, days: int = 3) -> None: ...

    assert of(f, city="Where.", nobody="?") == {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "Where."},
            "days": {"type": "integer", "default": 3},
        },
        "required": ["city"],
        "additionalProperties": False,
    }


def test_no_parameters_still_make_an_object():
    async def f() -> None: ...

    assert of(f)["type"] == "object"
    assert of(f)["properties"] == {}


@pytest.mark.parametrize(
    ("hint", "part"),
    [
        (str | None, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        (Literal["a", "b"], {"enum": ["a", "b"]}),
        (date, {"type": "string", "format": "date"}),
        (list[int], {"type": "array", "items": {"type": "integer"}}),
        (Annotated[int, msgspec.Meta(ge=1)], {"type": "integer", "minimum": 1}),
        (Any, {}),
    ],
)
def test_types(hint: Any, part: dict[str, Any]):
    async def f(a) -> None: ...

    f.__annotations__["a"] = hint
    assert of(f)["properties"]["a"] == part


@pytest.mark.parametrize("kind", [Color, Point, Movie, Tree])
def test_named_types_are_referenced(kind: Any):
    async def f(a) -> None: ...

    f.__annotations__["a"] = kind
    made = of(f)
    assert made["properties"]["a"] == {"$ref": f"#/$defs/{kind.__name__}"}
    assert kind.__name__ in made["$defs"]


def test_a_models_own_definitions_are_lifted_to_the_root():
    async def f(a: Model) -> None: ...

    made = of(f)
    assert made["$defs"] == {"Part": {"type": "string"}, "Deep": {"type": "null"}}
    assert made["properties"]["a"]["properties"]["part"] == {"$ref": "#/$defs/Part"}


def test_defaults_that_are_objects_show():
    async def f(a: Point = Point(1), b: Color = Color.RED) -> None: ...  # noqa: B008

    part = of(f)["properties"]
    assert part["a"]["default"] == {"x": 1, "y": 0}
    assert part["b"]["default"] == "red"


def test_a_type_that_cannot_come_as_json_is_named():
    class Socket: ...

    async def f(a: Socket) -> None: ...

    with pytest.raises(ConfigError, match="parameter a of the skill f is a Socket"):
        of(f)


@pytest.mark.parametrize("hint", [Model | str, list[Model | Point]])
def test_a_union_that_nobody_can_tell_apart_is_named_with_its_cure(hint: Any):
    async def f(a, b) -> None: ...

    f.__annotations__ |= {"a": int, "b": hint}
    with pytest.raises(ConfigError, match=r"parameter b of the skill f is a union.*RootModel"):
        of(f)


def test_a_type_that_is_unusable_is_named():
    async def f(a: Annotated[int, msgspec.Meta(pattern="x")]) -> None: ...

    with pytest.raises(ConfigError, match="parameter a of the skill f has a type that cannot"):
        of(f)


def test_what_would_pass_unchecked_is_named():
    @dataclass
    class Validated:
        __is_pydantic_dataclass__ = True
        n: int

    async def f(a: list[Validated]) -> None: ...

    with pytest.raises(
        ConfigError, match="parameter a of the skill f holds Validated, a dataclass"
    ):
        of(f)


def test_results():
    async def f() -> Tree: ...

    made = schema.returns(read(f, "f"))
    assert made["properties"]["value"] == {"type": "integer"}
    assert made["$defs"]["Tree"]["properties"] == made["properties"]

    async def g(): ...

    assert schema.returns(read(g, "g")) == {}


def test_a_model_as_a_result_is_described_as_it_is_written():
    async def f(a: Model) -> Model: ...

    assert schema.returns(read(f, "f"))["properties"] == {"computed": {"type": "string"}}
    assert "part" in of(f)["properties"]["a"]["properties"]


def test_skills_that_take_anything_say_so():
    async def f(a: int, **others: Any) -> None: ...

    assert "additionalProperties" not in of(f)


def test_skills_that_take_any_of_one_kind_describe_it():
    async def f(a: int, **others: Point) -> None: ...

    made = of(f)
    assert made["additionalProperties"] == {"$ref": "#/$defs/Point"}
    assert made["$defs"]["Point"]["properties"]["x"] == {"type": "integer"}

    async def g(**others: Model | str) -> None: ...

    with pytest.raises(ConfigError, match="The catch-all parameter of the skill f is a union"):
        of(g)
