"""analyst: counts what a text is made of. A word is a run of `\\w+`, counted in lower case.

A sentence is counted by its end: that is one place in the text, so whoever cuts only after white
space may add up the counts of the parts. A stretch without an end would count once in each part.
"""

import re
from collections import Counter

import msgspec

from chatixia import Agent

agent = Agent("analyst", "Counts words and sentences")

# A mark, and what may close it (the last three: closing quotes), before white space or the end.
END = re.compile(r"""[.!?]["')\]}\u201d\u2019\u00bb]*(?!\S)""")


@agent.skill
def measure(text: str) -> dict:
    """Counts of a text: characters, words, ends of sentences, and how often each word occurs."""
    words = [word.lower() for word in re.findall(r"\w+", text)]
    return {
        "characters": len(text),
        "words": len(words),
        "sentences": len(END.findall(text)),
        "counts": dict(Counter(words)),
    }


@agent.skill
async def links() -> list[dict]:
    """My open links, as my engine reads them."""
    return [msgspec.to_builtins(link) for link in agent.mesh.links()]


if __name__ == "__main__":
    agent.run()
