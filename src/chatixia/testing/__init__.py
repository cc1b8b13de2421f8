"""Doubles for tests of agents: ``mesh_of`` puts them on a network in memory."""

from .meshes import MemoryMesh, mesh_of

__all__ = ["MemoryMesh", "mesh_of"]
