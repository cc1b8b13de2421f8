"""One run: the library's loop, with our retries, fallback, journal and budget around it.

The library goes from request to request. Each response and each result of a tool that is finished
is kept in a list of ours and in the journal; what failed never enters it. So after a failure, and
after a kill, the run goes on from that list: with the same model or the next one, and no finished
tool runs again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from pydantic_ai import Agent
from pydantic_ai import messages as lib

from chatixia.agent.model.crossing import Crossing
from chatixia.agent.model.retries import next_step
from chatixia.agent.model.words import RunRequest, Usage
from chatixia.errors import BudgetExceeded, DeadlineExceeded, MeshError, ModelFailed, TooLarge
from chatixia.wire.events import AgentEvent
from chatixia.world import REAL, World

from . import failures, messages
from .outputs import Output
from .providers import settings_of
from .receiving import Limits, Receiver, Served
from .record import RunRecord
from .toolset import ToolboxToolset
from .view import View


class LibraryRun:
    """Runs ``request`` on the models in turn, on the engine's loop.

    Raises BadArguments for a schema that cannot be used, Conflict for a history that nobody reads.
    """

    def __init__(
        self,
        request: RunRequest,
        models: Sequence[Served],
        crossing: Crossing[str | AgentEvent],
        limits: Limits,
        world: World = REAL,
    ) -> None:
        self._request = request
        self._models = models
        self._crossing = crossing
        self._world = world
        self._output = Output(request.returns)
        self._record = RunRecord(request, crossing)
        self._view = View(request, self._record)
        self._tools = ToolboxToolset(request.toolbox, self._record, crossing, world)
        with_text = not self._output.is_structured
        self._receiver = Receiver(request.budget, crossing, limits, world, with_text)
        self._turns = 0
        self._tries = 0
        self._current = 0
        self._deadline = world.monotonic() + request.seconds

    async def go(self) -> None:
        """To the answer, or to the error; then says what it used. Raises MeshError."""
        clock = asyncio.timeout(self._request.seconds)
        try:
            async with clock:
                await self._go()
        except TimeoutError:
            if not clock.expired():
                raise
            raise DeadlineExceeded(
                f"The model did not come to an end within {self._request.seconds:g} s."
            ) from None
        except MeshError as error:
            if self._tools.may_have_changed:
                error.outcome = "unknown"
            raise
        finally:
            task = asyncio.current_task()
            if task is not None and not task.cancelling():
                await self._crossing.put(_usage_event(self._receiver.total, self._title))

    async def _go(self) -> None:
        if self._request.resume:
            if await self._take_up():
                return
        else:
            await self._record.close_calls()
            await self._record.keep(messages.prompt(self._request.parts))
        while not await self._segment():
            pass

    async def _take_up(self) -> bool:
        """Go on from the history: run again what may. Whether the answer stands there already."""
        responses = self._record.responses()
        self._turns = len(responses)
        self._tools.may_have_changed = any(response.tool_calls for response in responses)
        for response in responses:
            self._receiver.finish(messages.text_of(response))
        await self._receiver.show_finished()
        calls = messages.unanswered(self._record.finished)
        for call in calls:
            if self._output.is_output_of(call):
                return await self._take_up_value(call)
        self._tools.offer()
        among = len(responses[-1].tool_calls) if responses else 1
        await asyncio.gather(
            *(self._tools.run(messages.call_of(call, among), again=True) for call in calls)
        )
        at_end = self._record.finished and self._record.finished[-1] in responses
        return bool(at_end) and not calls

    async def _take_up_value(self, call: lib.ToolCallPart) -> bool:
        result = call.args_as_dict()
        if problem := self._output.problem(result):
            await self._record.answer(call, problem, failed=True)
            return False
        await self._record.answer(call, "Final result processed.")
        await self._crossing.put(self._output.text(result))
        return True

    @property
    def _title(self) -> str:
        return self._models[self._current].endpoint.title

    # From request to request.

    async def _segment(self) -> bool:
        """Go on from what is finished. Whether that is the end; if not, what goes to the model has
        changed, or the model."""
        served = self._models[self._current]
        self._tools.offer()
        try:
            async with self._output.agent.iter(
                None,
                message_history=self._view.look(),
                model=served.model,
                instructions=self._request.instructions or None,
                model_settings=settings_of(served.endpoint),
                toolsets=[self._tools],
                infer_name=False,
            ) as run:
                return await self._steps(run, served)
        except failures.RAISED as error:
            raise failures.failure(error, served.endpoint) from None

    async def _steps(self, run: Any, served: Served) -> bool:
        node, fresh = run.next_node, True
        while not Agent.is_end_node(node):
            if Agent.is_model_request_node(node):
                if not (fresh or await self._prepare(node)) or not await self._ask(
                    node, run, served
                ):
                    return False
                fresh = False
            elif Agent.is_call_tools_node(node):
                await self._call_tools(node, run)
            node = await run.next(node)
        await self._record.keep_rest(run.all_messages()[-1])
        if words := self._steering():
            await self._record.keep_prompt(words)
            return False
        if self._output.is_structured:
            await self._crossing.put(self._output.text(run.result.output))
        return True

    async def _prepare(self, node: Any) -> bool:
        """Store what the next request brings. Whether the library's own list may go on."""
        await self._record.keep_rest(node.request)
        if words := self._steering():
            await self._record.keep_prompt(words)
            return False
        self._tools.offer()
        return self._view.holds()

    async def _ask(self, node: Any, run: Any, served: Served) -> bool:
        """One request; whether its response is there."""
        if self._turns >= self._request.max_turns:
            raise BudgetExceeded(
                f"The model did not come to an end within {self._turns} turns (max_turns)."
            )
        before = self._view.tokens(self._tools.offered.values())
        provider = served.endpoint.provider
        if before > self._request.window > 0:
            raise TooLarge(
                f"The request has about {before} tokens, and {self._title} takes"
                f" {self._request.window} (context_window)."
            )
        await self._crossing.at_home(lambda: self._request.budget.before(before, provider))
        try:
            response = await self._receiver.receive(node, run, served, before)
        except ModelFailed as error:
            await self._recover(error)
            return False
        self._turns += 1
        self._tries = 0
        self._record.distinguish(response)
        self._tools.among = len(response.tool_calls)
        await self._record.keep(response)
        self._receiver.finish(messages.text_of(response))
        return True

    async def _call_tools(self, node: Any, run: Any) -> None:
        async with node.stream(run.ctx) as events:
            async for event in events:
                if isinstance(event, lib.FunctionToolResultEvent):
                    part = event.part
                    if part.tool_name not in self._tools.offered:
                        await self._tools.refuse(part)

    def _steering(self) -> list[str]:
        return list(self._request.steering()) if self._request.steering else []

    async def _recover(self, error: ModelFailed) -> None:
        """After a request that failed: the same again, or the next model. Raises ``error``."""
        step = next_step(
            error,
            self._tries,
            self._deadline - self._world.monotonic(),
            fallback=self._current + 1 < len(self._models),
            streamed=self._receiver.streamed,
            jitter=self._world.jitter(),
        )
        if step.kind == "fail":
            raise error
        if step.kind == "fallback":
            self._current, self._tries = self._current + 1, 0
        if step.kind == "fallback" or self._receiver.streamed:
            await self._tell("fallback", error)
            await self._receiver.show_finished()
        if step.kind == "retry":
            self._tries += 1
            await self._tell("retry", error, step.wait)
            await asyncio.sleep(step.wait)

    async def _tell(self, kind: str, error: ModelFailed, wait: float = 0.0) -> None:
        event = AgentEvent(kind, text=error.message, ok=False, ms=wait * 1000, model=self._title)
        await self._crossing.put(event)


def _usage_event(usage: Usage, title: str) -> AgentEvent:
    return AgentEvent(
        "usage",
        model=title,
        requests=usage.requests,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_tokens=usage.cached_tokens,
        cost=usage.cost,
        estimated=usage.estimated,
    )
