"""A program's view of a mesh: handles, streams, tasks, the registry's REST client, sync."""
