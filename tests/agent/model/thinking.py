"""An agent with a model on a loopback: a served runtime, its service, and a local engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from chatixia.agent.builtin import builtin
from chatixia.agent.context import Ctx
from chatixia.agent.model.engine import LibraryEngine
from chatixia.agent.model.prompt_skill import prompt_skill
from chatixia.agent.model.service import ModelService, ModelSetup
from chatixia.agent.model.toolbox import ModelTool
from chatixia.agent.model.words import ModelEngine, ModelSpec
from chatixia.agent.prompts import Answerer
from chatixia.agent.skill import Skill
from chatixia.agent.skill_fields import PromptSkill
from chatixia.store.local.agent_store import AgentStore
from tests.agent.loopback import Net
from tests.agent.model.local_engine import LocalEngine, Script
from tests.agent.model.requests import CALLERS
from tests.agent.served import Served


class Thinking(Served):
    """``skills`` of an agent whose free text ``script`` answers, or a model of the library."""

    def __init__(
        self,
        net: Net,
        name: str,
        script: Script,
        *fns: Callable[..., Any] | Skill,
        setup: ModelSetup | None = None,
        store: AgentStore | None = None,
        prompts: tuple[PromptSkill, ...] = (),
        builtins: tuple[str, ...] = (),
        library: ModelSpec | None = None,
        more: Callable[[Ctx], Iterable[ModelTool]] | None = None,
    ) -> None:
        super().__init__(net, name)
        self.engine = LocalEngine(script)
        used: ModelEngine = self.engine if library is None else LibraryEngine(library, {})
        self.store = store or AgentStore()
        self.service = ModelService(
            name,
            used,
            setup or ModelSetup(callers=CALLERS),
            self.store,
            self.runtime.handle,
            more=more,
        )
        answerer: Answerer = self.service
        self.prompts.set_answerer(answerer)
        skills = [f if isinstance(f, Skill) else Skill(f.__name__, f) for f in fns]
        skills += [builtin(one, self.prompts) for one in builtins]
        skills += [prompt_skill(one, self.service.answer_skill) for one in prompts]
        infos = self.runtime.offer(skills)
        self.service.offer(zip(skills, infos, strict=True))
        self.port.serve(self.runtime.handle, infos, 4)

    async def stop(self) -> None:
        await self.service.close()
        self.close()
