"""One artifact on its way: every byte arrives once and in order, whatever paths lose, and neither
side goes beyond what the other allowed."""

from __future__ import annotations

import random

import pytest

from chatixia.core.transfer import PULL_BYTES, RECEIVE_BYTES, Download, Upload
from chatixia.errors import BadRequest
from chatixia.wire.artifacts import CHUNK


@pytest.mark.parametrize("seed", range(40))
def test_all_bytes_arrive_once_and_in_order(seed: int):
    chance = random.Random(seed)
    size = chance.randrange(1, 40 * CHUNK)
    download, received, twice = Download(size), 0, 0
    offset, window = download.pull(again=True) or (0, 0)
    upload = Upload(size, offset, offset, offset + window)
    for _ in range(100_000):
        if download.complete:
            break
        count = min(CHUNK, upload.room(8 * CHUNK - upload.under_way))
        if count:
            at = upload.sent
            upload.advance(count, 0.0)
            if chance.random() < 0.1:  # the path dies with what is under way
                offset, window = download.pull(again=True) or (0, 0)
                upload = Upload(size, offset, offset, offset + window)
                continue
            twice += at < received
            assert download.accept(at, count)
            received += count
        if chance.random() < 0.5:
            download.take(download.received - download.taken)
        pull = download.pull(again=not count)
        if pull is not None:
            upload.acknowledge(*pull, 0.0)
    assert received == size
    assert not twice


def test_nothing_is_sent_that_was_not_pulled():
    assert Upload(100).room(1000) == 0
    assert Upload(100, limit=40).room(1000) == 40
    assert Upload(100, limit=40).room(7) == 7


def test_a_reader_that_takes_nothing_bounds_what_comes():
    download = Download(10 * RECEIVE_BYTES)
    offset, window = download.pull(again=True) or (0, 0)
    assert (offset, window) == (0, RECEIVE_BYTES)
    assert download.accept(0, RECEIVE_BYTES)
    assert download.pull() == (RECEIVE_BYTES, 0)
    with pytest.raises(BadRequest):
        download.accept(RECEIVE_BYTES, 1)
    download.take(PULL_BYTES)
    assert download.pull() == (RECEIVE_BYTES, PULL_BYTES)


def test_more_bytes_than_the_artifact_has_are_refused():
    download = Download(10)
    download.pull(again=True)
    with pytest.raises(BadRequest):
        download.accept(0, 11)


def test_bytes_of_a_path_no_more_in_use_are_dropped():
    download = Download(100)
    download.pull(again=True)
    assert download.accept(0, 10)
    assert not download.accept(0, 10)
    assert not download.accept(20, 10)
    assert download.received == 10


def test_an_ack_of_what_was_never_sent_is_refused():
    upload = Upload(100, limit=100)
    upload.advance(10, 1.0)
    with pytest.raises(BadRequest):
        upload.acknowledge(11, 50, 2.0)


def test_the_delay_is_that_of_the_newest_frame_acknowledged():
    upload = Upload(100, limit=100)
    upload.advance(10, 1.0)
    upload.advance(10, 2.0)
    upload.advance(10, 3.0)
    assert upload.acknowledge(20, 80, 5.0) == 3.0
    assert upload.acknowledge(20, 80, 6.0) is None
    assert upload.under_way == 10


def test_what_its_reader_takes_is_told_with_what_comes_while_the_sender_has_enough():
    download = Download(100 * RECEIVE_BYTES)
    download.pull(again=True)
    download.accept(0, PULL_BYTES)
    assert download.pull() == (PULL_BYTES, RECEIVE_BYTES - PULL_BYTES)
    download.take(PULL_BYTES)
    assert download.pull() is None
    download.accept(PULL_BYTES, PULL_BYTES)
    assert download.pull() == (2 * PULL_BYTES, RECEIVE_BYTES - PULL_BYTES)
