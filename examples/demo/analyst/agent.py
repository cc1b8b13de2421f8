"""analyst: counts what a text is made of. A word is a run of `\\w+`, counted in lower case."""

import re
from collections import Counter

import msgspec

from chatixia import Agent

agent = Agent("analyst", "Counts words and sentences")


@agent.skill
def measure(text: str) -> dict:
    """Counts of a text: characters, words, sentences, and how often each word occurs."""
    words = [word.lower() for word in re.findall(r"\w+", text)]
    sentences = [part for part in re.split(r"(?<=[.!?])\s+", text) if re.search(r"\w", part)]
    return {
        "characters": len(text),
        "words": len(words),
        "sentences": len(sentences),
        "counts": dict(Counter(words)),
    }


@agent.skill
async def links() -> list[dict]:
    """My open links, as my engine reads them."""
    return [msgspec.to_builtins(link) for link in agent.mesh.links()]


if __name__ == "__main__":
    agent.run()
