"""Reading the audit log as the owner: the newest lines, new ones as they come, all of it checked.

The newest hash that was seen is kept beside the owner's key, so a log that was written anew is
noticed even where each of its hashes fits the next.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from chatixia.assembly.profile.files import read_json, write_json
from chatixia.assembly.profile.profile import Profile
from chatixia.assembly.remote.rest import RegistryClient
from chatixia.core.audit import AuditCheck
from chatixia.errors import ConfigError, Unauthorized
from chatixia.wire.audit import AuditLine, AuditMark, AuditPage, AuditQuery
from chatixia.wire.base import encode

ANCHOR: Final = "audit.json"
PAGE: Final = 500
WAIT_MS: Final = 20_000
TIMEOUT: Final = 30.0
"""Seconds for an answer; above :data:`WAIT_MS`."""


class AuditReport(msgspec.Struct, frozen=True):
    """What a check of the whole log saw. ``lines``: how many; ``head``: the newest; ``wrong``: what
    does not fit, empty where all does."""

    lines: int
    head: AuditMark
    wrong: str = ""


class AuditReader:
    """The log of one profile's registry. A context manager; each method blocks and raises as
    ``RegistryClient.call`` does."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._rest = RegistryClient.owner(profile, TIMEOUT)

    def __enter__(self) -> AuditReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._rest.close()

    def newest(self, query: AuditQuery, many: int) -> list[AuditLine]:
        """The newest ``many`` lines that fit ``query``, oldest of them first."""
        lines: list[AuditLine] = []
        page = AuditPage([], more=True)
        while page.more and len(lines) < many:
            n = lines[-1].n if lines else 0
            limit = min(PAGE, many - len(lines))
            page = self._page(msgspec.structs.replace(query, n=n, limit=limit))
            lines += page.lines
        return lines[::-1]

    def following(self, query: AuditQuery, after: int) -> Iterator[AuditLine]:
        """Lines that fit ``query`` above number ``after``, as they come; without an end."""
        while True:
            page = self._page(
                msgspec.structs.replace(query, n=after, oldest=True, limit=PAGE, wait_ms=WAIT_MS)
            )
            yield from page.lines
            after = page.lines[-1].n if page.lines else after

    def head(self) -> int:
        """The number of the newest line."""
        return self._page(AuditQuery(limit=1)).head.n

    def check(self, each: Callable[[AuditLine], None] = lambda line: None) -> AuditReport:
        """Follow the chain from its oldest line to its newest, giving every line to ``each``.

        Where all fits, the newest is kept as seen.
        """
        page = self._page(AuditQuery(oldest=True, limit=PAGE))
        check, count = AuditCheck(page.floor, self._anchor()), 0
        while page.lines:
            for line in page.lines:
                each(line)
            check.add(page.lines)
            count += len(page.lines)
            if not page.more:
                break
            page = self._page(AuditQuery(page.lines[-1].n, oldest=True, limit=PAGE))
        check.end(page.head)
        if not check.wrong:
            write_json(self._profile.folder / "owner" / ANCHOR, page.head)
        return AuditReport(count, page.head, check.wrong)

    def _anchor(self) -> AuditMark:
        try:
            return read_json(self._profile.folder / "owner" / ANCHOR, AuditMark)
        except FileNotFoundError:
            return AuditMark()

    def _page(self, query: AuditQuery) -> AuditPage:
        try:
            page: AuditPage = self._rest.call("audit.list", query)
        except Unauthorized:  # the token of a long reading is over
            self._rest.close()
            page = self._rest.call("audit.list", query)
        return page


def exported(reader: AuditReader, path: Path) -> AuditReport:
    """Check the log and write each line as JSON to a new file ``path`` (0600).

    Raises ConfigError where it cannot be written or is there already.
    """
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}.") from error
    with os.fdopen(fd, "wb") as file:

        def write(line: AuditLine) -> None:
            file.write(encode(line) + b"\n")

        return reader.check(write)
