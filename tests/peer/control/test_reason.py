"""Why a registry did not answer, without a class name in it."""

from __future__ import annotations

import errno
import http.client
import logging
import os
import socket
from types import SimpleNamespace

import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Close

from chatixia.peer.control.reason import log_ended, reason


class Status(Exception):
    def __init__(self, code: int) -> None:
        self.response = SimpleNamespace(status_code=code)


def closed(code: int, said: str = "") -> ConnectionClosedError:
    return ConnectionClosedError(Close(code, said), None)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (TimeoutError(), "nothing came within 5 s"),
        (TimeoutError("timed out"), "nothing came within 5 s"),
        (TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)), "Connection timed out"),
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
        (EOFError(), "the connection was closed"),
        (http.client.RemoteDisconnected("x"), "the connection was closed"),
        (http.client.IncompleteRead(b""), "the connection was closed"),
        (http.client.BadStatusLine("x"), "what came is no answer of a registry"),
        (Status(500), "it answered with HTTP status 500"),
        (Status(503), "it takes no more connections now (HTTP status 503)"),
        (closed(1009), "it closed the connection: a message is too big"),
        (closed(1009, "frame exceeds limit"), "it closed the connection: frame exceeds limit"),
        (closed(1008, "too many bad frames"), "it closed the connection: too many bad frames"),
        (closed(4999), "it closed the connection: code 4999"),
        (closed(1000), "the connection was closed"),
        (ConnectionClosedError(None, None), "the connection was closed"),
    ],
)
def test_a_cause_in_words(error: Exception, text: str):
    assert reason(error, 5.0) == text


@pytest.mark.parametrize(
    ("error", "ours", "level"),
    [
        (closed(1009), False, logging.WARNING),
        (closed(1009), True, logging.INFO),
        (closed(1001, ""), False, logging.INFO),
        (OSError("gone"), False, logging.INFO),
    ],
)
def test_a_login_that_was_ended_for_a_reason_is_seen(
    caplog: pytest.LogCaptureFixture, error: Exception, ours: bool, level: int
):
    caplog.set_level(logging.INFO)
    log_ended(logging.getLogger("chatixia.peer"), "weather", error, ours)
    [record] = caplog.records
    assert record.levelno == level
    assert "weather" in record.getMessage()
