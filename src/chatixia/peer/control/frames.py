"""Which frames of the registry go to whom; the login keeps the rest to itself."""

from __future__ import annotations

from typing import Final

from chatixia.wire.relay import RelayKind
from chatixia.wire.signaling import (
    Announcement,
    Answer,
    Connect,
    DescribedPeers,
    DescribedSignal,
    IceCandidate,
    Offer,
    PeerJoined,
    PeerLeft,
    PeerList,
    RelayOpen,
    RelayReady,
    TaskDone,
    TaskHint,
    TaskProgress,
    TaskPush,
)

DESCRIBED_FRAMES: Final = (DescribedSignal, DescribedPeers)
LINK_FRAMES: Final = (
    *DESCRIBED_FRAMES,
    Offer,
    Answer,
    IceCandidate,
    Connect,
    RelayOpen,
    RelayReady,
    PeerJoined,
    PeerLeft,
    PeerList,
)
MESH_FRAMES: Final = (
    TaskPush,
    TaskHint,
    TaskDone,
    TaskProgress,
    PeerJoined,
    PeerLeft,
    Announcement,
)
RELAY_BYTES: Final = tuple(bytes((kind,)) for kind in RelayKind)
"""What a message of the relay begins with, and no JSON does."""
