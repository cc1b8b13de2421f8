"""Link or queue: where a call goes that has no link yet (links.md section 1). Pure."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from chatixia.errors import Denied, MeshError, TooLarge, Unreachable
from chatixia.wire.tasks import MAX_PAYLOAD, TOO_LARGE

from .ports import Outgoing

PATIENCE: Final = 5.0
"""Seconds that an unsent call waits for a path, at most."""
REMEMBERED: Final = 60.0
"""Seconds for which a peer without a path is not waited for again."""

Way = Literal["link", "wait", "queue"]


class Seen(msgspec.Struct):
    """What is known of a peer. ``failed_at``: when the last wait ended without a path.

    ``refusal``: why no link can be. ``listed``: the directory has it online (None: not asked).
    """

    failed_at: float = -REMEMBERED
    refusal: MeshError | None = None
    listed: bool | None = None


def patience(remaining: float) -> float:
    """How long an unsent call waits for a path, in seconds: 5, or half of what is left."""
    return min(PATIENCE, remaining / 2)


def queues(out: Outgoing, registry: bool) -> bool:
    """Whether the queue may take this call at all."""
    return registry and not out.stream and out.queue != "never" and out.kind in ("task", "prompt")


def first(out: Outgoing, is_open: bool, registry: bool, seen: Seen, now: float) -> Way:
    """Where a new call goes. Raises when it can go nowhere."""
    if out.queue == "only":
        if not queues(out, registry):
            raise Unreachable("The queue cannot take this call.", agent=out.target)
        return "queue"
    if is_open:
        return "link"
    if isinstance(seen.refusal, Denied) and now - seen.failed_at < REMEMBERED:
        raise copy(seen.refusal)
    may = queues(out, registry) and len(out.body) <= MAX_PAYLOAD
    lost = seen.listed is False or now - seen.failed_at < REMEMBERED
    return "queue" if may and lost else "wait"


def late(out: Outgoing, sent: bool, registry: bool) -> Way:
    """Where a call goes that no path took in time: the queue, or it waits to its deadline.

    Sent ones stay unless idempotent. Raises TooLarge when only the queue's bound stands against.
    """
    if (sent and not out.idempotent) or not queues(out, registry):
        return "wait"
    if len(out.body) > MAX_PAYLOAD:
        raise too_large(out)
    return "queue"


def too_large(out: Outgoing) -> TooLarge:
    """The refusal of a body above the queue's bound."""
    return TooLarge(TOO_LARGE, agent=out.target, via="queue")


def copy(error: MeshError) -> MeshError:
    """The same error as a new object: each raise gets its own traceback."""
    return type(error)(
        error.message, agent=error.agent, via=error.via,
        retryable=error.retryable, outcome=error.outcome,
    )  # fmt: skip
