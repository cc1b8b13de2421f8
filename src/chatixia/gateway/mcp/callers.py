"""Who calls through the gateway, and the mesh as each of them sees it: on every path by name."""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import Any, Final

from chatixia.client.call_context import CallContext
from chatixia.client.mesh import Mesh

PREFIX: Final = "mcp:"
NOBODY: Final = "host"
"""What a host is called that says no name."""
MAX_NAME: Final = 56
MOST: Final = 64
CALLER: Final = "chatixia.mcp.caller"
"""Where the guard of HTTP puts whose credential it was."""

_ODD: Final = re.compile(r"[^a-z0-9._-]+")


def caller_name(text: str) -> str:
    """``text`` as a name that may stand on a path."""
    return _ODD.sub("-", text.lower()[: 2 * MAX_NAME]).strip("-.")[:MAX_NAME] or NOBODY


class MeshCallers:
    """A mesh for each caller. ``name``: what all are called, where that was chosen."""

    def __init__(self, context: CallContext, name: str = "") -> None:
        self._context, self._name = context, name
        self._meshes: OrderedDict[str, Mesh] = OrderedDict()

    def name_of(self, ctx: Any) -> str:
        """The caller of a request: by its credential, else as the host calls itself."""
        if ctx.request is not None:
            return str(ctx.request.scope[CALLER])
        if self._name:
            return self._name
        params = ctx.session.client_params
        return caller_name("" if params is None else params.client_info.name)

    def mesh(self, caller: str) -> Mesh:
        """The mesh whose calls carry ``mcp:caller`` on their path."""
        mesh = self._meshes.get(caller)
        if mesh is None:
            mesh = Mesh(self._context.derive(path=(PREFIX + caller,)))
            self._meshes[caller] = mesh
            if len(self._meshes) > MOST:
                self._meshes.popitem(last=False)
        self._meshes.move_to_end(caller)
        return mesh
