"""What ``chatixia init`` writes: one working sample skill per role, and the files around it.

``$name`` and ``$title`` are filled in by :mod:`chatixia.assembly.run.scaffold`.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Template(NamedTuple):
    """A role's sample: what the agent says it is, its code, and its AGENT.md."""

    about: str
    code: str
    guide: str


_WORKER = '''\
"""$name: a sample agent. Start it with `chatixia run $name`."""

import hashlib
from dataclasses import dataclass

from chatixia import Agent

agent = Agent("$name", "Forecasts for any city (sample data)")


@dataclass
class Forecast:
    """The highest temperature to expect within the coming days, in degrees Celsius."""

    city: str
    days: int
    high_c: float


@agent.skill
async def forecast(city: str, days: int = 3) -> Forecast:
    """Forecast for a city. A sample: computed from the city's name, not measured."""
    digest = hashlib.sha256(city.strip().lower().encode()).digest()
    base = digest[0] / 255 * 40 - 8  # the same city always gets the same weather
    swing = max((digest[1 + day % 31] / 255 * 6 for day in range(days)), default=0.0)
    return Forecast(city, days, round(base + swing, 1))


if __name__ == "__main__":
    agent.run()
'''

_RESEARCHER = '''\
"""$name: a sample researcher. Start it with `chatixia run $name`."""

import re

from chatixia import Agent

agent = Agent("$name", "Finds the sentences of a text that speak of something")


@agent.skill
async def find(text: str, word: str, limit: int = 5) -> list[str]:
    """The first sentences of a text that contain a word, in their order."""
    sentences = re.split(r"(?<=[.!?])\\s+", text)
    wanted = re.compile(rf"\\b{re.escape(word)}\\b", re.IGNORECASE)
    return [sentence for sentence in sentences if wanted.search(sentence)][:limit]


if __name__ == "__main__":
    agent.run()
'''

_ANALYST = '''\
"""$name: a sample analyst. Start it with `chatixia run $name`."""

import re
from collections import Counter

from chatixia import Agent

agent = Agent("$name", "Counts what a text is made of")


@agent.skill
async def count(text: str, top: int = 5) -> dict[str, int]:
    """The most frequent words of a text; a word is a run of letters, digits or underscores."""
    return dict(Counter(re.findall(r"\\w+", text.lower())).most_common(top))


if __name__ == "__main__":
    agent.run()
'''

_COORDINATOR = '''\
"""$name: a sample coordinator. Start it with `chatixia run $name`."""

from typing import Any

from chatixia import Agent, Ctx

agent = Agent("$name", "Gives work to whoever has the skill for it")


@agent.skill(timeout=60)
async def spread(skill: str, items: list[dict[str, Any]], ctx: Ctx) -> list[Any]:
    """Call one skill once per item, several at a time, and return the answers in order."""
    calls = (ctx.any(skill).call(skill, item) for item in items)
    return [reply.value for reply in await ctx.gather(calls, limit=8)]


if __name__ == "__main__":
    agent.run()
'''

TEMPLATES: Final[dict[str, Template]] = {
    "worker": Template(
        "Forecasts for any city (sample data)",
        _WORKER,
        "You answer questions about the weather with the skill `forecast`.\n"
        "Its numbers are a sample, computed from the city's name: say so whenever you use them.\n",
    ),
    "researcher": Template(
        "Finds the sentences of a text that speak of something",
        _RESEARCHER,
        "You look things up in texts. Quote the sentence that you rely on; if there is none,\n"
        "say that you found nothing.\n",
    ),
    "analyst": Template(
        "Counts what a text is made of",
        _ANALYST,
        "You count and compare. Give figures with what they count, and no opinion.\n",
    ),
    "coordinator": Template(
        "Gives work to whoever has the skill for it",
        _COORDINATOR,
        "You split work among the agents of the mesh and merge what comes back.\n"
        "Name the agents that answered, and the ones that did not.\n",
    ),
}

MANIFEST: Final = """\
# $name: what `chatixia run $name` reads. Every key has a default but the name.
name: $name
description: $about

# registry: https://192.168.1.20:8443   # default: the mesh that this machine is in
# engine: wrtc                          # or aiortc
skills:
  builtin: []     # delegate, list_agents, find_agent, mesh_send, mesh_broadcast
"""

GUIDE: Final = """\
# $title

$guide"""

ENVIRONMENT: Final = """\
# Copy to .env; it fills the environment of `chatixia run` and overrides nothing that is set there.
# CHATIXIA_LOG=info
# CHATIXIA_ENGINE=aiortc
"""

IGNORED: Final = """\
.env
.chatixia/
__pycache__/
"""
