"""An agent with skills of every kind, whose stubs the tests write, check and use."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import uuid
from collections.abc import AsyncIterator
from decimal import Decimal
from types import ModuleType
from typing import Any, Literal

import msgspec
import pydantic

from chatixia import Agent, Artifact
from chatixia.assembly.stubs import python
from chatixia.assembly.stubs.schema import agent_types
from chatixia.testing import mesh_of
from chatixia.wire.peer import SkillInfo


class Unit(enum.Enum):
    C = "c"
    F = "f"


class Spot(pydantic.BaseModel):
    lat: float
    lon: float = 0.0
    class_: str = pydantic.Field("x", alias="class")


class Circle(msgspec.Struct, tag="circle"):
    r: float


class Square(msgspec.Struct, tag="square"):
    side: float


class Node(msgspec.Struct):
    value: int
    children: list[Node] = []


@dataclasses.dataclass
class Forecast:
    """What it will be."""

    city: str
    high_c: float
    day: dt.date
    unit: Unit = Unit.C
    spot: Spot | None = None
    note: str | None = None
    shape: Circle | Square | None = None


def sample(name: str = "weather") -> Agent:
    """The agent."""
    agent = Agent(name, "Forecasts")
    add_calls(agent)
    add_odd_ones(agent)
    return agent


def add_calls(agent: Agent) -> None:
    """Skills as most are."""

    @agent.skill
    async def forecast(
        city: str, days: int = 3, unit: Unit = Unit.C, spot: Spot | None = None
    ) -> Forecast:
        """Forecast for a city.

        Args:
            city: whose "weather" it is
        """
        shape = Square(2.0) if spot is None else Circle(spot.lon)
        return Forecast(city, float(days), dt.date(2026, 1, 2), unit, spot, shape=shape)

    @agent.skill(name="get-all")
    async def get_all(
        spots: list[Spot] = [],  # noqa: B006 - a default that is no value of source
        mode: Literal["fastest", "cheapest", "prettiest", "oldest"] = "oldest",
    ) -> list[str]:
        return [mode, *(spot.class_ for spot in spots)]

    @agent.skill
    async def tell(topic: str, times: int = 2) -> AsyncIterator[str]:
        for n in range(times):
            yield f"{topic} {n}"

    @agent.skill
    async def nodes(node: Node) -> AsyncIterator[Node]:
        yield node
        for child in node.children:
            yield child


def add_odd_ones(agent: Agent) -> None:
    """Skills with artifacts, no result, bytes, odd names, models that a field tells apart."""

    @agent.skill
    async def copy(file: Artifact) -> Artifact:
        return Artifact.of(await file.read(), name=file.name)

    @agent.skill
    async def nothing() -> None:
        return None

    @agent.skill
    async def raw(data: bytes, key: uuid.UUID, price: Decimal) -> tuple[bytes, uuid.UUID, Decimal]:
        return data, key, price

    @agent.skill(name="list")
    async def int_(int: int = 1, **more: bool) -> dict[str, list[Any]]:
        return {"int": [int], "more": sorted(more)}

    @agent.skill(name="match-all")
    async def match(shape: Circle | Square) -> Circle | Square:
        return shape


async def skills_of(agent: Agent) -> list[SkillInfo]:
    """Its skills as others see them."""
    async with mesh_of(agent) as mesh:
        return await mesh.skills(agent.name)


def written(agent: str, skills: list[SkillInfo]) -> str:
    """The Python source for them."""
    return python.source(agent_types(agent, skills))


def module(source: str, name: str = "written_stub") -> ModuleType:
    """The source, imported."""
    import sys

    loaded = sys.modules[name] = ModuleType(name)
    exec(compile(source, f"{name}.py", "exec"), vars(loaded))
    return loaded
