"""The Model Context Protocol, both ways: the mesh for its hosts, its servers for agents."""
