"""A profile: the folder that holds a machine's keys, settings and certificates."""
