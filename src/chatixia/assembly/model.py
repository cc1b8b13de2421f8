"""What an agent's model is made of: settings, code and files joined into the service that answers.

Nothing of a model is imported before an agent that has one is attached.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from chatixia.core.spending import Budgets, SpendingLimit
from chatixia.errors import ConfigError, MissingExtra, Unavailable
from chatixia.world import World

from .run.settings import ResolvedSettings

if TYPE_CHECKING:
    from chatixia.agent.context import Ctx
    from chatixia.agent.model.service import ModelService, ModelSetup
    from chatixia.agent.model.toolbox import ModelTool
    from chatixia.agent.model.words import ModelSpec
    from chatixia.agent.skill import Skill
    from chatixia.agent.skill_fields import PromptSkill
    from chatixia.core.ports import Incoming, Responder
    from chatixia.wire.peer import SkillInfo

    from .connection import AgentConnection
    from .mcp.servers import AgentServers

Serve = Callable[["Incoming", "Responder"], Awaitable[None]]

log = logging.getLogger("chatixia")

NAMING: Final = (
    "provider",
    "model",
    "base_url",
    "fallback",
    "model_settings",
    "prompt",
    "role",
    "goals",
    "skills.prompts",
)
"""Settings of which one is enough to say that an agent has a model."""
CHOOSING: Final = ("provider", "model", "base_url", "fallback")
"""Settings that say which one."""
STORE: Final = "local.db"


def wants_model(settings: ResolvedSettings, *, is_code: bool) -> bool:
    """Whether the agent has a model. ``is_code``: it has skills or a handler in code, for which an
    AGENT.md may be written for people alone."""
    if any(not settings.is_default(key) for key in NAMING):
        return True
    return not is_code and settings.loaded is not None and bool(settings.loaded.guide.strip())


def model_spec(settings: ResolvedSettings) -> ModelSpec:
    """Which model, and those that take over. Raises ConfigError naming the key."""
    from msgspec.structs import replace

    from chatixia.agent.model.endpoints import spec_of
    from chatixia.agent.model.words import ModelSpec

    with settings.blamed("fallback"):
        named = [spec_of(text) for text in settings["fallback"]]
    # The address in the manifest is that of the provider in the manifest, whichever of its models.
    fallback = tuple(
        replace(spec, base_url=settings["base_url"])
        if spec.provider == settings["provider"]
        else spec
        for spec in named
    )
    return ModelSpec(
        settings["provider"],
        settings["model"],
        settings["base_url"],
        settings=settings["model_settings"],
        fallback=fallback,
    )


def split_model(model: str) -> dict[str, str]:
    """``provider:model`` as settings. Raises ConfigError."""
    from chatixia.agent.model.endpoints import spec_of

    spec = spec_of(model)
    return {"provider": spec.provider, "model": spec.model}


def budgets(settings: ResolvedSettings) -> Budgets:
    """The limits in force."""
    limits = {
        scope: SpendingLimit(
            **{
                name: settings[f"budgets.{scope}.{name}"]
                for name in SpendingLimit.__struct_fields__
            }
        )
        for scope in ("task", "caller", "agent")
    }
    return Budgets(**limits, tokens_per_minute=settings["budgets.tokens_per_minute"])


def setup(settings: ResolvedSettings, mesh: str) -> ModelSetup:
    """What the owner says of the model. ``mesh``: its name, where that is known."""
    from chatixia.agent.model.instructions import AgentPrompt
    from chatixia.agent.model.service import ModelSetup

    guide = settings.loaded.guide if settings.loaded is not None else ""
    return ModelSetup(
        AgentPrompt(settings["prompt"], guide, settings["role"], settings["goals"]),
        tuple(settings["callers"]),
        budgets(settings),
        settings["max_turns"],
        settings["context_window"],
        settings["slots"],
        mesh or settings["mesh"],
        this_machine(settings["mesh"]),
    )


def this_machine(mesh: str) -> str:
    """This machine's name in its mesh; empty where it is in none."""
    from .profile.profile import Profile, exists

    return Profile.open(mesh).machine if exists(mesh) else ""


class AgentModel:
    """The model of one agent, from its settings to its end. ``spec``: one that code names."""

    def __init__(self, name: str, settings: ResolvedSettings, spec: ModelSpec | None) -> None:
        self._name, self._settings = name, settings
        self._spec = spec or model_spec(settings)
        self._service: ModelService | None = None
        self._warming: asyncio.Task[None] | None = None

    def skills(self, own: Iterable[str]) -> dict[str, Skill]:
        """The skills that it answers. Raises ConfigError for a name that is taken."""
        from chatixia.agent.model.prompt_skill import prompt_skill
        from chatixia.agent.skill import Skills

        skills = Skills()
        for one in self._settings["skills.prompts"]:
            if one.name in own:
                raise ConfigError(f"There are two skills called {one.name}.")
            skills.add(prompt_skill(one, self._answer))
        return skills

    def offer(self, skills: Sequence[Skill], infos: Sequence[SkillInfo]) -> None:
        """These are its tools from now on."""
        if self._service is not None:
            self._service.offer(zip(skills, infos, strict=True))

    def open(
        self,
        serve: Serve,
        world: World,
        connection: AgentConnection | None,
        servers: AgentServers | None = None,
    ) -> ModelService:
        """The service that answers, with its store in the agent's folder, or in memory.

        ``servers``: whose tools it has too.
        """
        from chatixia.agent.model.engine import LibraryEngine
        from chatixia.agent.model.outside_tools import model_tools
        from chatixia.agent.model.service import ModelService
        from chatixia.store.local.agent_store import AgentStore

        folder = None if connection is None else connection.folder
        store = AgentStore(None if folder is None else folder / STORE)
        engine = LibraryEngine(self._spec, os.environ)
        mesh = "" if connection is None else connection.label
        more: Callable[[Ctx], Iterable[ModelTool]] | None = None
        if servers is not None:
            more = functools.partial(model_tools, servers.settings, servers.outside)
        self._service = ModelService(
            self._name, engine, setup(self._settings, mesh), store, serve, world, more
        )
        return self._service

    async def start(self) -> None:
        """Import and construct beside all else; what is missing is logged, and told to who asks.

        Waits where money is limited: raises ConfigError for a model without a price.
        """
        if budgets(self._settings).has_money:
            await self._warm()
        else:
            self._warming = asyncio.ensure_future(self._warm())

    async def _warm(self) -> None:
        assert self._service is not None
        try:
            await self._service.warm()
        except (ConfigError, MissingExtra) as error:
            chosen = any(not self._settings.is_default(key) for key in CHOOSING)
            level = logging.WARNING if chosen else logging.INFO  # who names none may want none yet
            log.log(level, "%s runs without its model: %s", self._name, error)
        else:
            await self._service.check_money()

    async def _answer(self, skill: PromptSkill, arguments: dict[str, Any], ctx: Ctx) -> Any:
        if self._service is None:
            raise Unavailable(f"{self._name} is not ready.")
        return await self._service.answer_skill(skill, arguments, ctx)

    async def close(self) -> None:
        """End what runs, and the store."""
        if self._warming is not None:
            self._warming.cancel()
            await asyncio.wait([self._warming])
        if self._service is not None:
            await self._service.close()

    def abandon(self) -> None:
        """The same where the loop has ended."""
        if self._service is not None:
            self._service.abandon()
