"""A peer: links, sessions and calls on real connections. Drives the decisions of core."""
