"""Questions about documents that lie on many agents: each reads one, and one answers.

    python examples/documents/documents.py FOLDER        every .txt and .md in it gets an agent
    chatixia ask librarian "Who wrote about glass?"      in another terminal

The documents never leave their agents but for the passages that answer. The librarian has a model;
its key comes from the environment. A test runs this with a scripted one.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import chatixia
from chatixia import Agent

SUFFIXES = (".txt", ".md")
MOST = 64
"""Documents of one folder that are read."""
PROMPT = """
You answer questions about documents. Each document is on an agent of its own with a skill `search`.
Find the agents that have it, search those that may know, and answer in a few sentences from the
passages alone. Name the agent behind each statement. If no passage answers, say so.
"""


def passages(text: str) -> Iterator[str]:
    """The paragraphs of a text, each in one line."""
    for part in re.split(r"\n\s*\n", text):
        if line := " ".join(part.split()):
            yield line[:2000]


def words(text: str) -> set[str]:
    """The words of a text that say something."""
    return {word for word in re.findall(r"\w+", text.lower()) if len(word) > 2}


def reader(document: Path) -> Agent:
    """An agent that searches one document."""
    name = re.sub(r"[^a-z0-9]+", "-", document.stem.lower()).strip("-") or "document"
    agent = Agent(f"reads-{name}"[:63].rstrip("-"), f"Knows the document {document.name}")
    lines = list(passages(document.read_text(encoding="utf-8", errors="replace")))

    @agent.skill(effect="read", description=f"Search {document.name}: its best passages.")
    async def search(query: str, limit: int = 3) -> list[str]:
        wanted = words(query)
        ranked = sorted(lines, key=lambda line: -len(wanted & words(line)))
        return [line for line in ranked[: max(1, min(limit, 10))] if wanted & words(line)]

    return agent


def agents(folder: Path, model: Any = None) -> list[Agent]:
    """A reader for each document in the folder, and the librarian. ``model``: for the librarian,
    else the one whose key is in the environment."""
    documents = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES)[:MOST]
    librarian = Agent("librarian", "Answers questions about documents", prompt=PROMPT, model=model)
    return [*map(reader, documents), librarian]


if __name__ == "__main__":
    chatixia.run(*agents(Path(sys.argv[1] if len(sys.argv) > 1 else ".")))
