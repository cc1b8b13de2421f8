"""Doubles for tests of agents: ``mesh_of`` puts them on a network in memory, ``scripted`` is a
model without a provider."""

from chatixia.agent.model.words import ScriptCall, ScriptTurn

from .meshes import MemoryMesh, mesh_of
from .scripted import scripted

__all__ = ["MemoryMesh", "ScriptCall", "ScriptTurn", "mesh_of", "scripted"]
