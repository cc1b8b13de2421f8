"""Doubles for tests of agents: ``mesh_of`` puts them on a network in memory."""

from .meshes import mesh_of

__all__ = ["mesh_of"]
