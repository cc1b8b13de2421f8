"""Typed classes written from the schemas of an agent's skills, in Python and TypeScript."""
