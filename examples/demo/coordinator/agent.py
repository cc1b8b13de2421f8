"""coordinator: splits a document among researcher and analyst, and merges what comes back.

The document is the file that DEMO_FILE names where this agent runs: a caller cannot choose a path.
"""

import math
import os
import re
from collections import Counter
from pathlib import Path

import msgspec

from chatixia import Agent, Ctx, MeshError, SkillFailed

agent = Agent("coordinator", "Reads a document with the help of others")

CHUNK = 8_000  # characters; a word longer than this still stays whole
FREQUENT = 10  # words, of more than SHORT characters each: shorter ones are "the" and "of"
SHORT = 3
LARGEST = 8 * 1024 * 1024
PATIENCE = 20.0  # seconds for each call
AT_ONCE = 8


class Work:
    """The calls of one report: who answered how often, by which tier, and who did not."""

    def __init__(self, ctx: Ctx) -> None:
        self.ctx = ctx
        self.tiers: dict[str, Counter[str]] = {}
        self.time: Counter[str] = Counter()
        self.missing: dict[str, str] = {}

    async def ask(self, name: str, skill: str, **args: object) -> object:
        """One call; None, and the reason kept, from an agent that does not answer."""
        if name in self.missing:
            return None
        handle = self.ctx.agent(name, timeout=PATIENCE, idempotent=True)
        try:
            reply = await handle.call(skill, args)
        except MeshError as error:
            self.missing.setdefault(name, f"{error.code}: {error.message}")
            return None
        self.tiers.setdefault(name, Counter())[reply.via] += 1
        self.time[name] += reply.ms
        return reply.value

    def summary(self) -> list[dict]:
        """One row for each agent that answered."""
        return [
            {
                "agent": name,
                "calls": sum(tiers.values()),
                "via": dict(tiers),
                "ms": round(self.time[name] / sum(tiers.values()), 1),
            }
            for name, tiers in sorted(self.tiers.items())
        ]


@agent.skill(timeout=300)
async def report(ctx: Ctx) -> dict:
    """The document's counts, its keywords and the sentences that carry them."""
    name, raw = document()
    parts = split(raw.decode("utf-8", "replace"))
    work = Work(ctx)
    first = await ctx.gather(
        (
            call
            for part in parts
            for call in (
                work.ask("analyst", "measure", text=part),
                work.ask("researcher", "keywords", text=part),
            )
        ),
        limit=AT_ONCE,
    )
    await ctx.progress(0.7, "ranking sentences")
    weights = weigh([found for found in first[1::2] if found is not None])
    ranked = await ctx.gather(
        (work.ask("researcher", "rank", text=part, weights=weights) for part in parts),
        limit=AT_ONCE,
    )
    found = counted([part for part in first[0::2] if part is not None])
    return {
        "document": {"name": name, "bytes": len(raw), "parts": len(parts)},
        **({} if "analyst" in work.missing else found),
        **(
            {}
            if "researcher" in work.missing
            else {
                "keywords": list(weights)[:12],
                "sentences_that_matter": best(ranked),
            }
        ),
        "work": work.summary(),
        "missing": work.missing,
    }


@agent.skill
async def links() -> list[dict]:
    """My open links, as my engine reads them."""
    return [msgspec.to_builtins(link) for link in agent.mesh.links()]


def document() -> tuple[str, bytes]:
    """The name and the bytes of the file that this agent was started for."""
    path = Path(os.environ["DEMO_FILE"])
    if path.stat().st_size > LARGEST:
        raise SkillFailed(f"{path.name} is larger than {LARGEST:,} bytes.")
    # Its bytes, not what this locale makes of them: half a sign could not be sent.
    return os.fsencode(path.name).decode("utf-8", "replace"), path.read_bytes()


def split(text: str) -> list[str]:
    """`text` in parts of about CHUNK characters, cut between paragraphs, else between words.

    White space stays with what is before it: so no word is cut, nor the end of a sentence, and what
    is counted in the parts adds up to what the whole holds.
    """
    parts, part = [], ""
    for paragraph in re.findall(r".+?(?:\n\s*\n|\Z)", text, re.DOTALL):
        whole = len(paragraph) <= CHUNK
        for piece in [paragraph] if whole else re.findall(r"\S+\s*|\s+", paragraph):
            if part and len(part) + len(piece) > CHUNK:
                parts.append(part)
                part = ""
            part += piece
    return [*parts, part] if part else parts


def counted(measures: list[dict]) -> dict:
    """The sums of what the analyst counted in each part."""
    counts: Counter[str] = Counter()
    for measure in measures:
        counts.update(measure["counts"])
    long = [(word, n) for word, n in counts.items() if len(word) > SHORT]
    return {
        "characters": sum(measure["characters"] for measure in measures),
        "words": sum(measure["words"] for measure in measures),
        "sentences": sum(measure["sentences"] for measure in measures),
        "distinct": len(counts),
        "frequent": dict(sorted(long, key=lambda found: (-found[1], found[0]))[:FREQUENT]),
    }


def weigh(lists: list[list[dict]]) -> dict[str, float]:
    """One weight for each keyword over all parts, heaviest first (YAKE's low scores are good)."""
    weights: Counter[str] = Counter()
    for found in lists:
        for item in found:
            weights[item["word"].lower()] += max(0.0, -math.log10(max(item["score"], 1e-9)))
    return {word: round(weight, 3) for word, weight in weights.most_common(60)}


def best(ranked: list[list[dict] | None]) -> list[str]:
    """The five heaviest sentences of all parts."""
    every = [item for part in ranked if part is not None for item in part]
    return [item["sentence"] for item in sorted(every, key=lambda item: -item["score"])[:5]]


if __name__ == "__main__":
    agent.run()
