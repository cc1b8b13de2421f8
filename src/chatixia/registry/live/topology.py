"""Real links only: what both ends report from their engines, matched into edges."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from chatixia.registry.call import Handler, RequestContext
from chatixia.wire.registry import Edge, Node, Nothing, Topology
from chatixia.wire.signaling import LinkReport, Links

from .directory import DirectoryService
from .roster import Roster
from .socket import Socket

TRANSPORTS: Final = {"udp", "tcp", "tls"}
"""How an end may speak to its TURN server."""
NotifyWatchers = Callable[[str, str, str], None]
"""(kind, id, change): an event for watchers."""


class LinkBook:
    """Keeps each login's last report; a login's links vanish with its socket."""

    def __init__(self, roster: Roster, directory: DirectoryService, tell: NotifyWatchers) -> None:
        self._roster, self._directory, self._tell = roster, directory, tell

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """The verbs that this part answers."""
        return {
            "topology": self.topology,
        }

    def report(self, socket: Socket, report: Links) -> None:
        """An agent's open links, as it sees them now."""
        before = {link.peer: link.tier for link in socket.links}
        once = {link.peer: link for link in report.links if link.peer != socket.id}
        socket.links = tuple(once.values())  # one a peer: nobody confirms itself
        after = {peer: link.tier for peer, link in once.items()}
        for peer in before.keys() | after.keys():
            if before.get(peer) != after.get(peer):
                self._tell("link", f"{socket.id}/{peer}", after.get(peer, "closed"))

    def count(self) -> int:
        """How many links are reported, each once."""
        return len(self.edges())

    def edges(self) -> list[Edge]:
        """One edge per pair; ``confirmed`` if both ends name it, with the same link name."""
        edges: dict[tuple[str, str], Edge] = {}
        for socket in self._roster:
            for link in socket.links:
                pair = (min(socket.id, link.peer), max(socket.id, link.peer))
                edge = edges.get(pair)
                if edge is None:
                    edges[pair] = _edge(pair, link)
                    continue
                edge.relay = _relays(edge.relay, link.relay)
                edge.resends += link.resends
                if edge.tier == link.tier and edge.link == link.link:
                    edge.confirmed = True
        return [edges[pair] for pair in sorted(edges)]

    async def topology(self, call: RequestContext, request: Nothing) -> Topology:
        """All nodes with their links, and the edges."""
        return Topology([self._node(r.agent_id) for r in self._directory.records()], self.edges())

    def _node(self, agent: str) -> Node:
        record = self._directory.record(agent)
        assert record is not None
        socket = self._roster.get(agent)
        links = list(socket.links) if socket else []
        return Node(
            record.agent_id,
            record.ip,
            record.port,
            record.hostname,
            record.sidecar_peer_id,
            record.mode,
            len(record.capabilities.skills),
            record.health,
            [link.peer for link in links],
            links,
        )


def _relays(*transports: str) -> str:
    """The transports that the ends named, each once."""
    return ",".join(sorted(TRANSPORTS & {name for text in transports for name in text.split(",")}))


def _edge(pair: tuple[str, str], link: LinkReport) -> Edge:
    total = link.bytes_sent + link.bytes_received
    return Edge(
        *pair,
        link.tier,
        link.rtt_ms,
        link.link,
        False,
        total,
        link.engine,
        _relays(link.relay),
        link.resends,
    )
