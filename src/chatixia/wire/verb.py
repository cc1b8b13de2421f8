"""What a verb is: who calls it, by which route, and what is kept of it."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from .people import Role

CallerKind = Literal["open", "agent", "client", "machine", "owner", "key", "person"]
Method = Literal["GET", "POST", "DELETE"]

MEMBERS: Final[tuple[CallerKind, ...]] = ("agent", "client", "machine", "owner", "key", "person")
WORKERS: Final[tuple[CallerKind, ...]] = ("agent", "key")
SUBMITTERS: Final[tuple[CallerKind, ...]] = ("agent", "client", "key", "person")
OPERATORS: Final[tuple[CallerKind, ...]] = ("owner", "person")


class Verb(msgspec.Struct, frozen=True):
    """One verb. ``path`` may hold ``{field}`` of the request.

    A name that ends in ``.described`` is a described route whose answer has the described form;
    the verb without that ending is the same in ours.

    ``limit``: bytes of a request body. ``ws``: also over the WebSocket. ``waits``: over REST the
    query's ``wait`` (seconds) lets it answer when the task has ended. ``streams``: over REST
    it answers ``Accept: text/event-stream`` with the task's events. ``audited``: callers of whom
    each run is a line of the audit log; ``target``: the request's field that says what it concerns,
    where the handler does not. ``role``: the least hub role of a person that may call it.
    """

    name: str
    request: type[msgspec.Struct]
    reply: Any
    callers: tuple[CallerKind, ...]
    method: Method
    path: str
    errors: tuple[str, ...] = ()
    limit: int = 64 * 1024
    ws: bool = True
    status: int = 200
    summary: str = ""
    waits: bool = False
    streams: bool = False
    audited: tuple[CallerKind, ...] = ()
    target: str = ""
    role: Role = "admin"
