"""Signatures: how a function is called, found once."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import pytest

from chatixia.agent.context import Ctx
from chatixia.agent.signature import is_ctx, kind_of, read
from chatixia.errors import ConfigError

if TYPE_CHECKING:
    from decimal import Decimal as Elsewhere


async def on_loop(a: int, b: str = "x") -> str:
    return b * a


def in_thread(a: int) -> int:
    return a


async def streaming(a: int) -> AsyncIterator[str]:
    yield str(a)


def counting(a: int) -> Iterator[int]:
    yield from range(a)


async def giving(a: int) -> AsyncIterator[int]:
    async def items():
        yield a

    return items()


@pytest.mark.parametrize(
    ("fn", "kind", "streams"),
    [
        (on_loop, "async", False),
        (in_thread, "sync", False),
        (streaming, "async stream", True),
        (counting, "sync stream", True),
        (giving, "async", True),
        (functools.partial(on_loop, b="y"), "async", False),
    ],
)
def test_kinds(fn: Any, kind: str, streams: bool):
    assert kind_of(fn) == kind
    found = read(fn, "f")
    assert (found.kind, found.streams) == (kind, streams)


def test_items_of_a_stream_are_what_is_returned():
    assert read(streaming, "f").returns is str
    assert read(counting, "f").returns is int
    assert read(on_loop, "f").returns is str


def test_order_and_defaults():
    async def f(a: int, b: str = "x", *, c: float, d: list[int] = [1]) -> None: ...  # noqa: B006

    found = read(f, "f")
    assert found.names == ("a", "b", "c", "d")
    assert found.positional == 2
    made = msgspec.json.decode(b'{"a":1,"c":2}', type=found.args)
    assert msgspec.structs.astuple(made) == (1, "x", 2.0, [1])
    assert found.defaults == {"d": [1]}


@pytest.mark.parametrize(
    ("hint", "yes"),
    [(Ctx, True), (Ctx | None, True), (Annotated[Ctx, "x"], True), (int, False), (Any, False)],
)
def test_ctx_is_found_by_its_type(hint: Any, yes: bool):
    assert is_ctx(hint) is yes


def test_ctx_may_stand_anywhere_under_any_name():
    async def first(me: Ctx, a: int) -> None: ...
    async def last(a: int, who: Ctx | None = None) -> None: ...
    async def named(a: int, *, ctx: Ctx) -> None: ...

    assert [read(f, "f").ctx for f in (first, last, named)] == [0, 1, -1]
    assert read(named, "f").ctx_name == "ctx"
    assert all(read(f, "f").names == ("a",) for f in (first, last, named))


def test_a_class_in_a_function_is_found_by_its_closure():
    class Inner(msgspec.Struct):
        x: int

    async def f(inner: Inner) -> int:
        return inner.x + len(str(Inner))

    assert read(f, "f").args.__struct_fields__ == ("inner",)


class Thing:
    async def f(self, a: int) -> int:
        return a


def test_a_class_is_no_skill():
    with pytest.raises(ConfigError, match=r"is a class; make an object .*agent\.skill\(Thing"):
        read(Thing, "f")


def test_methods_lose_self():
    assert read(Thing().f, "f").names == ("a",)


def test_self_outside_a_class_is_a_name_like_any_other():
    async def f(self: int) -> None: ...

    assert read(f, "f").names == ("self",)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: _stars, "takes \\*a; name its parameters"),
        (lambda: _hidden, "names the type 'Elsewhere', which is not known at run time"),
        (lambda: _two, "asks for Ctx twice"),
        (lambda: Thing.f, r"without its object.*agent.skill\(obj.f\)"),
    ],
)
def test_refusals_are_sentences(make: Any, says: str):
    with pytest.raises(ConfigError, match=says):
        read(make(), "f")


async def _stars(*a: int) -> None: ...
async def _hidden(a: Elsewhere) -> None: ...
async def _two(a: Ctx, b: Ctx) -> None: ...


class Field:
    """Shaped as pydantic's FieldInfo: no limits, a default."""

    __module__ = "pydantic.fields"
    metadata: tuple[Any, ...] = ()
    default_factory = None

    def __init__(self, default: Any = ..., **said: Any) -> None:
        self.default = default
        self.__dict__.update(said)

    def is_required(self) -> bool:
        return self.default is ...


def test_a_field_of_pydantic_is_its_default_and_not_the_value():
    async def f(
        a: int = Field(5),  # type: ignore[assignment]  # noqa: B008
        b: Annotated[int, Field(6)] = 7,
        c: int = Field(),  # type: ignore[assignment]  # noqa: B008
        d: list[int] = Field(8, default_factory=list),  # type: ignore[assignment]  # noqa: B008
        *,
        e: Annotated[int, Field(9)],
    ) -> None: ...

    made = msgspec.json.decode(b'{"c":3}', type=read(f, "f").args)
    assert msgspec.structs.astuple(made) == (5, 7, 3, [], 9)


def test_what_a_field_asks_for_in_vain_is_refused():
    async def f(a: int = Field(alias="A")) -> None: ...  # type: ignore[assignment]  # noqa: B008

    with pytest.raises(ConfigError, match=r"parameter a of the skill f asks for Field\(alias"):
        read(f, "f")


def test_any_names():
    def f(a: int, **others: Any) -> None: ...

    found = read(f, "f")
    assert found.anything
    assert found.names == ("a",)
    assert found.rest is Any

    def g(a: int, /, ctx: Ctx, **others: int) -> None: ...

    assert (read(g, "g").rest, read(g, "g").reserved) == (int, {"ctx"})
