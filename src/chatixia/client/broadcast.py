"""One word to many agents over their links, with a receipt of who got it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from chatixia.errors import MeshError

from .gather import gather
from .handle import AgentHandle
from .reply import Receipt

MAX_RECEIVERS: Final = 32
AT_ONCE: Final = 8


async def broadcast(handles: Iterable[AgentHandle], text: str, wait: bool) -> list[Receipt]:
    """Tell ``text`` to each; one receipt each, in their order. Never raises for one of them.

    ``wait`` for what their prompt handlers answer; else each only confirms that it has it.
    """
    return await gather((_tell(handle, text, wait) for handle in handles), AT_ONCE)


async def _tell(handle: AgentHandle, text: str, wait: bool) -> Receipt:
    try:
        reply = await handle.tell(text, broadcast=True, wait=wait).reply()
    except MeshError as error:
        return Receipt(handle.name, False, code=error.code, message=error.message)
    return Receipt(handle.name, True, reply.via, reply.ms, str(reply.value or ""))
