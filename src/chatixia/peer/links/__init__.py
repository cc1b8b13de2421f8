"""Links: attempts to open one, the path that came of it, and what watches it."""
