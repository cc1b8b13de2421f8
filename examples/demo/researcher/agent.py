"""researcher: finds what a text is about. Keywords by YAKE; sentences by the keywords they hold."""

import re
from itertools import pairwise

import msgspec

from chatixia import Agent

agent = Agent("researcher", "Finds keywords and the sentences that carry them")


@agent.skill
def keywords(text: str, top: int = 15) -> list[dict]:
    """Words and pairs of words that stand out, best first; a lower score is better."""
    import yake

    found = yake.KeywordExtractor(lan="en", n=2, top=top).extract_keywords(text)
    return [{"word": word, "score": float(score)} for word, score in found]


@agent.skill
def rank(text: str, weights: dict, top: int = 3) -> list[dict]:
    """The sentences whose words weigh most for their length, best first."""
    scored = []
    for part in re.split(r"(?<=[.!?])\s+", text):
        sentence = " ".join(part.split())
        words = re.findall(r"\w+", sentence.lower())
        if 8 <= len(words) <= 40:  # neither a heading nor a page
            pairs = {f"{one} {two}" for one, two in pairwise(words)}
            weight = sum(weights.get(word, 0.0) for word in {*words, *pairs})
            scored.append({"sentence": sentence, "score": weight / len(words) ** 0.5})
    return sorted(scored, key=lambda item: -item["score"])[:top]


@agent.skill
async def links() -> list[dict]:
    """My open links, as my engine reads them."""
    return [msgspec.to_builtins(link) for link in agent.mesh.links()]


if __name__ == "__main__":
    agent.run()
