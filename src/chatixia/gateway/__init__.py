"""The outside world: other protocols, each in a folder of its own, as clients of the mesh."""
