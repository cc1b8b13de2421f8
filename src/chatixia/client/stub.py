"""Typed agents: classes whose methods are the skills of one agent, for type checkers and people.

``chatixia stubs AGENT`` writes such classes. A value is read as what the method's annotation says,
so what a type checker believes is what is there.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Mapping
from functools import cached_property, update_wrapper
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, get_args, get_origin
from typing import get_type_hints as hints_of

import msgspec

from chatixia.core.ports import ArtifactFeed, Outgoing
from chatixia.errors import BadRequest, ConfigError

from . import references
from .artifact import Artifact, arrivals
from .call_context import CallContext
from .handle import AgentHandle, nameless
from .stream import Items
from .value import decode

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
Read = Callable[[bytes, tuple[ArtifactFeed, ...]], Any]


class AgentStub:
    """Base of a typed agent: ``mesh.agent(name, like=Weather)``.

    ``handle``: the plain handle, for ``call``, ``ask`` and skills that the class does not have.
    """

    def __init__(self, handle: AgentHandle) -> None:
        self.handle = handle

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.handle.name}>"

    def _begin(self, skill: SkillStub, args: dict[str, Any]) -> Any:
        """What a method of the class gives. Private, as every other attribute is a skill."""
        if skill.streams:
            return skill.items(self.handle, args)
        return skill.value(self.handle, args)


class TypedItems(Items, Generic[T]):
    """A stream's :class:`Items`, each a ``T``."""

    __slots__ = ("_read",)
    streams = True

    def __init__(self, context: CallContext, outgoing: Outgoing, read: Read) -> None:
        super().__init__(context, outgoing)
        self._read = read

    def _value(self, chunk: bytes) -> Any:
        return self._read(chunk, () if self._stream is None else self._stream.artifacts)

    if TYPE_CHECKING:

        async def __aenter__(self) -> Self: ...
        def __aiter__(self) -> AsyncIterator[T]: ...
        async def __anext__(self) -> T: ...


def skill_stub(name: str, renamed: Mapping[str, str] | None = None) -> Callable[[F], F]:
    """A method of a stub as the skill ``name``; its body is never run.

    ``renamed``: arguments whose names on the wire are no Python names, or not these. A coroutine
    gives the value, and a plain method of a :class:`SyncAgentStub` too; one that is annotated
    ``TypedItems[T]`` or ``SyncTypedItems[T]`` streams. An argument that is ``msgspec.UNSET`` is
    left out. Raises TypeError where Python would; BadRequest for a value of another type.
    """

    def typed(method: F) -> F:
        skill = SkillStub(name, method, renamed or {})
        call: Any = update_wrapper(_calling(skill), method)
        wrapped: F = call
        return wrapped

    return typed


def check_stub(like: object, base: type) -> None:
    """Raise ConfigError where ``like`` is no class made from ``base``."""
    if not (isinstance(like, type) and issubclass(like, base)):
        raise ConfigError(
            f"like= takes a class made by `chatixia stubs`, a {base.__name__}, not {like!r:.80}."
        )


class SkillStub:
    """One method: what it takes, and as what its answer is read."""

    def __init__(self, name: str, method: Callable[..., Any], renamed: Mapping[str, str]) -> None:
        self.name, self.method, self._renamed = name, method, renamed
        parameters = list(inspect.signature(method).parameters.values())[1:]
        self._open = any(one.kind is one.VAR_KEYWORD for one in parameters)
        self._names = frozenset(one.name for one in parameters)
        empty = inspect.Parameter.empty
        self._needed = frozenset(
            one.name for one in parameters if one.default is empty and one.kind is one.KEYWORD_ONLY
        )

    @cached_property
    def _returns(self) -> Any:
        return hints_of(self.method, include_extras=True)["return"]

    @cached_property
    def streams(self) -> bool:
        """Whether it gives items, not one value."""
        return getattr(get_origin(self._returns), "streams", False) is True

    @cached_property
    def read(self) -> Read:
        """What reads an answer, or an item of it."""
        kind = get_args(self._returns)[0] if self.streams else self._returns
        if kind is Any:
            return decode
        decoder = msgspec.json.Decoder(kind, dec_hook=_read_artifact)

        def read(data: bytes, artifacts: tuple[ArtifactFeed, ...] = ()) -> Any:
            try:
                if not artifacts:
                    return decoder.decode(data)
                with references.reading(arrivals(artifacts)):
                    return decoder.decode(data)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise self._unlike(error) from None

        return read

    def _unlike(self, error: Exception) -> BadRequest:
        refusal = BadRequest(
            f"The answer of {self.name} is not what its stub says: {error}; write the stub again "
            "with `chatixia stubs`."
        )
        refusal.by_call = True
        return refusal

    def args(self, args: dict[str, Any]) -> dict[str, Any]:
        """The arguments by their names on the wire. Raises TypeError."""
        if not self._open and (unknown := args.keys() - self._names):
            raise TypeError(f"{self.name} has no argument {sorted(unknown)[0]!r}")
        if missing := self._needed - args.keys():
            raise TypeError(f"{self.name} needs the argument {sorted(missing)[0]!r}")
        new = self._renamed
        return {new.get(key, key): item for key, item in args.items() if item is not msgspec.UNSET}

    async def value(self, handle: AgentHandle, args: dict[str, Any]) -> Any:
        """What the skill of that agent gives."""
        answer = await handle._answer(self.name, args)
        return self.read(answer.value, answer.artifacts)

    def items(self, handle: AgentHandle, args: dict[str, Any]) -> TypedItems[Any]:
        """Its items."""
        return TypedItems(handle._context, handle._streamed(self.name, args), self.read)


def _calling(skill: SkillStub) -> Callable[..., Any]:
    """What stands in the place of the method."""

    def call(self: Any, /, *unnamed: Any, **args: Any) -> Any:
        if unnamed:
            raise TypeError(nameless(skill.name))
        return self._begin(skill, skill.args(args))

    return call


def _read_artifact(kind: Any, value: Any) -> Any:
    if kind is Artifact:
        return references.read(value)
    raise NotImplementedError
