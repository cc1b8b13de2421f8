"""Constraints by shape. The classes here stand in for those of pydantic and annotated_types."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec
import pytest

from chatixia.agent import constraints
from chatixia.agent.constraints import Unchecked, mended

TYPES = "annotated_types"


def limit(home: str = TYPES, /, **said: Any) -> Any:
    """``Ge(ge=1)`` and the like: an object of another library with nothing but its limit."""
    kind = type("Limit", (), {"__module__": home, "__slots__": tuple(said)})
    made = kind()
    for key, value in said.items():
        setattr(made, key, value)
    return made


@dataclass(eq=False)
class Field:
    """Shaped as pydantic's FieldInfo."""

    metadata: list[Any] = field(default_factory=list)
    default: Any = ...
    default_factory: Callable[[], Any] | None = None
    description: str | None = None
    alias: str | None = None

    def is_required(self) -> bool:
        return self.default is ... and self.default_factory is None


Field.__module__ = "pydantic.fields"


class Group:
    """Shaped as annotated_types.Interval: it gives its limits one by one."""

    def __init__(self, *limits: Any) -> None:
        self.limits = limits

    def __iter__(self) -> Iterator[Any]:
        return iter(self.limits)


Group.__module__ = TYPES


class General:
    """Shaped as what pydantic keeps beside annotated_types' limits."""

    def __init__(self, **said: Any) -> None:
        self.__dict__.update(said)


General.__module__ = "pydantic._internal._fields"


def takes(hint: Any, good: Any, *bad: Any) -> None:
    kind = mended(hint)
    assert msgspec.convert(good, kind) == good
    for one in bad:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(one, kind)


@pytest.mark.parametrize(
    ("kind", "note", "good", "bad"),
    [
        (int, limit(ge=1), 1, 0),
        (int, limit(gt=1), 2, 1),
        (int, limit(le=3.0), 3, 4),
        (float, limit(lt=3), 2.5, 3.0),
        (int, limit(multiple_of=2), 4, 5),
        (str, limit(min_length=2), "ab", "a"),
        (list[int], limit(max_length=1), [1], [1, 2]),
        (str, General(pattern="^a", strict=True, to_upper=False), "ab", "b"),
        (int, Group(limit(gt=1), limit(le=3)), 3, 4),
        (int, Field([limit(ge=1), limit("pydantic.types", strict=True)]), 1, 0),
    ],
)
def test_what_others_promise_is_kept(kind: Any, note: Any, good: Any, bad: Any):
    takes(Annotated[kind, note], good, bad)


def test_the_stricter_of_two_holds():
    takes(Annotated[int, limit(ge=5), limit(ge=1), limit(le=9), limit(le=7)], 7, 4, 8)


def test_at_any_depth_and_beside_none():
    small = Annotated[int, limit(le=3)]
    takes(dict[str, list[small]], {"a": [3]}, {"a": [4]})
    takes(tuple[small, ...] | None, None, (4,))
    takes(Annotated[int | None, Field([limit(le=3)], description="d")], None, 4)
    takes(Annotated[int | None, msgspec.Meta(title="t"), limit(le=3)], None, 4)


def test_what_is_said_shows():
    hint = mended(Annotated[int, Field([limit(ge=1)], description="How many.")])
    assert msgspec.json.schema(hint) == {
        "type": "integer",
        "minimum": 1,
        "description": "How many.",
    }


def test_what_is_not_foreign_stays_itself():
    for hint in (int, list[Annotated[int, "note"]], Annotated[str, msgspec.Meta(max_length=1)]):
        assert mended(hint) is hint


@pytest.mark.parametrize(
    ("note", "says"),
    [
        (limit(), "Limit"),
        (limit(predicate=bool), "Limit"),
        (General(max_digits=3), "max_digits"),
        (Field(alias="N"), r"Field\(alias=...\)"),
        (Group(limit(gt=1), limit(ge=1)), "gt and ge"),
        (Group(limit(pattern="a"), limit(pattern="b")), "pattern twice"),
    ],
)
def test_what_cannot_be_kept_is_refused(note: Any, says: str):
    with pytest.raises(Unchecked, match=says):
        mended(list[Annotated[int, note]])


def test_defaults():
    assert constraints.is_field(Field())
    assert not constraints.is_field(limit(ge=1))
    assert not constraints.is_field(5)
    assert constraints.default_of(Field(), "none") == "none"
    assert constraints.default_of(Field(default=5), "none") == 5
    made = constraints.default_of(Field(default_factory=list), "none")
    assert made.default_factory is list
    found = Field()
    assert constraints.field_of(Annotated[int, "x", found]) is found
    assert constraints.field_of(int) is None


class Limited(msgspec.Struct):
    n: Annotated[int, limit(ge=1)]


@dataclass
class Holder:
    ones: list[Limited]
    again: Holder | None = None


@dataclass
class Validated:
    __is_pydantic_dataclass__ = True
    n: int


@dataclass
class Defaulted:
    n: int = Field(default=5)  # type: ignore[assignment]  # noqa: RUF009


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        (Holder, "Limited, whose fields have constraints"),
        (Validated, "Validated, a dataclass of pydantic"),
        (dict[str, Validated | None], "Validated, a dataclass of pydantic"),
        (Defaulted, "Defaulted, whose fields have constraints"),
    ],
)
def test_what_would_pass_unchecked_inside_a_class_is_named(kind: Any, says: str):
    assert says in constraints.inside(msgspec.inspect.type_info(kind))


def test_plain_classes_pass():
    @dataclass
    class Plain:
        n: Annotated[int, msgspec.Meta(ge=1)]
        more: list[str]

    assert constraints.inside(msgspec.inspect.type_info(list[Plain])) == ""
