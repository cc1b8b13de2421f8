"""Frames inside TLS: whole ones only, none too long, and what was changed is no frame."""

from __future__ import annotations

import ssl

import pytest

from chatixia.errors import BadRequest
from chatixia.peer.links.relay_certificate import RelayCertificate
from chatixia.peer.links.relay_tls import RelayTls
from chatixia.wire.peer import MAX_FRAME
from chatixia.world import REAL


@pytest.fixture
def ends() -> tuple[RelayTls, RelayTls]:
    one, two = RelayCertificate(REAL), RelayCertificate(REAL)
    client = RelayTls(one.context(two.der, server=False), server=False)
    server = RelayTls(two.context(one.der, server=True), server=True)
    client.start()
    for _ in range(4):
        server.feed(client.take(1 << 20))
        client.feed(server.take(1 << 20))
    assert client.ready and server.ready
    return client, server


def test_frames_come_whole_however_the_stream_is_cut(ends):
    client, server = ends
    sent = [b"", b"a", b"b" * 70_000, b"c" * MAX_FRAME]
    for frame in sent:
        client.write(frame)
    came: list[bytes] = []
    while client.pending:
        came += server.feed(client.take(777))
    assert came == sent


def test_a_frame_that_is_too_long_is_refused_before_it_is_whole(ends):
    client, server = ends
    client.write(b"x" * (MAX_FRAME + 1))
    with pytest.raises(BadRequest):
        while client.pending:
            server.feed(client.take(16_000))
    assert client.pending > 100_000


def test_a_changed_byte_ends_the_stream(ends):
    client, server = ends
    client.write(b"a frame")
    data = bytearray(client.take(1 << 20))
    data[-1] ^= 1
    with pytest.raises(ssl.SSLError):
        server.feed(bytes(data))


def test_a_replayed_record_ends_the_stream(ends):
    client, server = ends
    client.write(b"a frame")
    data = client.take(1 << 20)
    assert server.feed(data) == [b"a frame"]
    with pytest.raises(ssl.SSLError):
        server.feed(data)
