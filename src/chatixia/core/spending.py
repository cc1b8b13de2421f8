"""What models may spend: turns, tokens, money and time, of a task, of a caller and of the agent.

Money is in US dollars, a turn is one request to a model, a day is one of UTC.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final, NamedTuple

import msgspec

from .rates import ByteRate

DAY_S: Final = 86_400.0
AGENT: Final = "agent"
"""The scope of an agent's own day."""
MINUTE_S: Final = 60.0
TASK: Final = "this task"

Amount = Annotated[int, msgspec.Meta(ge=0, le=10**12)]
Money = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=DAY_S)]


class Spending(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was spent. ``seconds``: how long runs took, those side by side counted each."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    money: float = 0.0
    seconds: float = 0.0

    @property
    def tokens(self) -> int:
        """Those that went in and those that came out."""
        return self.input_tokens + self.output_tokens

    def __add__(self, other: Spending) -> Spending:
        pairs = zip(msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True)
        return Spending(*(one + more for one, more in pairs))

    def __neg__(self) -> Spending:
        return Spending(*(-one for one in msgspec.structs.astuple(self)))


class SpendingLimit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The most of each; 0 for no limit."""

    turns: Amount = 0
    tokens: Amount = 0
    money: Money = 0.0
    seconds: Seconds = 0.0

    def reached(self, spent: Spending) -> str:
        """What of it is spent, in words; empty while another request may be made."""
        for most, used, words in (
            (self.turns, spent.requests, "turns"),
            (self.tokens, spent.tokens, "tokens"),
            (self.money, spent.money, "US dollars"),
            (self.seconds, spent.seconds, "seconds"),
        ):
            if most and used >= most:
                return f"{most:g} {words}"
        return ""


class Budgets(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The limits of an agent: of each task, of each caller on a day, of all on a day.

    ``tokens_per_minute``: of all its runs at one provider; more waits.
    """

    task: SpendingLimit = SpendingLimit()
    caller: SpendingLimit = SpendingLimit()
    agent: SpendingLimit = SpendingLimit()
    tokens_per_minute: Amount = 0

    @property
    def has_money(self) -> bool:
        """Whether any limit is one of money, which needs a price."""
        return any(limit.money for limit in (self.task, self.caller, self.agent))


class SpendingScope(NamedTuple):
    """``name``: under which the store counts it; ``subject``: what a sentence calls it."""

    name: str
    subject: str
    limit: SpendingLimit


def scopes(budgets: Budgets, caller: str, task: str = "") -> list[SpendingScope]:
    """What a request counts for: ``task`` (its id, where it has one that outlives the process),
    the day of ``caller`` (a machine for its clients), the agent's day."""
    return [
        *([SpendingScope(f"task {task}", TASK, budgets.task)] if task else []),
        SpendingScope(f"caller {caller}", f"{caller} for one day", budgets.caller),
        SpendingScope(AGENT, "this agent for one day", budgets.agent),
    ]


class TokenRates:
    """How fast tokens may go, for each provider on its own. One request may overdraw it."""

    def __init__(self, budgets: Budgets) -> None:
        self._most = budgets.tokens_per_minute
        self._rates: dict[str, ByteRate] = {}

    def of(self, provider: str, now: float) -> ByteRate | None:
        """The rate at ``provider``; None for as fast as they can."""
        if not self._most:
            return None
        if provider not in self._rates:
            self._rates[provider] = ByteRate(self._most / MINUTE_S, MINUTE_S, now)
        return self._rates[provider]


def day_of(now: float) -> int:
    """The number of the day that ``now``, seconds since the epoch, is in."""
    return int(now // DAY_S)


def refusal(spent: Iterable[tuple[SpendingScope, Spending]]) -> str:
    """Why no further request may be made; empty where one may."""
    for scope, used in spent:
        if reached := scope.limit.reached(used):
            return f"The budget of {scope.subject} is spent: {reached}."
    return ""
