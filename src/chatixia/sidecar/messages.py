"""The described commands of a program: ``send``, ``broadcast``, ``list_peers``, and the events."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, Final

import msgspec

from chatixia.core.described import ANSWERS
from chatixia.core.ports import CallAnswer, MeshPort, Outgoing
from chatixia.errors import MeshError
from chatixia.ids import AgentId
from chatixia.wire import ipc
from chatixia.wire.base import encode
from chatixia.wire.ipc_events import (
    PeerConnectedEvent,
    PeerDisconnectedEvent,
    PeerListEvent,
    PeerPayload,
    PeersPayload,
    ResultPayload,
)
from chatixia.wire.peer import MeshMessage

from . import described
from .commands import MeshCommands
from .lines import LineProtocol
from .requests import OpenRequest
from .runner import CommandRunner

PEERS_SECONDS: Final = 0.25
"""How often the links are looked at for a program that is told of them."""


class DescribedCommands:
    """MeshMessages of one program. ``requests``: those that it has in the described form."""

    def __init__(
        self, line: LineProtocol, port: MeshPort, runner: CommandRunner, do: MeshCommands
    ) -> None:
        self._line, self._port, self._runner, self._do = line, port, runner, do
        self.requests = described.DescribedRequests(port, line.write)
        self._peers: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None

    def send(self, line: ipc.SendCommand, request: OpenRequest | None) -> None:
        """A message for one peer. Raises BadRequest, UnknownType."""
        message, peer = described.read(line.payload.message), line.payload.target_peer
        if message.type in ("task_response", "agent_response"):
            self.requests.answer(peer, message)
        else:
            self._ask(peer, message, request)
        self._runner.done(line.id)

    def broadcast(self, line: ipc.BroadcastCommand, request: OpenRequest | None) -> None:
        """A message for every linked peer."""
        message, peers = described.read(line.payload.message), self.linked()
        for peer in peers:
            self._ask(peer, message, request)
        self._runner.done(line.id, ResultPayload(msgspec.Raw(encode(len(peers)))))

    def list_peers(self, line: ipc.ListPeersCommand) -> None:
        """The linked peers."""
        self._line.send(PeerListEvent(PeersPayload(self.linked()), id=line.id))

    def linked(self) -> list[str]:
        """The linked peers, in order."""
        return sorted({link.peer for link in self._port.links()})

    def _ask(self, peer: str, message: MeshMessage, request: OpenRequest | None) -> None:
        work: Awaitable[Any]
        if message.type == "ping":
            work = self._ping(peer)
        else:
            outgoing = described.asking(message, peer)
            if request is not None:
                inherited = self._do.call(ipc.CallPayload(target=peer), request)
                outgoing.path, outgoing.traceparent = inherited.path, inherited.traceparent
                outgoing.timeout = min(outgoing.timeout, inherited.timeout)
            work = self._call(outgoing)
        self._runner.start(0, self._reported(peer, message, work), request, work)

    async def _reported(
        self, peer: str, message: MeshMessage, work: Awaitable[Any]
    ) -> ResultPayload:
        outcome: CallAnswer | MeshError
        try:
            outcome = await work
        except MeshError as error:
            outcome = error
        if message.request_id and message.type in ANSWERS:
            self._line.write(described.answer(message, peer, self._port.id, outcome))
        return ResultPayload()

    async def _call(self, outgoing: Outgoing) -> CallAnswer:
        return await self._port.call(outgoing)

    async def _ping(self, peer: str) -> CallAnswer:
        pong = await self._port.ping(AgentId(peer))
        return CallAnswer(b"{}", pong.via, pong.ms, pong.agent)

    def watch_peers(self) -> None:
        """Tell from now on of links that open and close."""
        now = set(self.linked())
        for peer in sorted(now - self._peers):
            self._line.send(PeerConnectedEvent(PeerPayload(peer)))
        for peer in sorted(self._peers - now):
            self._line.send(PeerDisconnectedEvent(PeerPayload(peer)))
        self._peers = now
        self._timer = self._line.loop.call_later(PEERS_SECONDS, self.watch_peers)

    def stop(self) -> None:
        """Tell no more."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
