"""One message to many agents, with a receipt of each: over links, and by the registry to the rest.

Up to 32 agents are told over links, which open for it. To more, those with an open link are told
over it, and all others by one message that the registry fans out: it can read that one, and its
receipts say that it came, not what was answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from chatixia.errors import MeshError, TooLarge, Unreachable
from chatixia.ids import AgentId
from chatixia.wire.registry import Announce
from chatixia.wire.signaling import MAX_ANNOUNCEMENT

from .call_context import CallContext
from .gather import gather
from .handle import AgentHandle, CallOptions
from .reply import Receipt

MAX_RECEIVERS: Final = 32
"""So many are told over links that open for it; all at once, so that none waits for another."""
MAX_LINKED: Final = 256
"""So many are told over links that are open already."""
REACH_S: Final = 5.0
"""How long one is waited for until a link to it opens."""
ANSWER_SHARE: Final = 0.1
"""The share of a request's own time that is kept for its answer, with the receipts in it."""
ANNOUNCED: Final = "registry, plain"
"""The tier of a receipt whose message the registry fanned out."""
ANNOUNCE_S: Final = 10.0


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
    linked = list(names)
    if len(names) > MAX_RECEIVERS:
        there = {report.peer for report in context.port.links()}
        linked = [name for name in names if name in there][:MAX_LINKED]
    by_link = set(linked)
    rest = [name for name in names if name not in by_link]
    options = CallOptions(bound, queue="never", reach=min(REACH_S, bound / 2))
    over_links = [_tell(AgentHandle(context, name, options), text, wait) for name in linked]
    groups = await gather(
        [gather(over_links, len(over_links) or 1), _announce(context, rest, text, linked, bound)], 2
    )
    receipts = {receipt.agent: receipt for group in groups for receipt in group}
    return [receipts[name] for name in names]


async def _tell(handle: AgentHandle, text: str, wait: bool) -> Receipt:
    try:
        reply = await handle.tell(text, broadcast=True, wait=wait).reply()
    except MeshError as error:
        return Receipt(handle.name, False, code=error.code, message=error.message)
    return Receipt(handle.name, True, reply.via, reply.ms, str(reply.value or ""))


async def _announce(
    context: CallContext,
    names: Sequence[AgentId],
    text: str,
    besides: Sequence[AgentId],
    bound: float,
) -> list[Receipt]:
    """By the registry, to all but ``besides``; the receipts of ``names``."""
    if not names:
        return []
    began = context.world.monotonic()
    try:
        if len(text) > MAX_ANNOUNCEMENT:
            raise TooLarge(
                f"By the registry, which tells more than {MAX_RECEIVERS} agents, at most"
                f" {MAX_ANNOUNCEMENT} characters go."
            )
        request = Announce(text, [*besides])
        announced = await context.verb("announce", request, min(bound, ANNOUNCE_S))
    except MeshError as error:
        return [Receipt(name, False, code=error.code, message=error.message) for name in names]
    ms = 1000 * (context.world.monotonic() - began)
    codes = {receipt.agent: receipt.code for receipt in announced.receipts}
    return [_receipt(name, codes.get(name, Unreachable.code), ms) for name in names]


def _receipt(name: AgentId, code: str, ms: float) -> Receipt:
    if not code:
        return Receipt(name, True, ANNOUNCED, ms)
    text = _REASONS.get(code, f"{name} did not take it: {code}.")
    return Receipt(name, False, ANNOUNCED, ms, code=code, message=text.format(name=name))


_REASONS: Final = {
    "denied": "{name} takes no broadcasts that the registry can read (`announcements: false`).",
    "unreachable": "{name} did not confirm it in time.",
    "busy": "{name} reads too slowly, or has too many at once.",
}
