"""Which described peers this agent accepts: those that it names, and never one that has a key."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import msgspec

from chatixia.core.ports import LocalIdentity
from chatixia.errors import Denied
from chatixia.peer.engines.base import Engine
from chatixia.wire.signaling import DescribedPeers, DescribedSignal
from chatixia.world import World

from .links import DescribedLinks

log = logging.getLogger("chatixia.peer")


class DescribedPolicy:
    """Stands between the registry's word and ``links``. ``names``: the peers accepted."""

    def __init__(
        self,
        me: LocalIdentity,
        engine: Engine,
        tell: Callable[[DescribedSignal], bool],
        names: Sequence[str],
        world: World,
    ) -> None:
        self._me, self._names = me, frozenset(names)
        self._warned = False
        self.links = DescribedLinks(me.id, engine, tell, self.admits, world)

    def admits(self, name: str) -> None:
        """Raises Denied for who is not named, and for who has or had a key: without it nobody
        speaks for that name."""
        me = self._me
        if name not in self._names or name == me.id:
            raise Denied(f"{name[:64]} is not in `compat`.")
        if me.book.pin(me.ns, name) is not None or (me.ns, name) in me.book.revocations:
            raise Denied(f"{name} has, or had, a key of its own: nothing unsigned is taken for it.")

    def receive(self, frame: msgspec.Struct) -> None:
        """A frame of the registry's about described peers. Never raises."""
        if isinstance(frame, DescribedSignal):
            self.links.signal(frame)
        elif isinstance(frame, DescribedPeers):
            if frame.off and not self._warned:
                self._warned = True
                log.warning(
                    "%s accepts described peers, but the registry lets none in: its operator may"
                    " set `compat: true` in registry.yaml.",
                    self._me.id,
                )
            self.links.present(frame.peers, frame.fresh)

    def registry(self, up: bool) -> None:
        """A login that is lost tells of nobody; what is open stays."""
        if not up:
            self.links.present(())
