"""What one run may still spend: counted in the agent's store before a request and set right after
it, so that what a kill or a dead stream leaves is counted by estimate."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from chatixia.core.rates import ByteRate
from chatixia.core.spending import (
    TASK,
    Budgets,
    Spending,
    SpendingScope,
    TokenRates,
    day_of,
    refusal,
    scopes,
)
from chatixia.errors import BudgetExceeded
from chatixia.world import World

from .words import Usage

NOTHING = Spending()


class SpendingBook(Protocol):
    """Where spending is kept; ``store.local.agent_store`` is the real one."""

    async def spend(self, scopes: Sequence[str], day: int, amount: Spending) -> dict[str, Spending]:
        """Add ``amount`` to each scope's ``day``; what they have spent then."""
        ...

    async def spent(self, scopes: Sequence[str], day: int) -> dict[str, Spending]:
        """What each scope has spent on ``day``."""
        ...


class RunBudget:
    """A :class:`~.words.Budget`. ``caller``: an agent, or the machine of a client. ``task``: the
    queued task, whose spending outlives the process; "" for none. ``rates``: of all runs."""

    def __init__(
        self,
        budgets: Budgets,
        caller: str,
        task: str,
        book: SpendingBook,
        world: World,
        rates: TokenRates | None = None,
    ) -> None:
        self._book, self._world = book, world
        self._rates = rates or TokenRates(budgets)
        self._rate: ByteRate | None = None
        self._scopes = scopes(budgets, caller, task)
        self._names = [scope.name for scope in self._scopes]
        self._own = SpendingScope("", TASK, budgets.task)
        self._reserved: tuple[int, Spending] | None = None
        self._marked = world.monotonic()
        self.used = NOTHING
        """What this run has spent."""

    async def before(self, estimate_tokens: int, provider: str) -> None:
        """Count a request of that many tokens to ``provider``. Raises BudgetExceeded."""
        await self._paced(estimate_tokens, provider)
        estimate = Spending(1, estimate_tokens, 0, 0.0, self._elapsed())
        self.used += Spending(seconds=estimate.seconds)
        day = day_of(self._world.wall())
        totals = await self._book.spend(self._names, day, estimate)
        before = [(scope, totals[scope.name] + -estimate) for scope in self._scopes]
        if words := refusal([(self._own, self.used), *before]):
            await self._book.spend(self._names, day, Spending(-1, -estimate_tokens))
            begun = self.used.requests > 0
            raise BudgetExceeded(words, outcome="unknown" if begun else "definite")
        self._reserved = day, Spending(1, estimate_tokens)

    async def after(self, usage: Usage) -> None:
        """Count what the request used in the place of its estimate."""
        day, reserved = self._reserved or (day_of(self._world.wall()), NOTHING)
        self._reserved = None
        actual = Spending(
            usage.requests, usage.input_tokens, usage.output_tokens, usage.money, self._elapsed()
        )
        self.used += actual
        if self._rate is not None:
            self._rate.spend(actual.tokens - reserved.tokens, self._world.monotonic())
        await self._book.spend(self._names, day, actual + -reserved)

    async def close(self) -> None:
        """Count the time since the last request. What was never settled stays by estimate."""
        rest = Spending(seconds=self._elapsed())
        if self.used.requests or self._reserved:
            self.used += rest
            await self._book.spend(self._names, day_of(self._world.wall()), rest)

    def _elapsed(self) -> float:
        """Seconds since it was asked last."""
        now = self._world.monotonic()
        passed, self._marked = now - self._marked, now
        return passed

    async def _paced(self, tokens: int, provider: str) -> None:
        """Take tokens of this and the next minutes, and wait until they have come."""
        now = self._world.monotonic()
        self._rate = self._rates.of(provider, now)
        if self._rate is None:
            return
        wait = self._rate.wait(now)
        self._rate.spend(tokens, now)
        if wait:
            await asyncio.sleep(wait)
