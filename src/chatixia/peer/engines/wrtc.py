"""Chrome's WebRTC (the ``wrtc`` distribution) behind our interface.

Set-up, measured on two shared cores over 100 links in one process: median 8 ms, worst 16 to 24 ms.
What makes a link slow is a candidate that meets no description: it is dropped, and the next check
comes a second later. So local candidates are told only after ``offer`` or ``answer`` returned,
remote ones wait here for the description, and one certificate serves all links (a fresh one
costs 1 to 8 ms each). A candidate pool gains nothing: gathering hosts takes under 1 ms.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import logging
from collections.abc import Iterator, Sequence
from typing import Final, Literal, cast

from chatixia.core.sdp import DEFAULT_MAX_MESSAGE, MAX_MESSAGE, strip
from chatixia.world import REAL, World, process_id

from . import wrtc_stats
from .base import (
    Candidate,
    Channel,
    Connection,
    Engine,
    EngineRefused,
    IceServer,
    PathStats,
    RefusalReason,
)
from .hosts import has_address
from .wrtc_channel import WrtcChannel
from .wrtc_owned import OwnedConnection
from .wrtc_package import PINNED, installed, webrtc

CERTIFICATE_LIFE: Final = 30 * 86_400.0

LOSSY: Final = webrtc.RTCDataChannelInit(ordered=False, max_retransmits=0)

_log = logging.getLogger("chatixia")


class WrtcConnection(Connection):
    """A peer connection of wrtc."""

    def __init__(
        self,
        pc: webrtc.RTCPeerConnection,
        certificate: webrtc.RTCCertificate,
        quick: bool,
    ) -> None:
        super().__init__()
        self.native, self._certificate, self._quick = pc, certificate, quick
        self._early_candidates: list[Candidate | None] | None = None
        pc.on("icecandidate", lambda event: self._gathered(event.candidate))
        pc.on("datachannel", lambda event: self.on_channel(self._adopt(event.channel)))
        pc.on("connectionstatechange", self._changed)

    async def offer(self) -> str:
        """A local offer; see :class:`Connection`."""
        with self._guarded("bad_description"):
            return await self._describe(await self.native.create_offer())

    async def answer(self, offer: str) -> str:
        """Take an offer, give the answer; see :class:`Connection`."""
        await self._take("offer", offer)
        with self._guarded("bad_description"):
            return await self._describe(await self.native.create_answer())

    async def accept(self, answer: str) -> None:
        """Take the answer to our offer; see :class:`Connection`."""
        await self._take("answer", answer)

    def create_channel(self, label: str, *, lossy: bool = False) -> Channel:
        """A channel that the peer is told of; see :class:`Connection`."""
        with self._guarded("closed"):
            channel = self._adopt(self.native.create_data_channel(label, LOSSY if lossy else None))
        channel.announce()
        return channel

    def local_fingerprint(self) -> bytes:
        """SHA-256 of the certificate this connection was made with."""
        prints = self._certificate.get_fingerprints()
        value = next(each.value for each in prints if each.algorithm == "sha-256")
        return bytes.fromhex((value or "").replace(":", ""))

    def remote_fingerprint(self) -> bytes | None:
        """SHA-256 of the peer's certificate as DTLS had it."""
        sctp = self.native.sctp
        certificates = sctp.transport.get_remote_certificates() if sctp else []
        return hashlib.sha256(certificates[0]).digest() if certificates else None

    def max_message_size(self) -> int:
        """The peer's bound in bytes, at most :data:`~chatixia.core.sdp.MAX_MESSAGE`."""
        sctp = self.native.sctp
        size = sctp.max_message_size if sctp else None
        return DEFAULT_MAX_MESSAGE if size is None else int(min(size, MAX_MESSAGE))

    async def stats(self) -> PathStats | None:
        """The selected pair by the engine's own report."""
        try:
            with self._guarded("closed"):
                if self._quick:
                    return await wrtc_stats.read(self.native)
                return _path(await self.native.get_stats())
        except EngineRefused:
            return None

    async def _release(self) -> None:
        self.native.close()
        self.native.off()
        if self._quick:
            self.native._chain = None  # it leads back to the connection

    def _alive(self) -> bool:
        # "connecting" counts: a channel opens some milliseconds before the state says so.
        return self.native.connection_state not in ("disconnected", "failed", "closed")

    def _adopt(self, raw: webrtc.RTCDataChannel) -> WrtcChannel:
        channel = WrtcChannel(raw, self.max_message_size, self._quick)
        self._channels.append(channel)
        return channel

    async def _describe(self, description: webrtc.RTCSessionDescriptionInit) -> str:
        """Set it, hold its candidates until the caller has it, and give its text."""
        self._early_candidates = []
        try:
            await self.native.set_local_description(description)
        finally:
            asyncio.get_running_loop().call_soon(self._tell_early)
        return strip(description.sdp)

    def _tell_early(self) -> None:
        early, self._early_candidates = self._early_candidates or [], None
        for candidate in early:
            self.on_candidate(candidate)

    def _gathered(self, native: webrtc.RTCIceCandidate | None) -> None:
        candidate = None
        if native is not None:
            if not native.candidate or native.protocol == "tcp":
                return  # active TCP ends can be reached by nobody; the empty one is an old "done"
            candidate = Candidate(native.candidate, native.sdp_mid, native.sdp_m_line_index)
        if self._early_candidates is None:
            self.on_candidate(candidate)
        else:
            self._early_candidates.append(candidate)

    def _changed(self, _: object) -> None:
        self.on_state(self.native.connection_state.value)

    async def _take(self, kind: Literal["offer", "answer"], sdp: str) -> None:
        self._described = False
        with self._guarded("bad_description"):
            await self.native.set_remote_description(webrtc.RTCSessionDescriptionInit(kind, sdp))
        await self._take_early()

    async def _add(self, candidate: Candidate | None) -> None:
        init = webrtc.RTCIceCandidateInit
        native = candidate and init(candidate.candidate, candidate.mid, candidate.index)
        with self._guarded("bad_candidate"):
            await self.native.add_ice_candidate(native or None)

    @contextlib.contextmanager
    def _guarded(self, reason: RefusalReason) -> Iterator[None]:
        """The engine's errors as EngineRefused.

        A close under a pending operation raises CancelledError in a task that nobody cancelled.
        """
        try:
            yield
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self.closed and not (task and task.cancelling()):
                raise EngineRefused("closed") from None
            raise
        except (webrtc.PythonWebRTCExceptionBase, TypeError, ValueError) as error:
            raise EngineRefused("closed" if self.closed else reason, str(error)) from None


_used_in: set[int] = set()
"""Processes that used the library: this one, and those that it was forked from."""


def forked() -> bool:
    """Whether this process was forked from one that used the library, whose threads it lacks."""
    return bool(_used_in - {process_id()})


class WrtcEngine(Engine):
    """Makes connections that share a certificate, which is renewed at half its life.

    ``certificate_life``: seconds. ``loopback``: whether 127.0.0.1 is a candidate, for the whole
    process; None: when the host has no other address as the first connection is made.
    """

    name = "wrtc"

    def __init__(
        self,
        *,
        world: World = REAL,
        certificate_life: float = CERTIFICATE_LIFE,
        loopback: bool | None = None,
        quick: bool | None = None,
    ) -> None:
        super().__init__()
        self.version = installed()
        self._world, self._life, self._loopback = world, certificate_life, loopback
        self._quick = self.version == PINNED if quick is None else quick
        self._process = process_id()
        self._certificate: webrtc.RTCCertificate | None = None
        self._began = False

    async def connection(
        self, ice_servers: Sequence[IceServer] = (), *, relay_only: bool = False
    ) -> WrtcConnection:
        """A new connection. Raises EngineRefused ``closed`` in a forked child."""
        if self._process != process_id():
            raise EngineRefused("closed", "an engine does not outlive a fork")
        self._begin()
        certificate = await self._valid_certificate()
        chosen = configuration(ice_servers, relay_only, certificate)
        try:
            pc = (OwnedConnection if self._quick else webrtc.RTCPeerConnection)(chosen)
        except (webrtc.PythonWebRTCExceptionBase, TypeError, ValueError) as error:
            raise EngineRefused("bad_description", str(error)) from None
        connection = WrtcConnection(pc, certificate, self._quick)
        self._keep(connection)
        return connection

    def _begin(self) -> None:
        """Fix the process-wide choice about loopback before the library's first connection."""
        if self._began:
            return
        self._began = True
        _used_in.add(self._process)
        if self._loopback if self._loopback is not None else not has_address():
            allow_loopback()

    async def _valid_certificate(self) -> webrtc.RTCCertificate:
        """The present certificate, or a new one past half of its life (links.md section 2)."""
        present = self._certificate
        if present is None or present.expires / 1000 - self._world.wall() < self._life / 2:
            ask = webrtc.EcKeyGenParams("ECDSA", "P-256", expires=round(self._life * 1000))
            present = self._certificate = await webrtc.RTCPeerConnection.generate_certificate(ask)
        return present


@functools.cache
def allow_loopback() -> None:
    """Gather 127.0.0.1 too, in this whole process; works before the first connection only."""
    try:
        webrtc.allow_loopback()
    except webrtc.InvalidStateError:
        _log.warning("another connection came first: no loopback candidates in this process")


def configuration(
    servers: Sequence[IceServer], relay_only: bool, certificate: webrtc.RTCCertificate | None = None
) -> webrtc.RTCConfiguration:
    """The library's configuration; without a certificate the one in use stays."""
    return webrtc.RTCConfiguration(
        ice_servers=[webrtc.RTCIceServer(s.urls, s.username, s.credential) for s in servers],
        ice_transport_policy="relay" if relay_only else "all",
        certificates=[certificate] if certificate else None,
    )


def _path(report: webrtc.RTCStatsReport) -> PathStats | None:
    """The selected pair of a stats report (W3C webrtc-stats)."""
    transports = [s for s in report.values() if isinstance(s, webrtc.RTCTransportStats)]
    pair = report.get(transports[0].selected_candidate_pair_id or "") if transports else None
    if not isinstance(pair, webrtc.RTCIceCandidatePairStats):
        return None
    local = cast("webrtc.RTCIceCandidateStats", report[pair.local_candidate_id])
    remote = cast("webrtc.RTCIceCandidateStats", report[pair.remote_candidate_id])
    return wrtc_stats.path_stats(pair, local, remote)
