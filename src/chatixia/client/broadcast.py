"""One message to many agents over their links, with a receipt of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from chatixia.errors import MeshError
from chatixia.ids import AgentId

from .call_context import CallContext
from .gather import gather
from .handle import AgentHandle, CallOptions
from .reply import Receipt

MAX_RECEIVERS: Final = 32
"""All are sent to at once, so that none waits for another's time."""
REACH_S: Final = 5.0
"""How long one is waited for until a link to it opens."""
ANSWER_SHARE: Final = 0.1
"""The share of a request's own time that is kept for its answer, with the receipts in it."""


async def broadcast(
    context: CallContext, names: Sequence[AgentId], text: str, wait: bool, timeout: float
) -> list[Receipt]:
    """Tell ``text`` to each; one receipt each, in their order. Never raises for one of them.

    ``wait`` for what their prompt handlers answer; else each only confirms that it has it.
    ``timeout``: seconds for each.
    """
    bound = context.budget(timeout)
    if bound < timeout:
        bound *= 1 - ANSWER_SHARE
    options = CallOptions(bound, queue="never", reach=min(REACH_S, bound / 2))
    receipts = (
        _tell(AgentHandle(context, name, options), text, wait) for name in names[:MAX_RECEIVERS]
    )
    return await gather(receipts, MAX_RECEIVERS) + [
        Receipt(
            name,
            False,
            code="too_large",
            message=f"A broadcast goes to at most {MAX_RECEIVERS} agents.",
        )
        for name in names[MAX_RECEIVERS:]
    ]


async def _tell(handle: AgentHandle, text: str, wait: bool) -> Receipt:
    try:
        reply = await handle.tell(text, broadcast=True, wait=wait).reply()
    except MeshError as error:
        return Receipt(handle.name, False, code=error.code, message=error.message)
    return Receipt(handle.name, True, reply.via, reply.ms, str(reply.value or ""))
