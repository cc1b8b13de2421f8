"""A room in which agents chat: each has a model and a character, and hears what the others said.

    python examples/room/room.py                                      three agents and the room
    chatixia call room talk topic="What is a good question?" turns:=6     in another terminal

Each agent keeps its own conversation with the room, so it is told only what is new. The keys come
from the environment. A test runs this with scripted models.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any

from msgspec import Meta

import chatixia
from chatixia import Agent, Ctx, MeshError

CHARACTERS = {
    "ada": "You are precise, and ask for an example of everything.",
    "bruno": "You are warm, and tell a short story where others give a reason.",
    "clara": "You doubt. Find what the others left out.",
}
MANNERS = " You chat in a room. Say one or two sentences, and never speak for another."


def member(name: str, character: str, model: Any = None) -> Agent:
    """An agent that chats."""
    return Agent(name, character, prompt=f"You are {name}. {character}{MANNERS}", model=model)


def room(members: list[str]) -> Agent:
    """The agent that lets them speak in turn."""
    agent = Agent("room", "A room in which agents chat")

    @agent.skill(timeout=900)
    async def talk(
        topic: str, ctx: Ctx, turns: Annotated[int, Meta(ge=1, le=100)] = 6
    ) -> AsyncIterator[str]:
        """Let the agents chat about a topic; each line as it is said."""
        heard = dict.fromkeys(members, f"The topic: {topic}")
        session = f"room-{ctx.request_id}"[:64]
        for turn in range(turns):
            speaker = members[turn % len(members)]
            news, heard[speaker] = heard[speaker], ""
            try:
                said = await ctx.agent(speaker).ask(news or "Go on.", session_id=session)
            except MeshError as error:
                yield f"({speaker} is silent: {error.code})"
                continue
            line = f"{speaker}: {' '.join(said.split())}"
            for other in members:
                if other != speaker:
                    heard[other] = f"{heard[other]}\n{line}".strip()
            yield line

    return agent


def agents(models: Mapping[str, Any] | None = None) -> list[Agent]:
    """The room and who is in it. ``models``: by name, else those of the environment."""
    chosen = models or {}
    members = [member(name, what, chosen.get(name)) for name, what in CHARACTERS.items()]
    return [*members, room(list(CHARACTERS))]


if __name__ == "__main__":
    chatixia.run(*agents())
