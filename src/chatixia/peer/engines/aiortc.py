"""aiortc behind our interface: pure Python, for platforms without a wrtc wheel.

Every read of a private field is in this file, and the version is pinned exactly. aiortc gathers
inside ``setLocalDescription``, so its candidates stand in the description; it cannot restart ICE
and has no witness of a silent peer; it paces connectivity checks at 20 ms.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from typing import Any, Final, Literal

import aiortc
from aiortc.sdp import candidate_from_sdp
from cryptography.hazmat.primitives.serialization import Encoding

from chatixia.core.sdp import DEFAULT_MAX_MESSAGE, MAX_MESSAGE, strip
from chatixia.errors import ConfigError

from .base import (
    FULL_BYTES,
    Candidate,
    Channel,
    Connection,
    Engine,
    EngineRefused,
    IceServer,
    PathStats,
    RefusalReason,
    tier_of,
)
from .hosts import has_address

PINNED: Final = "1.16.0"
CLOSE_SECONDS: Final = 5.0
GATHER_SECONDS: Final = 1.5
"""How long servers are waited for, before the description goes out with what is there. aioice's own
5 s, where UDP is blocked, are as long as a call waits for a link."""


class AiortcChannel(Channel):
    """A data channel of aiortc."""

    def __init__(self, raw: Any, limit: Callable[[], int]) -> None:
        super().__init__(raw.label, lossy=not raw.ordered)
        self.native, self._limit = raw, limit
        raw.on("message", self._receive)
        raw.on("open", self._opened)
        raw.on("close", self.ended)
        raw.on("bufferedamountlow", self._drained)
        self.send = self._send

    def send_text(self, text: str) -> None:
        """See :class:`Channel`."""
        self._send(text)

    def _send(self, data: bytes | str) -> None:
        if len(data) > self.max_message:
            raise EngineRefused("too_large")
        if self.native.bufferedAmount + len(data) > FULL_BYTES:
            raise EngineRefused("full")
        try:
            self.native.send(data)
        except aiortc.InvalidStateError:
            raise EngineRefused("closed") from None

    @property
    def state(self) -> str:
        """``connecting``, ``open``, ``closing`` or ``closed``."""
        return "closed" if self.closed else str(self.native.readyState)

    @property
    def buffered(self) -> int:
        """Bytes the engine holds for this channel."""
        return int(self.native.bufferedAmount)

    @property
    def max_message(self) -> int:
        """The peer's bound in bytes."""
        return self._limit()

    @property
    def low_threshold(self) -> int:
        """``on_low`` fires at or below this many buffered bytes."""
        return int(self.native.bufferedAmountLowThreshold)

    @low_threshold.setter
    def low_threshold(self, value: int) -> None:
        self.native.bufferedAmountLowThreshold = value

    def close(self) -> None:
        """Start closing; what is queued is still sent."""
        self.native.close()


class AiortcConnection(Connection):
    """A peer connection of aiortc; after its path died a new one is needed."""

    def __init__(self, pc: Any, loopback: bool | None) -> None:
        super().__init__()
        self.native, self._loopback = pc, loopback
        pc.on("datachannel", lambda raw: self.on_channel(self._adopt(raw)))
        pc.on("connectionstatechange", self._changed)

    async def offer(self) -> str:
        """A local offer with all candidates; see :class:`Connection`."""
        with self._guarded("bad_description"):
            return await self._describe(await self.native.createOffer())

    async def answer(self, offer: str) -> str:
        """Take an offer, give the answer; see :class:`Connection`."""
        await self._take("offer", offer)
        with self._guarded("bad_description"):
            return await self._describe(await self.native.createAnswer())

    async def accept(self, answer: str) -> None:
        """Take the answer to our offer; see :class:`Connection`."""
        await self._take("answer", answer)

    def create_channel(self, label: str, *, lossy: bool = False) -> Channel:
        """A channel that the peer is told of; see :class:`Connection`."""
        if self.closed:
            raise EngineRefused("closed")
        retransmits = 0 if lossy else None
        channel = self.native.createDataChannel(
            label, ordered=not lossy, maxRetransmits=retransmits
        )
        return self._adopt(channel)

    def local_fingerprint(self) -> bytes:
        """SHA-256 of our certificate; known once there is a channel or a description."""
        prints = self.native.sctp.transport.getLocalParameters().fingerprints
        value = next(each.value for each in prints if each.algorithm == "sha-256")
        return bytes.fromhex(value.replace(":", ""))

    def remote_fingerprint(self) -> bytes | None:
        """SHA-256 of the peer's certificate as DTLS had it."""
        dtls = self.native.sctp.transport if self.native.sctp else None
        if dtls is None or not dtls.encrypted:
            return None
        certificate = dtls._ssl.get_peer_certificate(as_cryptography=True)
        return hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()

    def max_message_size(self) -> int:
        """The peer's bound in bytes, at most :data:`~chatixia.core.sdp.MAX_MESSAGE`."""
        if not self._described or self.native.sctp is None:
            return DEFAULT_MAX_MESSAGE
        return min(self.native.sctp._remote_max_message_size or MAX_MESSAGE, MAX_MESSAGE)

    async def stats(self) -> PathStats | None:
        """The nominated pair, from the ICE agent inside."""
        if self.native.sctp is None:
            return None
        dtls = self.native.sctp.transport
        pair = dtls.transport._connection._nominated.get(1)
        if pair is None:
            return None
        local, remote = pair.local_candidate, pair.remote_candidate
        counted = next(iter(dtls._get_stats().values()))
        return PathStats(
            tier=tier_of(local.type, remote.type),
            local=local.type,
            remote=remote.type,
            local_addr=_where(local),
            remote_addr=_where(remote),
            bytes_sent=counted.bytesSent,
            bytes_received=counted.bytesReceived,
            relay=_transport(dtls.transport._connection) if local.type == "relay" else "",
        )

    async def _release(self) -> None:
        # Waited for from outside: a cancelled close would leave its sockets open.
        await asyncio.wait({asyncio.ensure_future(self.native.close())}, timeout=CLOSE_SECONDS)

    def _alive(self) -> bool:
        return self.native.connectionState not in ("failed", "closed")

    def _changed(self) -> None:
        if not self.closed:
            self.on_state(self.native.connectionState)

    def _adopt(self, raw: Any) -> AiortcChannel:
        channel = AiortcChannel(raw, self.max_message_size)
        self._channels.append(channel)
        return channel

    async def _describe(self, description: Any) -> str:
        self._set_up_gathering()
        await self.native.setLocalDescription(description)
        asyncio.get_running_loop().call_soon(lambda: self.on_candidate(None))
        return strip(self.native.localDescription.sdp)

    def _set_up_gathering(self) -> None:
        """Wait less than aioice does; and with 127.0.0.1, where a host has nothing else."""
        allowed = self._loopback if self._loopback is not None else not has_address()
        agent = self.native.sctp.transport.transport._connection
        gather = type(agent).get_component_candidates

        async def bounded(component: int, addresses: list[str]) -> Any:
            local = addresses or (["127.0.0.1"] if allowed else [])
            return await gather(agent, component, local, timeout=GATHER_SECONDS)

        agent.get_component_candidates = bounded

    async def _take(self, kind: Literal["offer", "answer"], sdp: str) -> None:
        if "\nm=application " not in sdp:
            raise EngineRefused("bad_description", "no data section")  # aiortc would answer it
        # aioice takes no candidate after the end mark, but a later interface may bring one.
        description = aiortc.RTCSessionDescription(sdp.replace("a=end-of-candidates\r\n", ""), kind)
        with self._guarded("bad_description"):
            await self.native.setRemoteDescription(description)
        await self._take_early()

    async def _add(self, candidate: Candidate | None) -> None:
        # No end is passed on: a later interface may bring more, and the caller has a deadline.
        if candidate is None or not candidate.candidate:
            return
        with self._guarded("bad_candidate"):
            parsed = candidate_from_sdp(candidate.candidate.removeprefix("candidate:"))
            parsed.sdpMid, parsed.sdpMLineIndex = candidate.mid, candidate.index
            await self.native.addIceCandidate(parsed)

    @contextlib.contextmanager
    def _guarded(self, reason: RefusalReason) -> Iterator[None]:
        """The engine's errors as EngineRefused; its parser raises whatever came up inside."""
        try:
            yield
        except (aiortc.InvalidStateError, ValueError, LookupError, AssertionError) as error:
            raise EngineRefused("closed" if self.closed else reason, repr(error)) from None


class AiortcEngine(Engine):
    """Makes connections, each with a certificate of its own.

    ``loopback``: whether 127.0.0.1 is a candidate; None: when the host has no other address.
    """

    name = "aiortc"

    def __init__(self, *, loopback: bool | None = None) -> None:
        super().__init__()
        self.version = version("aiortc")
        if self.version != PINNED:
            raise ConfigError(
                f"The aiortc engine needs aiortc {PINNED}, but {self.version} is installed."
            )
        self._loopback = loopback

    async def connection(
        self, ice_servers: Sequence[IceServer] = (), *, relay_only: bool = False
    ) -> AiortcConnection:
        """A new connection. Without servers none is asked: aiortc's own default is a stranger's."""
        policy = aiortc.RTCIceTransportPolicy
        chosen = aiortc.RTCConfiguration(
            iceServers=[server for each in ice_servers for server in _servers(each)],
            iceTransportPolicy=policy.RELAY if relay_only else policy.ALL,
        )
        connection = AiortcConnection(aiortc.RTCPeerConnection(chosen), self._loopback)
        self._keep(connection)
        return connection


def _servers(server: IceServer) -> list[Any]:
    """aiortc uses the first TURN URL only: one over TCP works where UDP is blocked, too."""
    urls = sorted(server.urls, key=lambda url: "transport=tcp" not in url)
    return [aiortc.RTCIceServer(url, server.username, server.credential) for url in urls]


def _transport(agent: Any) -> str:
    """How the ICE agent speaks to its one TURN server."""
    return "tls" if agent.turn_ssl else str(agent.turn_transport)


def _where(candidate: Any) -> str:
    host = candidate.host
    return f"[{host}]:{candidate.port}" if ":" in host else f"{host}:{candidate.port}"
