"""HTTP: routes from the table of verbs, bounds, guards, the hub's files."""
