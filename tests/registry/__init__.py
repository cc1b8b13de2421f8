"""The registry, tested through its two doors."""
