"""A tool provider: run it on the machine whose disks a host of MCP is to see.

    python examples/mcp/storage.py          on the other machine, which has joined the mesh

No host needs to know that machine: host.py, beside, uses its skills from anywhere in the mesh.
"""

from __future__ import annotations

import platform
import shutil

from chatixia import Agent

agent = Agent("storage", "Says how full the disks of its machine are")


@agent.skill(effect="read")
async def free(path: str = "/") -> dict[str, str | float]:
    """How much of the disk with this path is free, in percent, and on which machine."""
    usage = shutil.disk_usage(path)
    return {"machine": platform.node(), "free_percent": round(100 * usage.free / usage.total, 1)}


if __name__ == "__main__":
    agent.run()
