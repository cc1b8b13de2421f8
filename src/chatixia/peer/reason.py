"""Why a registry did not answer, in words: an exception's class name tells a person nothing."""

from __future__ import annotations

import socket


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
    if status is not None:
        return f"it answered with HTTP status {status}"
    if isinstance(error, ConnectionError | EOFError) or _closed(error):
        return "the connection was closed"
    return "what came is no answer of a registry"


def _closed(error: BaseException) -> bool:
    """Whether a library says by its own class that the far side closed the connection."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & {"ConnectionClosed", "IncompleteRead", "RemoteDisconnected"})
