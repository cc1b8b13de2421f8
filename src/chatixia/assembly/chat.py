"""A conversation with one agent: what is asked, what comes, and what was said so far."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from chatixia.errors import BadRequest, ConfigError, MeshError
from chatixia.world import REAL, World

if TYPE_CHECKING:
    from chatixia.client.mesh import Mesh
    from chatixia.client.progress import Progress

ANSWER_S: Final = 600.0
"""Seconds for one answer."""
MAX_TURNS: Final = 10_000
"""Of the transcript; the oldest go."""


class ChatTurn(msgspec.Struct):
    """One question: what was said meanwhile, the answer so far, and how it ended badly."""

    question: str
    meanwhile: list[str] = []
    answer: str = ""
    error: str = ""


class Chat:
    """The conversation ``session`` (empty: a new one) with ``agent``.

    ``model``: which one answered last; ``turns``: the transcript.
    """

    def __init__(self, mesh: Mesh, agent: str, session: str = "", world: World = REAL) -> None:
        self._mesh, self.agent, self._world = mesh, agent, world
        self.session = session or self._drawn()
        self.turns: list[ChatTurn] = []
        self.model = ""
        self.tokens = 0
        self.via = ""

    def new(self) -> str:
        """Begin another conversation, of which the agent knows nothing yet; its name."""
        self.session, self.turns = self._drawn(), []
        return self.session

    @property
    def last(self) -> str:
        """What was asked last. Raises BadRequest if nothing was."""
        if not self.turns:
            raise BadRequest("Nothing was asked yet.")
        return self.turns[-1].question

    async def ask(self, text: str) -> AsyncGenerator[Progress, None]:
        """Ask, and hand on what comes. Closing it ends the answer. Raises MeshError."""
        turn = ChatTurn(text)
        self.turns = [*self.turns[1 - MAX_TURNS :], turn]
        handle = self._mesh.agent(self.agent, timeout=ANSWER_S)
        try:
            async with handle.ask(text, session_id=self.session) as pieces:
                async for step in pieces.events():
                    self._take(turn, step)
                    yield step
                self.via = pieces.via
        except MeshError as error:
            turn.error = error.message
            raise
        except BaseException:
            turn.error = "interrupted"
            raise

    async def steer(self, text: str) -> bool:
        """Words for the answer that is under way; False if the agent takes none now."""
        handle = self._mesh.agent(self.agent, timeout=ANSWER_S)
        try:
            taken = await handle.steer(text, session_id=self.session)
        except MeshError:
            return False  # it is asked next then, and an error that lasts shows itself there
        if taken and self.turns:
            self.turns[-1].meanwhile.append(text)
        return taken

    def markdown(self) -> str:
        """The transcript."""
        parts = [f"# {self.agent}, {self.session}"]
        for turn in self.turns:
            parts += [f"**you:** {turn.question}", *(f"**you:** {text}" for text in turn.meanwhile)]
            parts += [part for part in (turn.answer, f"*{turn.error}*" * bool(turn.error)) if part]
        return "\n\n".join(parts) + "\n"

    def export(self, path: str = "") -> Path:
        """Write the transcript to a new file of this user's. Raises ConfigError."""
        place = Path(path or f"{self.agent}-{self.session}.md").expanduser()
        try:
            descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
                file.write(self.markdown())
        except FileExistsError:
            raise ConfigError(f"{place} is there already; name another file.") from None
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise ConfigError(f"{place} cannot be written: {reason}.") from error
        return place

    def _take(self, turn: ChatTurn, step: Progress) -> None:
        if step.event is not None:
            if step.event.kind == "fallback":
                turn.answer = ""
            if step.event.kind == "usage":
                self.model = self.model if step.event.agent else step.event.model
                self.tokens += step.event.input_tokens + step.event.output_tokens
        elif step.item is not None:
            turn.answer += str(step.item)

    def _drawn(self) -> str:
        return f"chat-{self._world.token(4).hex()}"
