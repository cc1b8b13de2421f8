"""What both ends of a link can do: the capabilities that each of them names.

They travel in the signed descriptions and in ``hello``, as ``name/number``. Used is what both
name: a newer peer's others are not known here and mean nothing, and what an older one lacks is
not sent to it. ``session/1`` is what everything else stands on.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from chatixia.errors import MeshError, TooLarge, UpgradeNeeded
from chatixia.wire.peer import CAPABILITIES, FRAME_TARGET, MAX_MESSAGE

from .exchange import PendingCall
from .fragments import FragmentBudget
from .frames import TOO_LARGE_IN_ONE
from .ports import Outgoing
from .session import PeerSession
from .streams import Inflow

SESSION: Final = "session/1"
FRAGMENTS: Final = "fragments/1"
CREDIT: Final = "credit/1"
STREAM: Final = "stream/1"
STATUS: Final = "status/1"
ARTIFACTS: Final = "artifacts/1"
EVENTS: Final = "events/1"
REVOCATIONS: Final = "revocations/1"
STREAMING: Final = frozenset({STREAM, CREDIT})
"""A stream whose reader cannot say how much it takes has no bound."""


def agree(peer: str, own: Iterable[str], others: Iterable[str]) -> frozenset[str]:
    """What both name. Raises UpgradeNeeded if that does not carry a session with ``peer``."""
    common = frozenset(own) & frozenset(others)
    if SESSION not in common:
        raise UpgradeNeeded(f"{peer} and this side have no kind of session in common.", agent=peer)
    return common


class AgreedCapabilities:
    """What may be sent to a peer whose link agreed on ``names``; all of ours before it has one.

    ``largest``: bytes of the largest message. ``credit``: whether it is counted. ``events``:
    whether those in a stream are counted too; who knows none drops them.
    """

    __slots__ = ("credit", "events", "largest", "names", "streams")

    def __init__(self, names: frozenset[str] = frozenset(CAPABILITIES)) -> None:
        self.names = names
        self.largest = MAX_MESSAGE if FRAGMENTS in names else FRAME_TARGET
        self.credit = CREDIT in names
        self.streams = names >= STREAMING
        self.events = EVENTS in names

    def session(self, pool: FragmentBudget | None) -> PeerSession:
        """A new session within them."""
        session = PeerSession(pool)
        self.bound(session)
        return session

    def bound(self, session: PeerSession) -> None:
        """Hold a session to them from now on."""
        session.largest = self.largest
        if not self.credit:
            session.uncounted()

    def inflow(self, outgoing: Outgoing) -> Inflow | None:
        """Where the items of a call's answer come together, if it has any. Raises UpgradeNeeded.

        A prompt's answer comes in one piece where the peer knows no streams.
        """
        if outgoing.table:
            self.check_artifacts(outgoing.target)
        if not outgoing.stream:
            return None
        if not self.streams and outgoing.kind != "prompt":
            raise UpgradeNeeded(
                f"{outgoing.target} speaks a version without streams.", agent=outgoing.target
            )
        return Inflow(whole=not self.streams)

    def size(self, item: bytes | msgspec.Raw, event: bytes) -> int:
        """Bytes that an item and its event cost."""
        return len(item) + (len(event) if self.events else 0)

    def check_artifacts(self, peer: str) -> None:
        """Raise UpgradeNeeded where the peer knows no artifacts."""
        if ARTIFACTS not in self.names:
            raise UpgradeNeeded(f"{peer} speaks a version without artifacts.", agent=peer)

    def objection(self, pending: PendingCall) -> MeshError | None:
        """Why a call that waited for the link does not fit it; None if it does."""
        if pending.sent:
            return None
        if len(pending.data) > self.largest:
            return TooLarge(TOO_LARGE_IN_ONE, agent=pending.outgoing.target)
        try:
            flow = self.inflow(pending.outgoing)
        except UpgradeNeeded as error:
            return error
        if flow is not None and pending.flow is not None:
            pending.flow.whole = flow.whole
        return None
