"""The conversations of an agent: what a run begins with, keeps on its way, and leaves behind.

Each belongs to one asker: an agent's id, or the machine of a client, whose id is another in each
process. Requests of one conversation are run one after the other; by whom they are, not here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from chatixia.errors import BadArguments
from chatixia.store.local import conversations as table
from chatixia.store.local.agent_store import AgentStore
from chatixia.store.local.conversations import ConversationKey, OpenedRun, RunState, StoredMessage
from chatixia.world import REAL, World

from . import compact, digest
from .stored import answer_of, shape_of, unknown_results
from .words import Compaction, MessageShape

MAX_SESSION: Final = 64
FULL: Final = 0.5
"""Of the bytes of a conversation: above it the digest takes over, before the oldest turns go."""
LEAST_SHARE: Final = 4
"""A quarter of a window is for the conversation, whatever instructions and tools take."""
MAX_STEERING: Final = 32
"""Texts that wait for the next request of a run."""
REPLY_SHARE: Final = 8
REPLY_TOKENS: Final = 4_096
"""Of a window, what is left free for the answer: an eighth, and no more than so many tokens."""


def owner_of(caller: str) -> str:
    """Whose conversations a caller's are. A machine's end in ``~``, so that an agent that is
    called like a machine of another sees none of them."""
    machine, sign, _ = caller.partition("~")
    return machine + sign


def key_of(caller: str, session: str, request: str) -> ConversationKey:
    """Where a request's conversation is kept: by its session, or, without one, by itself alone
    (``request``: the id of its task or of itself).

    Raises BadArguments for a session's name that is too long.
    """
    if len(session) > MAX_SESSION:
        raise BadArguments(f"The name of a session has at most {MAX_SESSION} characters.")
    return ConversationKey(owner_of(caller), session, "" if session else request)


class ConversationRun:
    """One run in a conversation; a :class:`.words.Journal`. Made by :meth:`Conversations.begin`.

    ``history``: for :class:`.words.RunRequest`; ``resume``: it ends in the middle of this very run,
    which goes on without its prompt. ``answer``: the run had ended before, with this; no model is
    asked again.
    """

    def __init__(self, owner: Conversations, opened: OpenedRun, run: str, room: int) -> None:
        self._owner, self._id, self._run, self._room = owner, opened.conversation.id, run, room
        self.key = opened.conversation.key
        self._digest = digest.decode(opened.conversation.digest)
        self._messages = opened.messages
        self._shapes = [shape_of(message.body) for message in opened.messages]
        self._cut: compact.Cut | None = None
        self._cut_at = 0
        self._steering: list[str] = []
        own = [m for m in opened.messages if m.run == run]
        self.answer = _answer(own, opened.state)
        self.resume = bool(own) and opened.state == "resumed" and self.answer is None

    @property
    def history(self) -> list[bytes]:
        """The messages so far, those that the digest stands for left out."""
        return [message.body for message in self._messages]

    async def keep(self, messages: Sequence[bytes]) -> None:
        """Store them; when this returns, a kill loses none. A conversation that was forgotten
        meanwhile keeps nothing. Raises TooLarge, DiskFull, Unavailable."""
        await self._keep(messages, self._run)

    async def _keep(self, messages: Sequence[bytes], run: str) -> None:
        shapes = [shape_of(body) for body in messages]
        batch = [
            StoredMessage(body, _role(shape), shape.kind, shape.tokens, run)
            for body, shape in zip(messages, shapes, strict=True)
        ]
        now = self._owner.world.wall()
        last = await self._owner.store.append(self._id, run, batch, now)
        for n, message in enumerate(batch, last - len(batch) + 1):
            message.n = n
        self._messages += batch
        self._shapes += shapes

    def compact(self, shapes: Sequence[MessageShape]) -> Compaction:
        """What of a run's messages goes into its next request; see :mod:`.compact`.

        A cut once made stays until it is full again, so that requests begin alike.
        """
        numbers, before = list(range(len(shapes))), self._digest
        if self._cut is not None:
            numbers = [n for n in self._cut.keep if n < len(shapes)]
            numbers += range(self._cut_at, len(shapes))
            before = self._cut.digest
        new = compact.cut([shapes[n] for n in numbers], self._room, before)
        new = compact.Cut([numbers[n] for n in new.keep], new.digest)
        if len(new.keep) < len(shapes):
            self._cut, self._cut_at = new, len(shapes)
        return new.compaction(shapes)

    def steer(self, text: str) -> bool:
        """Words for the model before its next request; False where too many wait."""
        if len(self._steering) >= MAX_STEERING:
            return False
        self._steering.append(text)
        return True

    def steering(self) -> Sequence[str]:
        """The words that came since the last time. From any thread."""
        taken: list[str] = []
        while self._steering:
            taken.append(self._steering.pop(0))
        return taken

    async def end(self) -> None:
        """It has its answer, or has failed for good: what asks for it again is answered from here.
        What no longer fits the window is folded into the digest."""
        self._owner.ended(self)
        await self._owner.store.end_run(self._id, self._run)
        size = sum(len(message.body) for message in self._messages)
        full = size > table.MAX_CONVERSATION_BYTES * FULL
        new = compact.fold(self._shapes, self._room, self._digest, full=full)
        if new is not None:
            through = self._messages[new.keep[0]].n - 1
            await self._owner.store.fold(self._id, through, digest.encode(new.digest))

    def leave(self) -> None:
        """It ends in the middle: canceled, or the process stops. It may be taken up again."""
        self._owner.ended(self)

    async def mend(self) -> None:
        """Tell the model of calls that nobody knows the outcome of: their run was killed, and
        another one begins behind it."""
        if self.resume or not self._messages:
            return
        done = {i for shape in self._shapes for i in shape.results}
        last = max((n for n, s in enumerate(self._shapes) if s.kind == "response"), default=None)
        if last is not None and (body := unknown_results(self._messages[last].body, done)):
            await self._keep([body], self._messages[last].run)


class Conversations:
    """All conversations of an agent. ``window``: tokens that its model takes."""

    def __init__(self, store: AgentStore, window: int, world: World = REAL) -> None:
        self.store, self.world, self._window = store, world, window
        self._running: dict[ConversationKey, ConversationRun] = {}

    async def begin(self, key: ConversationKey, run: str, *, overhead: int = 0) -> ConversationRun:
        """The run of the id ``run``, new or taken up again where a kill has left it.

        ``overhead``: tokens of instructions and tools in each request.
        """
        reply = min(REPLY_TOKENS, self._window // REPLY_SHARE)
        room = max(self._window - overhead - reply, self._window // LEAST_SHARE)
        now = self.world.wall()
        opened = await self.store.open_run(key, run, now)
        begun = ConversationRun(self, opened, run, room)
        if opened.state == "finished" and begun.answer is None:
            # It was killed, and another run of the conversation came before it was asked for again.
            opened = await self.store.open_run(key, f"{run} again", now)
            begun = ConversationRun(self, opened, f"{run} again", room)
        if begun.answer is None:
            await begun.mend()
            self._running[key] = begun
        elif opened.state == "resumed":
            await begun.end()
        return begun

    def steer(self, key: ConversationKey, text: str) -> bool:
        """Give words to the run that is under way; False if there is none, or too much waits."""
        run = self._running.get(key)
        return run is not None and run.steer(text)

    def ended(self, run: ConversationRun) -> None:
        """It steers no more."""
        if self._running.get(run.key) is run:
            del self._running[run.key]


def _answer(own: Sequence[StoredMessage], state: RunState) -> str | None:
    """What a run ended with. One that did not end has it only if its last word is a text: whether
    an answer of a given form was taken is for the engine to see."""
    spoken = [message for message in own if message.kind == "response"]
    if state == "new" or not spoken or (state == "resumed" and spoken[-1] is not own[-1]):
        return None
    if state == "resumed" and shape_of(spoken[-1].body).calls:
        return None
    return answer_of(spoken[-1].body)


def _role(shape: MessageShape) -> str:
    if shape.kind == "response":
        return "assistant"
    return "user" if shape.prompt and not shape.results else "tool"
