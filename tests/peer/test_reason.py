"""Why a registry did not answer, without a class name in it."""

from __future__ import annotations

import errno
import http.client
import os
import socket
from types import SimpleNamespace

import pytest

from chatixia.peer.reason import reason


class Status(Exception):
    response = SimpleNamespace(status_code=503)


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
        (Status(), "it answered with HTTP status 503"),
    ],
)
def test_a_cause_in_words(error: Exception, text: str):
    assert reason(error, 5.0) == text
