"""Why a registry did not answer, in words: an exception's class name tells a person nothing."""

from __future__ import annotations

import logging
import socket
from typing import Final

from chatixia.errors import MeshError, WireError, from_wire
from chatixia.wire.signaling import SignalError

TOO_BIG: Final = 1009
GOOD: Final = frozenset({1000, 1001, 1005, 1006})
"""Codes of a close that says nothing: done, going away, or that no frame came."""
MAX_REASON: Final = 123


def reason(error: BaseException, seconds: float) -> str:
    """The cause behind a failed connection, as the end of a sentence.

    ``seconds``: how long an answer was waited for.
    """
    strerror = getattr(error, "strerror", None)
    if isinstance(error, socket.gaierror | OSError) and strerror:
        return str(strerror)
    if isinstance(error, TimeoutError):
        return f"nothing came within {seconds:g} s"
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (429, 503):
        return f"it takes no more connections now (HTTP status {status})"
    if status is not None:
        return f"it answered with HTTP status {status}"
    if text := closed_for(error):
        return f"it closed the connection: {text}"
    if isinstance(error, ConnectionError | EOFError) or _closed(error):
        return "the connection was closed"
    return "what came is no answer of a registry"


def closed_for(error: BaseException) -> str:
    """What the far side of a WebSocket gave as its reason to close it, empty if nothing."""
    frame = getattr(error, "rcvd", None)
    code, text = getattr(frame, "code", 0), str(getattr(frame, "reason", ""))[:MAX_REASON]
    if code == TOO_BIG:
        return text or "a message is too big"
    return text or (f"code {code}" if code and code not in GOOD else "")


def _closed(error: BaseException) -> bool:
    """Whether a library says by its own class that the far side closed the connection."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & {"ConnectionClosed", "IncompleteRead", "RemoteDisconnected"})


def log_ended(log: logging.Logger, name: str, error: BaseException, ended_here: bool) -> None:
    """Log that a login is over: for everybody to see where the registry gave a reason and the end
    was not ``ended_here``."""
    cause = "" if ended_here else closed_for(error)
    level = logging.WARNING if cause else logging.INFO
    log.log(level, "the login of %s ended: %s", name, cause or error)


def refusal(error: SignalError) -> MeshError:
    """An error frame as the exception that it means."""
    return from_wire(
        WireError(
            error.code, error.message, error.retryable, error.outcome, retry_after=error.retry_after
        )
    )
