"""A skill's signature, read once: its parameters as one msgspec Struct, and how to call it.

The Struct is what makes a call cheap: one compiled decoder checks, converts and refuses unknown
names, and ``msgspec.structs.astuple`` gives the arguments in order.
"""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Generator,
    Iterator,
)
from typing import Any, Final, Literal, TypeGuard

import msgspec

from chatixia.errors import ConfigError

from . import constraints
from .context import Ctx

Kind = Literal["async", "sync", "async stream", "sync stream"]

_STREAMS: Final = (AsyncIterator, AsyncGenerator, AsyncIterable, Iterator, Generator)
_PLAIN: Final = (type(None), bool, int, float, str, msgspec.UnsetType)
_KEYS: Final = (typing.Required, typing.NotRequired, getattr(typing, "ReadOnly", None))
_FIELD: Final[type] = type(msgspec.field(default_factory=list))
_NAMED: Final = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_POSITIONAL: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class Signature(msgspec.Struct):
    """How a function is called.

    ``args``: the Struct of its parameters, called ``names``; ``anything``: it also takes others
    (``**kwargs``), each a ``rest``, but none that is ``reserved``. ``streams``: it gives items, not
    one value. ``returns``: the annotation of its value, or of an item. ``positional``: how many of
    the Struct's fields are passed by position; the rest by name. ``ctx``: where the Ctx goes among
    the positional ones, -1 for nowhere;
    ``ctx_name``: its name when it is keyword-only. ``defaults``: those that the Struct hides.
    ``hints``: what each field is.
    """

    kind: Kind
    args: type[msgspec.Struct]
    returns: Any
    streams: bool = False
    anything: bool = False
    positional: int = 0
    names: tuple[str, ...] = ()
    ctx: int = -1
    ctx_name: str = ""
    defaults: dict[str, Any] = {}
    hints: dict[str, Any] = {}
    rest: Any = Any
    reserved: frozenset[str] = frozenset()


def kind_of(fn: Callable[..., Any]) -> Kind:
    """How ``fn`` runs: on the loop, in a thread, and whether it streams.

    Read from what is called, never from what ``functools.wraps`` points to: a plain function
    around an ``async def`` is a plain function, and may run a loop of its own.
    """
    return _kind(called(fn))


def _kind(call: Callable[..., Any]) -> Kind:
    if inspect.isasyncgenfunction(call):
        return "async stream"
    if inspect.isgeneratorfunction(call):
        code = getattr(call, "__code__", None)
        awaitable = code is not None and code.co_flags & inspect.CO_ITERABLE_COROUTINE
        return "async" if awaitable else "sync stream"  # `types.coroutine` makes it awaitable
    return "async" if inspect.iscoroutinefunction(call) else "sync"


def called(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function that runs when ``fn`` is called: inside partials and objects with a call."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    if not inspect.isroutine(fn):
        fn = getattr(fn, "__call__", fn)  # noqa: B004 - its method, not whether it has one
    return fn


def plain(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function whose annotations count: the innermost one, inside wrappers too."""
    signature: Callable[..., Any] = inspect.unwrap(called(fn))
    return signature


def documented(fn: Callable[..., Any]) -> str:
    """The docstring of ``fn``; where a partial has that of all partials, that of what it calls."""
    while isinstance(fn, functools.partial) and fn.__doc__ == functools.partial.__doc__:
        fn = fn.func
    return getattr(fn, "__doc__", None) or ""


def read(fn: Callable[..., Any], name: str) -> Signature:
    """The signature of the skill ``name``. Raises ConfigError in one sentence."""
    parameters = _parameters(fn, name)
    _refuse_method(fn, parameters, name)
    hints = hints_of(fn, name)
    result, kind = hints.get("return", inspect.Parameter.empty), kind_of(fn)
    kinds = (kind, _kind(plain(fn)))  # who wraps a stream most often hands on its items
    streams = any("stream" in one for one in kinds) or typing.get_origin(result) in _STREAMS
    signature = Signature(kind, msgspec.Struct, item_of(result) if streams else result, streams)
    fields = _fields(parameters, hints, signature, name)
    signature.names = tuple(field[0] for field in fields)
    if signature.anything:
        signature.reserved = _reserved(fn, signature.names)
    try:
        signature.args = msgspec.defstruct(
            _title(name),
            fields,
            kw_only=True,
            forbid_unknown_fields=True,
            gc=False,
            module=getattr(fn, "__module__", None) or __name__,
        )
    except (TypeError, RuntimeError, ValueError) as error:
        raise ConfigError(f"The parameters of the skill {name} cannot be used: {error}.") from error
    return signature


def _parameters(fn: Callable[..., Any], name: str) -> list[inspect.Parameter]:
    """What a caller may give. A partial is asked itself: `update_wrapper` makes it point to what
    it wraps, whose parameters it has filled in."""
    if isinstance(fn, type):
        raise ConfigError(
            f"The skill {name} is a class; make an object of it, then register that:"
            f" agent.skill({fn.__name__}(...))."
        )
    whole = functools.partial(fn.func, *fn.args, **fn.keywords) if is_partial(fn) else fn
    try:
        return list(inspect.signature(whole).parameters.values())
    except (TypeError, ValueError):
        raise ConfigError(f"The skill {name} has no readable signature.") from None


def is_partial(fn: Callable[..., Any]) -> TypeGuard[functools.partial[Any]]:
    """Whether ``fn`` is a partial."""
    return isinstance(fn, functools.partial)


def _refuse_method(fn: Callable[..., Any], parameters: list[inspect.Parameter], name: str) -> None:
    """A function in a class body has no object yet; its ``self`` would be an argument."""
    inside = getattr(fn, "__qualname__", "").rpartition(".")[0]
    first = parameters[0].name if parameters else ""
    if first == "self" and inside and not inside.endswith("<locals>"):
        raise ConfigError(
            f"The skill {name} is a method without its object; make the object, then register "
            f"its method: agent.skill(obj.{getattr(fn, '__name__', name)})."
        )


def hints_of(fn: Callable[..., Any], name: str) -> dict[str, Any]:
    """The annotations of ``fn``, resolved. A name that is not there at run time is an error."""
    target = plain(fn)
    try:
        around = dict(inspect.getclosurevars(target).nonlocals)
    except (TypeError, ValueError):
        around = {}
    try:
        return typing.get_type_hints(target, localns={"Ctx": Ctx, **around}, include_extras=True)
    except NameError as error:
        raise ConfigError(
            f"The skill {name} names the type {error.name!r}, which is not known at run time; "
            "import it outside `if TYPE_CHECKING`, at the top of the file."
        ) from None
    except TypeError as error:
        raise ConfigError(f"The annotations of the skill {name} cannot be read: {error}.") from None


def is_ctx(hint: Any) -> bool:
    """Whether a parameter of that annotation is given the Ctx (also ``Ctx | None``)."""
    if isinstance(hint, type):
        return issubclass(hint, Ctx)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return any(is_ctx(part) for part in typing.get_args(hint))
    return typing.get_origin(hint) is typing.Annotated and is_ctx(typing.get_args(hint)[0])


def item_of(hint: Any) -> Any:
    """What each item of a stream is."""
    return (typing.get_args(hint) or (Any,))[0] if typing.get_origin(hint) else Any


def _fields(
    parameters: list[inspect.Parameter], hints: dict[str, Any], signature: Signature, name: str
) -> list[Any]:
    fields: list[Any] = []
    for parameter in parameters:
        hint = hints.get(parameter.name, Any)
        if is_ctx(hint):
            _place_ctx(parameter, signature, name)
        elif parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            raise ConfigError(f"The skill {name} takes *{parameter.name}; name its parameters.")
        elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
            if typing.get_origin(hint) is typing.Unpack:
                fields += _unpacked(typing.get_args(hint)[0], signature, name)
            else:
                signature.anything = True
                signature.rest, _ = _checked(parameter, hint, name)
        else:
            signature.positional += parameter.kind in _POSITIONAL
            fields.append(_field(parameter, hint, signature, name))
    return fields


def _unpacked(kind: Any, signature: Signature, name: str) -> list[Any]:
    """The keys of a TypedDict as parameters (PEP 692); one that is not required may be away."""
    kind = typing.get_origin(kind) or kind
    fields = []
    for key, hint in typing.get_type_hints(kind, include_extras=True).items():
        away = key not in kind.__required_keys__
        while (mark := typing.get_origin(hint)) is not None and mark in _KEYS:
            # In annotations that are texts, the class itself has not seen the mark.
            away = mark is typing.NotRequired or (away and mark is not typing.Required)
            (hint,) = typing.get_args(hint)
        parameter = inspect.Parameter(
            key,
            inspect.Parameter.KEYWORD_ONLY,
            default=msgspec.UNSET if away else inspect.Parameter.empty,
        )
        fields.append(
            _field(parameter, hint | msgspec.UnsetType if away else hint, signature, name)
        )
    return fields


def _reserved(fn: Callable[..., Any], names: tuple[str, ...]) -> frozenset[str]:
    """What ``fn`` is given by name that no caller may give: the Ctx, ``self``, what a partial
    fills in."""
    target = plain(fn)
    whole = inspect.signature(getattr(target, "__func__", target)).parameters.values()
    return frozenset(p.name for p in whole if p.kind in _NAMED) - frozenset(names)


def _place_ctx(parameter: inspect.Parameter, signature: Signature, name: str) -> None:
    if signature.ctx >= 0 or signature.ctx_name:
        raise ConfigError(f"The skill {name} asks for Ctx twice.")
    if parameter.kind in _POSITIONAL:
        signature.ctx = signature.positional
    else:
        signature.ctx_name = parameter.name


def _field(parameter: inspect.Parameter, hint: Any, signature: Signature, name: str) -> Any:
    hint, default = _checked(parameter, hint, name)
    signature.hints[parameter.name] = hint
    if default is inspect.Parameter.empty:
        return (parameter.name, hint)
    if isinstance(default, (*_PLAIN, _FIELD)):
        return (parameter.name, hint, default)
    signature.defaults[parameter.name] = default
    # As in Python, the one default object serves every call.
    return (parameter.name, hint, msgspec.field(default_factory=lambda: default))


def _checked(parameter: inspect.Parameter, hint: Any, name: str) -> tuple[Any, Any]:
    """The annotation as msgspec checks all of it, and the default, also of a ``Field(...)``."""
    default, empty = parameter.default, inspect.Parameter.empty
    if constraints.is_field(default):
        hint, default = typing.Annotated[hint, default], empty
    try:
        if default is empty and (field := constraints.field_of(hint)):
            default = constraints.default_of(field, empty)
        return constraints.mended(hint), default
    except constraints.Unchecked as error:
        raise ConfigError(
            f"The parameter {parameter.name} of the skill {name} asks for {error}, which is not "
            "checked here; use msgspec.Meta, or a model of pydantic as its type."
        ) from None


def _title(name: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in name) or "Skill"
