"""Link or queue: where a call goes that has no link yet (links.md section 1). Pure."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from chatixia.errors import (
    MAX_SENTENCE,
    Denied,
    MeshError,
    RegistryUnreachable,
    TooLarge,
    Unreachable,
)
from chatixia.wire.tasks import MAX_PAYLOAD, TOO_LARGE

from .ports import Outgoing

PATIENCE: Final = 5.0
"""Seconds that an unsent call waits for a path, at most."""
REMEMBERED: Final = 60.0
"""Seconds for which a peer without a path is not waited for again."""

Way = Literal["link", "wait", "queue"]


class PeerHistory(msgspec.Struct):
    """What is known of a peer. ``failed_at``: when the last wait ended without a path.

    ``refusal``: why no link can be. ``listed``: the directory has it online (None: not asked).
    ``keyless``: the directory has it without a key of its own, so that no link can ever be.
    ``trouble``: what the last try to open a link waited for.
    """

    failed_at: float = -REMEMBERED
    refusal: MeshError | None = None
    listed: bool | None = None
    keyless: bool = False
    trouble: str = ""

    @property
    def reason(self) -> str:
        """Why no link carries a call, as the end of a sentence."""
        if self.keyless:
            cause = "it has no key of its own"
        elif self.listed is False:
            cause = "it is not online"
        elif self.refusal is not None and not isinstance(self.refusal, Unreachable):
            cause = self.refusal.message.rstrip(".")
        else:
            cause = self.trouble
        return f"no direct path: {cause}" if cause else "no direct path"


def patience(remaining: float, reach: float = 0.0) -> float:
    """How long an unsent call waits for a path, in seconds: 5, or half of what is left; ``reach``
    where the call names one."""
    return min(reach, remaining) if reach else min(PATIENCE, remaining / 2)


def queues(outgoing: Outgoing, registry: bool) -> bool:
    """Whether the queue may take this call at all: a stream only if its text may come as one."""
    may = outgoing.kind == "prompt" or (outgoing.kind == "task" and not outgoing.stream)
    return registry and may and outgoing.queue != "never"


def first(
    outgoing: Outgoing, is_open: bool, registry: bool, history: PeerHistory, now: float
) -> Way:
    """Where a new call goes. Raises when it can go nowhere."""
    if outgoing.queue == "only":
        if not queues(outgoing, registry):
            raise _no_queue(outgoing, registry)
        return "queue"
    if is_open:
        return "link"
    if isinstance(history.refusal, Denied) and now - history.failed_at < REMEMBERED:
        raise copy(history.refusal)
    if history.keyless and now - history.failed_at < REMEMBERED:
        return _without_key(outgoing, registry)
    may = queues(outgoing, registry) and len(outgoing.body) <= MAX_PAYLOAD
    lost = history.listed is False or now - history.failed_at < REMEMBERED
    return "queue" if may and lost else "wait"


def _no_queue(outgoing: Outgoing, registry: bool) -> Unreachable:
    """Why the queue alone cannot take a call. Only the registry may be back a little later."""
    text = "The queue cannot take this call."
    if outgoing.stream and outgoing.kind != "prompt":
        text = "A reply that streams needs a link; the queue carries whole answers."
    elif not registry:
        return RegistryUnreachable("The queue is the registry's, which cannot be reached.")
    return Unreachable(text, agent=outgoing.target, retryable=False)


def late(outgoing: Outgoing, sent: bool, registry: bool, history: PeerHistory | None = None) -> Way:
    """Where a call goes that no path took in time: the queue, or it waits to its deadline.

    Sent ones stay unless idempotent. Raises TooLarge when only the queue's bound stands against,
    Unreachable when it can be no link's, or not in the time that it has for one.
    """
    if sent and not outgoing.idempotent:
        return "wait"
    if sent and outgoing.elsewhere:
        text = f"The link to {outgoing.target} is lost, and it held the call."
        raise Unreachable(text, agent=outgoing.target, outcome="unknown")
    if not queues(outgoing, registry):
        if not sent and history is not None and history.keyless:
            raise keyless(outgoing)
        if not sent and outgoing.reach:
            raise Unreachable(
                f"No link to {outgoing.target} opened in time.", agent=outgoing.target
            )
        return "wait"
    if len(outgoing.body) > MAX_PAYLOAD:
        raise too_large(outgoing)
    return "queue"


def _without_key(outgoing: Outgoing, registry: bool) -> Way:
    if not queues(outgoing, registry):
        raise keyless(outgoing)
    if len(outgoing.body) > MAX_PAYLOAD:
        raise too_large(outgoing)
    return "queue"


def keyless(outgoing: Outgoing) -> Unreachable:
    """The refusal of a call that needs a link to an agent without a key."""
    text = f"{outgoing.target} has no key of its own: only the queue reaches it."
    return Unreachable(text, agent=outgoing.target, retryable=False)


def too_large(outgoing: Outgoing) -> TooLarge:
    """The refusal of a body above the queue's bound."""
    return TooLarge(TOO_LARGE, agent=outgoing.target, via="queue")


def because(error: MeshError, cause: str) -> MeshError:
    """``error`` with its cause in the sentence; the same where there is none."""
    if not cause:
        return error
    clearer = copy(error)
    clearer.message = f"{error.message.rstrip('.')}: {cause}."[:MAX_SENTENCE]
    clearer.args = (clearer.message,)
    return clearer


def copy(error: MeshError) -> MeshError:
    """The same error as a new object: each raise gets its own traceback."""
    return type(error)(
        error.message,
        agent=error.agent,
        via=error.via,
        retryable=error.retryable,
        outcome=error.outcome,
    )
