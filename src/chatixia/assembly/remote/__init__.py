"""A registry over HTTP: pinned connections, and an agent with an API key."""
