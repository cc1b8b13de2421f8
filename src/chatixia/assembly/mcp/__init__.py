"""MCP joined with the mesh: the gateway's process, its credentials, servers as tools of agents."""
