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


def test_methods_lose_self():
    class Thing:
        async def f(self, a: int) -> int:
            return a

    assert read(Thing().f, "f").names == ("a",)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: _stars, "takes \\*a; name its parameters"),
        (lambda: _hidden, "names the type 'Elsewhere', which is not known at run time"),
        (lambda: _two, "asks for Ctx twice"),
    ],
)
def test_refusals_are_sentences(make: Any, says: str):
    with pytest.raises(ConfigError, match=says):
        read(make(), "f")


async def _stars(*a: int) -> None: ...
async def _hidden(a: Elsewhere) -> None: ...
async def _two(a: Ctx, b: Ctx) -> None: ...


def test_any_names():
    def f(a: int, **others: Any) -> None: ...

    found = read(f, "f")
    assert found.anything
    assert found.names == ("a",)
