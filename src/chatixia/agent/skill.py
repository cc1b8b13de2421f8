"""A skill: a function that others may call, and how others see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypedDict, TypeVar, Unpack, overload

import msgspec

from chatixia.errors import ConfigError
from chatixia.ids import is_skill
from chatixia.wire.peer import MAX_SKILL_BYTES, SkillInfo

from .code_arguments import FLAG, SECONDS, TEXT, check_type
from .model.words import EFFECTS, Effect
from .skill_fields import MAX_RUN_S
from .skill_kinds import check

if TYPE_CHECKING:
    from .signature import Signature

F = TypeVar("F", bound=Callable[..., Any])

MAX_SKILLS: Final = 256


class Skill(msgspec.Struct, frozen=True, eq=False):
    """``fn`` under a name. ``timeout``: seconds it may run; None leaves it to the caller.

    ``idempotent``: may run twice. ``parameters``: a JSON Schema that stands instead of the
    signature's (from ``skill.json``), ``returns`` the same for the result. ``effect``: what it can
    change where a model runs it. ``by_model``: the agent's model answers it. ``as_prompt``: hosts
    of MCP show it as a prompt. ``resource``: the address under which they read what it answers.
    """

    name: str
    fn: Callable[..., Any]
    description: str = ""
    timeout: float | None = None
    idempotent: bool = False
    parameters: Mapping[str, Any] | None = None
    effect: Effect = "write"
    returns: Mapping[str, Any] | None = None
    by_model: bool = False
    as_prompt: bool = False
    resource: str = ""


class SkillOptions(TypedDict, total=False):
    """What ``@agent.skill`` may say beside the name."""

    description: str
    timeout: float | None
    idempotent: bool
    effect: Effect
    as_prompt: bool
    resource: str


class Skills(dict[str, Skill]):
    """The skills of one agent, by name."""

    def add(self, skill: Skill) -> None:
        """Take one. Raises ConfigError for a bad or taken name, or one skill too many."""
        if not is_skill(skill.name):
            raise ConfigError(
                f"{skill.name[:80]!r} cannot name a skill: a letter or _, then letters, digits,"
                " . _ or -, at most 64; give it one with @agent.skill(name=...)."
            )
        if skill.name in self:
            raise ConfigError(f"There are two skills called {skill.name}.")
        if len(self) >= MAX_SKILLS:
            raise ConfigError(f"An agent has at most {MAX_SKILLS} skills.")
        if skill.timeout is not None and not 0 < skill.timeout <= MAX_RUN_S:
            raise ConfigError(f"The timeout of the skill {skill.name} must be 0 to {MAX_RUN_S} s.")
        if skill.effect not in EFFECTS:
            raise ConfigError(
                f"The skill {skill.name} has the effect {skill.effect!r}; use {', '.join(EFFECTS)}."
            )
        if skill.resource and skill.resource in {one.resource for one in self.values()}:
            raise ConfigError(f"There are two resources at {skill.resource[:200]}.")
        self[skill.name] = skill

    @overload
    def mark(self, fn: F, /) -> F: ...

    @overload
    def mark(
        self, fn: None = None, /, *, name: str = "", **options: Unpack[SkillOptions]
    ) -> Callable[[F], F]: ...

    def mark(
        self, fn: F | None = None, /, *, name: str = "", **options: Unpack[SkillOptions]
    ) -> F | Callable[[F], F]:
        """``@agent.skill``, bare or with options; the function stays the function."""

        def take(fn: F) -> F:
            if not callable(fn):
                raise ConfigError("@agent.skill decorates a function.")
            _check_options({"name": name, **options})
            self.add(Skill(name or getattr(fn, "__name__", ""), fn, **options))
            return fn

        return take if fn is None else take(fn)


def _check_options(options: Mapping[str, Any]) -> None:
    """Refuse options of other types than :class:`SkillOptions` says. Raises ConfigError."""
    for key, kinds, wanted in (
        ("name", str | None, TEXT),
        ("description", str | None, TEXT),
        ("timeout", int | float | None, SECONDS),
        ("idempotent", bool, FLAG),
        ("as_prompt", bool, FLAG),
        ("resource", str, TEXT),
    ):
        if key in options:
            check_type(f"{key} of @agent.skill", options[key], kinds, wanted)


def described(skill: Skill, signature: Signature) -> SkillInfo:
    """A skill as others see it: description, schemas, whether it streams. Raises ConfigError."""
    from . import docstring, schema
    from .signature import documented

    doc = docstring.read(documented(skill.fn))
    takes = skill.parameters
    if takes is None:
        takes = schema.parameters(signature, skill.name, doc.params)
    gives = schema.returns(signature) if skill.returns is None else skill.returns
    info = SkillInfo(
        name=skill.name,
        description=(skill.description or doc.text)[: docstring.MAX_DESCRIPTION],
        parameters=msgspec.Raw(msgspec.json.encode(takes)),
        returns=msgspec.Raw(msgspec.json.encode(gives)),
        streams=signature.streams,
        idempotent=skill.idempotent,
        as_prompt=skill.as_prompt,
        resource=skill.resource,
    )
    check(info)
    return info


def check_size(infos: Sequence[SkillInfo]) -> None:
    """Refuse skills that together fit no login. Raises ConfigError with the bound."""
    if (total := len(msgspec.json.encode(infos))) <= MAX_SKILL_BYTES:
        return
    sizes = {info.name: len(msgspec.json.encode(info)) for info in infos}
    largest = max(sizes, key=lambda name: sizes[name])
    raise ConfigError(
        f"The schemas and descriptions of all skills have {total:,} bytes; at most"
        f" {MAX_SKILL_BYTES:,} are allowed. The largest is that of {largest} with"
        f" {sizes[largest]:,}."
    )
