"""Handles: an agent as something whose skills are called like methods (api.md section 3).

Options sit on the handle, keywords of a call belong to the skill alone. The call path here is
short on purpose: encode, one Outgoing, the call context, decode.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, Never, get_args

import msgspec
from msgspec.structs import replace

from chatixia.core import names
from chatixia.core.ports import CallAnswer, Outgoing, Queue
from chatixia.errors import BadArguments, ConfigError, MeshError, UnknownSkill
from chatixia.ids import AgentId
from chatixia.wire.peer import STEERED, Prompt

from .ask import SILENCE_S, Ask, encode_schema
from .call_context import CallContext
from .progress import OnProgress, listening
from .prompt_files import FileSource, prompt_files
from .reply import Reply, make_reply
from .retry import insist
from .stream import Items
from .value import decode, pack_args, sources

CALL_S: Final = 30.0
"""A call's default timeout in seconds (api.md section 3)."""
ASK_S: Final = 600.0
"""An ask's: a model may think, and use tools, for minutes."""
MAX_TIMEOUT_S: Final = 24 * 3600.0
QUEUES: Final[tuple[str, ...]] = get_args(Queue)


class CallOptions(msgspec.Struct, frozen=True):
    """What a handle was made with. ``timeout`` in seconds, bounded by the caller's own deadline.

    ``idempotent``: the call may run twice, so it is tried again under one key. ``queue``: whether
    it may, must, or must not go through the registry's queue. ``reach``: seconds that it may wait
    for a link to open, 0 for as long as is usual.
    """

    timeout: float = CALL_S
    idempotent: bool = False
    queue: Queue = "auto"
    reach: float = 0.0

    @property
    def ask_timeout(self) -> float:
        """``timeout`` of an `ask`: longer where nobody chose another than the usual one."""
        return ASK_S if self.timeout == CALL_S else self.timeout


@lru_cache(256)
def checked(timeout: float, idempotent: bool, queue: Queue) -> CallOptions:
    """Options that can be kept.

    Raises BadArguments for the time, ConfigError for no such option. A queue by a mistyped name
    would be ``auto``, and send what must not leave the link.
    """
    if queue not in QUEUES:
        raise ConfigError(f"queue must be one of {', '.join(QUEUES)}, not {queue!r}.")
    try:
        fits = 0 < timeout <= MAX_TIMEOUT_S
    except TypeError:
        raise ConfigError(
            f"timeout must be seconds, above 0 and at most {MAX_TIMEOUT_S:.0f}, not {timeout!r}."
        ) from None
    if not fits:
        raise BadArguments(f"A timeout must be above 0 and at most {MAX_TIMEOUT_S:.0f} s.")
    return CallOptions(timeout, idempotent, queue)


def nameless(skill: str) -> str:
    """The refusal of arguments without names: only named ones cross the wire."""
    return f"{skill} takes its arguments by name: {skill}(name=value)."


def _fresh(pattern: Outgoing) -> Callable[[], Outgoing]:
    """What copies ``pattern`` for each call of its skill; raises UnknownSkill, as each call of a
    name that is none does."""
    try:
        names.skill(pattern.skill)
    except UnknownSkill:
        return lambda: replace(pattern, skill=names.skill(pattern.skill))
    # By the method that every Struct has and msgspec's stub leaves out.
    copy: Callable[[], Outgoing] = pattern.__copy__  # type: ignore[attr-defined]
    return copy


class SkillCaller:
    """One skill of one agent, ready to call: ``await handle.forecast(city="Oslo")``."""

    __slots__ = ("_context", "_fresh", "_handle", "_idempotent", "_skill")

    def __init__(
        self, handle: AgentHandle, context: CallContext, options: CallOptions, skill: str
    ) -> None:
        self._handle = handle
        self._context = context
        self._skill = skill
        self._idempotent = options.idempotent
        pattern = Outgoing(handle.name, skill, b"", "task", options.timeout, options.idempotent)
        pattern.queue = options.queue
        self._fresh = _fresh(pattern)

    async def __call__(self, /, *unnamed: Never, **args: Any) -> Any:
        """The skill's value, or one MeshError before the timeout. Raises TypeError if unnamed."""
        if unnamed:
            raise TypeError(nameless(self._skill))
        try:
            outgoing = self._fresh()
            outgoing.body, artifacts = pack_args(args)
            if artifacts:
                outgoing.artifacts = sources(artifacts)
            if self._idempotent:
                answer = await insist(self._context, outgoing)
            else:
                answer = await self._context.call(outgoing)
            return decode(answer.value, answer.artifacts)
        except MeshError as error:
            error.by_call = True
            raise


class AgentHandle:
    """One agent. Each attribute is a skill; :meth:`call` takes any name."""

    def __init__(self, context: CallContext, name: AgentId, options: CallOptions) -> None:
        self._context = context
        self._options = options
        self.name = name

    def __getattr__(self, skill: str) -> SkillCaller:
        if skill.startswith("_"):
            raise AttributeError(f"use .call({skill!r}, ...) for a skill of that name")
        caller = SkillCaller(self, self._context, self._options, skill)
        self.__dict__[skill] = caller  # the next use finds it without coming here
        return caller

    def __repr__(self) -> str:
        return f"<agent {self.name}>"

    def _outgoing(self, skill: str, body: bytes, stream: bool = False) -> Outgoing:
        options = self._options
        return Outgoing(
            self.name,
            names.skill(skill) if skill else "",
            body,
            "task",
            options.timeout,
            options.idempotent,
            stream,
            queue=options.queue,
            reach=options.reach,
        )

    async def call(
        self,
        skill: str,
        args: Mapping[str, Any] | None = None,
        *,
        on_progress: OnProgress | None = None,
    ) -> Reply:
        """``skill`` with ``args``, and how the answer came. Raises MeshError.

        ``on_progress``: called on the loop with each :class:`Progress` that the skill tells, at
        most five a second; it should return at once.
        """
        now = self._context.world.monotonic
        began = now()
        answer = await self._answer(skill, args or {}, on_progress)
        return make_reply(answer, 1000 * (now() - began))

    async def _answer(
        self, skill: str, args: Mapping[str, Any], on_progress: OnProgress | None = None
    ) -> CallAnswer:
        """What came back, not decoded. Private, as every other attribute is a skill."""
        context = self._context
        try:
            body, artifacts = pack_args(args)
            outgoing = self._outgoing(skill, body)
            outgoing.artifacts, outgoing.on_progress = sources(artifacts), listening(on_progress)
            call = insist(context, outgoing) if outgoing.idempotent else context.call(outgoing)
            return await call
        except MeshError as error:
            error.by_call = True
            raise

    def stream(
        self,
        skill: str,
        args: Mapping[str, Any] | None = None,
        *,
        on_progress: OnProgress | None = None,
    ) -> Items:
        """The items of a streaming skill, as they come. ``on_progress``: see :meth:`call`."""
        return Items(self._context, self._streamed(skill, args or {}, on_progress))

    def _streamed(
        self, skill: str, args: Mapping[str, Any], on_progress: OnProgress | None = None
    ) -> Outgoing:
        body, artifacts = pack_args(args)
        outgoing = self._outgoing(skill, body, stream=True)
        outgoing.artifacts, outgoing.on_progress = sources(artifacts), listening(on_progress)
        return outgoing

    def ask(
        self,
        text: str,
        *,
        session_id: str = "",
        files: Sequence[FileSource] = (),
        returns: Mapping[str, Any] | None = None,
        dry_run: bool = False,
    ) -> Ask:
        """Free text to the agent's model or prompt handler; UnknownSkill if it has neither.

        ``session_id``: the conversation that it goes on with, of those of this machine. ``files``:
        paths of texts and images. ``returns``: a JSON Schema; the answer is JSON that fits.
        ``dry_run``: what a model would be given, as JSON; only for who may change things there.
        It ends after 60 s without text or event, and after 10 minutes, unless the handle has
        another timeout than the usual one. Raises BadArguments, TooLarge.
        """
        prompt = Prompt(message=text, session_id=session_id, dry_run=dry_run)
        prompt.files = prompt_files(files)
        if returns is not None:
            prompt.returns = msgspec.Raw(encode_schema(returns))
        question = self._prompt(prompt)
        question.limit(self._options.ask_timeout, SILENCE_S)
        return question

    async def steer(self, text: str, *, session_id: str) -> bool:
        """Words for the model while it works on an earlier ``ask`` of that session: it has them
        with its next request. False if it works on none, or does not know how. Raises MeshError."""
        prompt = Prompt(message=text, session_id=session_id, steer=True)
        return await self._prompt(prompt) == STEERED

    def tell(self, text: str, *, broadcast: bool = False, wait: bool = True) -> Ask:
        """A message: answered by the prompt handler, else kept in the agent's inbox.

        Without ``wait`` the agent confirms that it has it, and answers nothing.
        """
        prompt = Prompt(message=text, direct=not broadcast, broadcast=broadcast, ack=not wait)
        return self._prompt(prompt)

    def _prompt(self, prompt: Prompt) -> Ask:
        outgoing = self._outgoing("", b"")
        outgoing.kind = "prompt"
        return Ask(self._context, outgoing, prompt)
