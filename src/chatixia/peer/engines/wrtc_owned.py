"""Objects of wrtc that we hold ourselves for as long as they can say something.

The library keeps an unreferenced object with handlers alive. To know which that are it walks over
all living ones of a loop after each event, each answer and each handler: some 130 times for a link,
so that the CPU of one grew with the number of links. What is held here needs none of it.
"""

from __future__ import annotations

import asyncio

from .wrtc_package import webrtc


class Owned:
    """Comes before a class of the library."""

    __slots__ = ()

    @staticmethod
    def _activity() -> str | None:
        return None

    def _update(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        """Nothing depends on what may have changed."""


def owned(kind: type) -> None:
    """Tell the library that ``kind`` is never kept alive by it."""
    kind._rootable = False  # type: ignore[attr-defined]  # the library sets it so


class OwnedConnection(Owned, webrtc.RTCPeerConnection):
    """A peer connection; ``WrtcConnection`` holds it until it is closed."""

    __slots__ = ()


owned(OwnedConnection)
