"""The work that the registry keeps: tasks, keys, people and who may read them."""
