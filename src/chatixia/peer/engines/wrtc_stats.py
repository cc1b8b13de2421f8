"""The engine's figures of a connection, read as it gives them.

The library asks the engine once more, for receivers of media that a link has not, and makes an
object of each of some thirty entries: 2.6 ms of CPU for a reading, against 0.9 ms here.
"""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from .base import PathStats, tier_of
from .wrtc_package import webrtc


class _Pair(Protocol):
    """What is read of the selected pair."""

    current_round_trip_time: float | None
    bytes_sent: int | None
    bytes_received: int | None
    responses_received: int | None
    last_packet_received_timestamp: Any


class _Candidate(Protocol):
    """What is read of either end of it."""

    candidate_type: Any
    address: str | None
    port: int | None
    relay_protocol: Any


class StatsEntry(msgspec.Struct, rename="camel"):
    """An entry of a report (W3C webrtc-stats): a transport, a pair or a candidate."""

    id: str
    type: str
    selected_candidate_pair_id: str = ""
    local_candidate_id: str = ""
    remote_candidate_id: str = ""
    current_round_trip_time: float | None = None
    bytes_sent: int | None = None
    bytes_received: int | None = None
    responses_received: int | None = None
    last_packet_received_timestamp: float | None = None
    candidate_type: str = ""
    address: str | None = None
    port: int | None = None
    relay_protocol: str | None = None


_report = msgspec.json.Decoder(list[StatsEntry])


async def read(native: webrtc.RTCPeerConnection) -> PathStats | None:
    """The selected pair now; None: there is none."""
    from webrtc.utils.loops import call_native

    return selected(str(await call_native(native._native_obj.getStats)))


def selected(report: str) -> PathStats | None:
    """The selected pair of a report."""
    entries = {entry.id: entry for entry in _report.decode(report)}
    transport = next((entry for entry in entries.values() if entry.type == "transport"), None)
    pair = entries.get(transport.selected_candidate_pair_id) if transport else None
    if pair is None:
        return None
    return path_stats(pair, entries[pair.local_candidate_id], entries[pair.remote_candidate_id])


def path_stats(pair: _Pair, local: _Candidate, remote: _Candidate) -> PathStats:
    """A pair and its ends in our words."""
    kinds = str(local.candidate_type), str(remote.candidate_type)
    rtt = pair.current_round_trip_time
    return PathStats(
        tier=tier_of(*kinds),
        local=kinds[0],
        remote=kinds[1],
        local_addr=_where(local),
        remote_addr=_where(remote),
        rtt_ms=None if rtt is None else rtt * 1000,
        bytes_sent=pair.bytes_sent or 0,
        bytes_received=pair.bytes_received or 0,
        last_answer=float(pair.responses_received or 0)
        + (pair.last_packet_received_timestamp or 0),
        relay=str(local.relay_protocol or "") if kinds[0] == "relay" else "",
    )


def _where(candidate: _Candidate) -> str:
    host = candidate.address or ""
    if not host:  # of a peer-reflexive one that was not signaled: the engine tells no more
        return ""
    return f"[{host}]:{candidate.port}" if ":" in host else f"{host}:{candidate.port}"
