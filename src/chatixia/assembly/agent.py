"""The public Agent: skills and the life around them (api.md section 3).

Nothing heavy is loaded before ``start``: a module that makes an agent and decorates its skills
costs as much as msgspec.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, Unpack, overload

from chatixia.agent.code_arguments import TEXT, check_type
from chatixia.agent.skill import Skill, SkillOptions, Skills
from chatixia.errors import (
    ConfigError,
    MeshError,
    Overloaded,
    RegistryUnreachable,
    Unavailable,
)
from chatixia.ids import id_problem, is_agent_id
from chatixia.world import REAL, World, process_id

if TYPE_CHECKING:
    from chatixia.agent.inbox import Inbox
    from chatixia.agent.manifest import LoadedManifest
    from chatixia.agent.model.words import ModelSpec
    from chatixia.agent.prompts import PromptService
    from chatixia.agent.runtime import Runtime
    from chatixia.client.call_context import CallContext
    from chatixia.client.mesh import Mesh
    from chatixia.core import ports

    from .connection import AgentConnection
    from .mcp.servers import AgentServers
    from .model import AgentModel
    from .run.loop_end import LoopEnd
    from .run.settings import ResolvedSettings

F = TypeVar("F", bound=Callable[..., Any])

log = logging.getLogger("chatixia")

LOOP_ENDED: Final = (
    "The loop that this agent was started in has ended; `await agent.start()` again."
)
ONLINE_S: Final = 5.0
"""How long ``start`` waits for the registry before it goes on without."""


class Agent:
    """An agent: a name, what it is for, its skills.

    ``builtin``: built-in skills to serve too. ``slots``: queued tasks served at once. ``mesh``: the
    profile to use. ``model``: what answers free text where no handler does, ``provider:model``, or
    one of ``chatixia.testing``; ``prompt``: its instructions; ``callers``: agents and machines that
    may change things through it. ``engine``, ``registry``, ``data_dir``: as the settings of those
    names; what is said here wins over environment and manifest.
    """

    def __init__(
        self,
        name: str,
        description: str = "",
        *,
        builtin: Iterable[str] = (),
        slots: int | None = None,
        mesh: str | None = None,
        registry: str | None = None,
        engine: str | None = None,
        data_dir: str | Path | None = None,
        model: str | ModelSpec | None = None,
        prompt: str | None = None,
        callers: Iterable[str] | None = None,
    ) -> None:
        self.name = _checked(name)
        self.description = _described(description)
        self.skills = Skills()
        self.loaded: LoadedManifest | None = None
        """The manifest beside it, once `run` has found that."""
        self._builtin = _names("builtin", builtin)
        self._extra: dict[str, Skill] = {}
        self._disabled: frozenset[str] = frozenset()
        self._slots = 0
        self.grace = 0.0
        """Seconds that running skills have to end when it stops."""
        self._flags: dict[str, Any] = {
            "slots": slots,
            "mesh": mesh,
            "registry": registry,
            "engine": engine,
            "data_dir": _path(data_dir),
            "prompt": prompt,
            **_of_model(model, callers),
        }
        self._spec = None if isinstance(model, str) else model
        self._model: AgentModel | None = None
        self._servers: AgentServers | None = None
        self._prompt: Callable[..., Any] | None = None
        self._pid = process_id()
        self._connection: AgentConnection | None = None
        self._runtime: Runtime | None = None
        self._port: ports.MeshPort | None = None
        self._context: CallContext | None = None
        self._mesh: Mesh | None = None
        self._inbox: Inbox | None = None
        self._loop_end: LoopEnd | None = None
        self._fault: MeshError | None = None
        self.on_fault: Callable[[], None] = _nothing
        """Called once when the login ended for good; :func:`run` then stops."""

    def __repr__(self) -> str:
        return f"<agent {self.name}>"

    @overload
    def skill(self, fn: F, /) -> F: ...

    @overload
    def skill(
        self, fn: None = None, /, *, name: str = "", **options: Unpack[SkillOptions]
    ) -> Callable[[F], F]: ...

    def skill(
        self, fn: F | None = None, /, *, name: str = "", **options: Unpack[SkillOptions]
    ) -> F | Callable[[F], F]:
        """Make a function a skill, bare or with options; the function stays the function.

        ``timeout``: seconds it may run. ``idempotent``: it may run twice. ``effect``: what it can
        change: ``read`` lets the agent's model run it for anybody, ``write`` only for `callers`.
        ``as_prompt``: hosts of MCP show it to people as a prompt. ``resource``: they read what it
        answers under this address, such as ``notes://{day}``. ``name``, ``description``: in the
        place of the function's own. Raises ConfigError.
        """

        def take(fn: F) -> F:
            self.skills.mark(name=name, **options)(fn)
            self._offer()
            return fn

        return take if fn is None else take(fn)

    def prompt(self, fn: F) -> F:
        """Answer `ask` with ``fn(text)`` or ``fn(text, ctx)``; it may stream."""
        if self._prompt is not None:
            raise ConfigError(f"{self.name} has two prompt handlers.")
        if not callable(fn):
            raise ConfigError("@agent.prompt decorates a function.")
        self._prompt = fn
        return fn

    def add(self, skill: Skill) -> None:
        """Take a skill that is not a decorated function. Raises ConfigError."""
        check_type("What agent.add takes", skill, Skill, "a Skill")
        self.skills.add(skill)
        self._offer()

    @property
    def mesh(self) -> Mesh:
        """The mesh as this agent sees it, once it has started. Raises ConfigError before."""
        if self._mesh is None:
            raise ConfigError(f"{self.name} has not started; await agent.start() first.")
        return self._mesh

    @property
    def inbox(self) -> Inbox:
        """Messages that no prompt handler took, the last ones."""
        if self._inbox is None:
            from chatixia.agent.inbox import Inbox

            self._inbox = Inbox()
        return self._inbox

    @property
    def fault(self) -> MeshError | None:
        """Why the login ended for good, if it did."""
        return self._fault

    async def start(self) -> None:
        """Log in and serve. Waits some seconds for the registry at most; without it, it goes on
        trying, and links and calls work. Raises its refusal, AlreadyRunning, ConfigError."""
        self._check_fork()
        self._check_loop()
        if self._port is not None:
            raise ConfigError(f"{self.name} has started already; `await agent.stop()` first.")
        from .remote.sidecar_connection import sidecar_connection
        from .run.loop_end import LoopEnd
        from .run.settings import fill_environment
        from .wiring import api_key_connection, open_connection

        fill_environment(self.loaded)
        settings = self.settings()
        for note in settings.notes:
            log.warning("%s", note)
        connection: AgentConnection = (
            sidecar_connection(self.name, settings.data_dir(), self._failed)
            or api_key_connection(settings, self.name)
            or await open_connection(
                settings, self.name, description=self.description, on_fault=self._failed
            )
        )
        self._connection = connection
        try:
            if connection.folder is not None:
                self.inbox.file = connection.folder / "inbox.jsonl"
            self.attach(connection.port, settings=settings, connection=connection)
            if self._model is not None:
                await self._model.start()
            if self._servers is not None:
                await self._servers.start()
            self._loop_end = LoopEnd(self.name, lambda: self.stop(grace=0))
            await connection.start()
            await connection.online(ONLINE_S)
        except (RegistryUnreachable, Overloaded, Unavailable) as error:
            log.warning("%s: %s Still trying.", self.name, error)
        except BaseException:
            await self.stop()
            raise

    def attach(
        self,
        port: ports.MeshPort,
        *,
        world: World = REAL,
        settings: ResolvedSettings | None = None,
        connection: AgentConnection | None = None,
    ) -> None:
        """Serve on ``port``, whatever implements it; ``start`` does this with the real one.

        Raises ConfigError for a skill that cannot be served.
        """
        from chatixia.agent.runtime import Runtime
        from chatixia.client.call_context import CallContext
        from chatixia.client.mesh import Mesh

        settings = settings or self.settings()
        prompts = self._prompt_service(settings, world)
        context = CallContext(port, world)
        self._runtime = runtime = Runtime(self.name, context, prompts, self.description)
        if (model := self._model) is not None:
            prompts.set_answerer(model.open(runtime.handle, world, connection, self._servers))
        self._context = context
        self._port, self._mesh, self._slots = port, Mesh(context), int(settings["slots"])
        self.grace = float(settings["grace"])
        self._offer()

    def _prompt_service(self, settings: ResolvedSettings, world: World = REAL) -> PromptService:
        """The prompt handler behind its service, and the built-in skills that were asked for."""
        from chatixia.agent.builtin import builtin, disabled
        from chatixia.agent.prompts import PromptService

        from .mcp.servers import agent_servers

        prompts = PromptService(self.name, self.inbox, world)
        if self._prompt is not None:
            prompts.set_handler(self._prompt)
        self._model = self._model_of(settings)
        self._servers = agent_servers(settings, self._offer)
        self._extra = {name: builtin(name, prompts) for name in self._builtin}
        with settings.blamed("skills.builtin"):
            self._extra |= {name: builtin(name, prompts) for name in settings["skills.builtin"]}
        if self._model is not None:
            with settings.blamed("skills.prompts"):
                self._extra |= self._model.skills(self.skills)
        with settings.blamed("skills.disabled"):
            self._disabled = disabled(settings["skills.disabled"], [*self.skills, *self._extra])
        return prompts

    def _model_of(self, settings: ResolvedSettings) -> AgentModel | None:
        from .model import AgentModel, wants_model

        is_code = bool(self.skills) or self._prompt is not None
        if self._spec is None and not wants_model(settings, is_code=is_code):
            return None
        return AgentModel(self.name, settings, self._spec)

    def check(self) -> ResolvedSettings:
        """What is in force, after all that :meth:`start` would refuse without asking anybody.

        Raises ConfigError naming file and key, MissingExtra.
        """
        from chatixia.agent.signature import read
        from chatixia.agent.skill import check_size, described

        from .run.pyfile import where
        from .wiring import check_settings

        settings = self.settings()
        check_settings(settings, self.name)
        self._prompt_service(settings)
        infos = []
        for skill in self.offered():
            try:
                infos.append(described(skill, read(skill.fn, skill.name)))
            except ConfigError as error:
                raise ConfigError(f"{where(skill.fn)}{error.message}") from None
        check_size(infos)
        return settings

    def configure(self, **flags: Any) -> None:
        """Set what a command line says: keys of the settings, None for unset; they win over what
        the code said."""
        self._flags |= {key: value for key, value in flags.items() if value is not None}

    def settings(self) -> ResolvedSettings:
        """What is in force for this agent, and where each value came from."""
        from .run.settings import resolve

        return resolve({**self._flags, "name": self.name}, self.loaded)

    async def online(self, timeout: float) -> None:
        """Until the login stands. Raises its refusal, or RegistryUnreachable after ``timeout``."""
        if self._connection is not None:
            await self._connection.online(timeout)

    async def stop(self, *, grace: float | None = None) -> None:
        """Leave the list, let what runs end, say goodbye and close; a second time does nothing.

        ``grace``: seconds for running skills, default the setting of that name. What runs longer is
        cancelled, and its caller hears that the agent is stopping.
        Raises ConfigError in another loop than the one it was started in, unless that has ended:
        then its name is given free, and the rest went with the loop.
        """
        self._check_loop()
        self._unwatch()
        connection, self._connection = self._connection, None
        try:
            if connection is not None:
                await connection.drain(self.grace if grace is None else grace)
        finally:
            await self._close(connection)

    async def _close(self, connection: AgentConnection | None) -> None:
        runtime, self._runtime = self._runtime, None
        context, self._context = self._context, None
        self._port = self._mesh = None
        model, self._model = self._model, None
        servers, self._servers = self._servers, None
        if model is not None:
            await model.close()
        if servers is not None:
            await servers.stop()
        if context is not None:
            context.lock(f"{self.name} has stopped; `await agent.start()` first.")
            await context.warmer.stop()
        if connection is not None:
            await connection.stop()
        if runtime is not None:
            runtime.close()

    async def __aenter__(self) -> Agent:
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        """Stop."""
        await self.stop()

    def run(self) -> None:
        """Serve until Ctrl-C or SIGTERM, then stop cleanly. See :func:`chatixia.run`."""
        run(self)

    def banner(self) -> str:
        """One line for the person who started it: name, state, skills, key, registry."""
        if self._connection is None:
            return f"  {self.name}  stopped"
        connection = self._connection
        state = "online" if connection.is_online else "waiting for the registry"
        url = connection.url.partition("://")[2].rstrip("/")
        skills = ", ".join(skill.name for skill in self.offered()) or "none"
        return (
            f"  {self.name}  {state}  skills: {skills}  key {connection.key}  "
            f"registry {connection.label} ({url})"
        )

    def offered(self) -> list[Skill]:
        """The skills that others see: its own, the built-in ones asked for, less the disabled."""
        outside = {} if self._servers is None else self._servers.skills
        every = {**self.skills}
        for name, skill in (*self._extra.items(), *outside.items()):
            every.setdefault(name, skill)
        return [skill for name, skill in every.items() if name not in self._disabled]

    def _offer(self) -> None:
        if self._runtime is not None and self._port is not None:
            skills = self.offered()
            infos = self._runtime.offer(skills)
            if self._model is not None:
                self._model.offer(skills, infos)
            self._port.serve(self._runtime.handle, infos, self._slots)

    def _failed(self, error: MeshError) -> None:
        self._fault = error
        log.error("%s: %s", self.name, error)
        self.on_fault()

    def _check_loop(self) -> None:
        """Refuse another loop than its own. One that has ended can stop nothing any more."""
        if self._context is None or not self._context.affinity.foreign:
            return
        if not self._context.affinity.ended:
            raise self._context.affinity.refusal(self.name, "`await agent.stop()` there first")
        self._unwatch()
        self._context.shut(LOOP_ENDED)
        connection, runtime = self._connection, self._runtime
        model, self._model = self._model, None
        self._connection = self._runtime = self._context = self._port = self._mesh = None
        if model is not None:
            model.abandon()
        if connection is not None:
            connection.abandon()
        if runtime is not None:
            runtime.close()

    def _unwatch(self) -> None:
        watch, self._loop_end = self._loop_end, None
        if watch is not None:
            watch.cancel()

    def _check_fork(self) -> None:
        if process_id() != self._pid:
            raise ConfigError(
                f"{self.name} was made before this process forked; make it in the child, or "
                "start processes with the spawn method."
            )


def run(*agents: Agent) -> None:
    """Serve one agent or several in this process until Ctrl-C or SIGTERM, then stop cleanly.

    An ``agent.yaml`` beside the script counts as for `chatixia run`. Raises ConfigError (also a
    RuntimeError) where a loop runs already: ``await agent.start()`` there. Another MeshError that
    nobody catches ends the script with its sentence and exit code.
    """
    from .error_text import if_uncaught
    from .run.describe import describe_script
    from .run.running import LoopRunning
    from .run.running import run as serve

    try:
        serve(agents, first=lambda: describe_script(agents))
    except LoopRunning:
        raise
    except MeshError as error:
        if_uncaught(error)
        raise


def _checked(name: str) -> str:
    if not isinstance(name, str):
        raise ConfigError(f"An agent's name is a text, not {name!r}.")
    if not is_agent_id(name):
        raise ConfigError(f"{name[:80]!r} cannot name an agent: {id_problem(name)}.")
    return name


def _described(description: str) -> str:
    check_type("description", description, str, TEXT)
    return description[:1024]


def _path(data_dir: str | Path | None) -> str | None:
    check_type("data_dir", data_dir, str | PathLike | None, "a path")
    return None if data_dir is None else str(data_dir)


def _names(what: str, names: Iterable[str]) -> list[str]:
    """``names`` as a list. Raises ConfigError for one text, which is an iterable of its letters."""
    if isinstance(names, str | bytes) or not isinstance(names, Iterable):
        raise ConfigError(f"{what} is a list of names, such as ['laptop'], not {names!r}.")
    return list(names)


def _of_model(model: str | ModelSpec | None, callers: Iterable[str] | None) -> dict[str, Any]:
    """What code says of a model, as settings. Raises ConfigError."""
    named = {} if callers is None else {"callers": _names("callers", callers)}
    if model is None:
        return named
    if not isinstance(model, str):
        from chatixia.agent.model.words import ModelSpec

        what = "a text such as 'openai:gpt-6-luna', or a model of chatixia.testing"
        check_type("model", model, ModelSpec, what)
        return named
    from .model import split_model

    return {**named, **split_model(model)}


def _nothing() -> None:
    return None
