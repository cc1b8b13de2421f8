"""The chain of the audit log: how a line's hash is made, and what is wrong with a run of lines.

Each line's hash covers the hash before it, so no line can be changed, removed or put in without
changing every later one. Whoever keeps the newest hash notices when even those were made anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Annotated, Final

import msgspec

from chatixia.wire.audit import AuditLine, AuditMark
from chatixia.wire.base import encode
from chatixia.wire.signed import b64, unb64

ACTS: Final[dict[str, str]] = {
    "settings": "the registry was started with other settings",
    "login.failed": "a password was wrong, or the person is barred for a while",
    "login.provider": "a person logged in at the identity provider",
}
"""Acts that are no verb's name."""

DAYS: Final = 400
LINES: Final = 200_000


class AuditKeep(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How long lines are kept: ``days``, and of the newest no more than ``lines``."""

    days: Annotated[int, msgspec.Meta(ge=1, le=36_500)] = DAYS
    lines: Annotated[int, msgspec.Meta(ge=1000, le=5_000_000)] = LINES


def line_hash(before: str, line: AuditLine) -> str:
    """Base64url of SHA-256 over the raw hash ``before`` and the line as a JSON list."""
    fields = (
        line.n,
        line.at,
        line.actor,
        line.kind,
        line.act,
        line.target,
        line.origin,
        line.detail,
    )
    return b64(hashlib.sha256(unb64(before) + encode(fields)).digest())


class AuditCheck:
    """Follows a chain from ``floor`` upwards; ``wrong`` says what does not fit, else empty.

    ``anchor``: a line that its holder saw before, which must be there still unless it is dropped.
    """

    def __init__(self, floor: AuditMark, anchor: AuditMark = AuditMark()) -> None:  # noqa: B008 - frozen
        self.last, self.wrong = floor, ""
        self._anchor = anchor
        if floor.n == anchor.n and anchor.n and floor.hash != anchor.hash:
            self.wrong = f"Line {anchor.n} is not the one that was seen before."

    def add(self, lines: Iterable[AuditLine]) -> None:
        """The next lines; nothing more is judged after the first that is wrong."""
        for line in lines:
            if self.wrong:
                return
            self._add(line)

    def _add(self, line: AuditLine) -> None:
        if line.n != self.last.n + 1:
            self.wrong = f"Line {self.last.n + 1} is missing."
        elif line_hash(self.last.hash, line) != line.hash:
            self.wrong = f"Line {line.n} was changed, or a line before it."
        elif line.n == self._anchor.n and line.hash != self._anchor.hash:
            self.wrong = f"Line {line.n} is not the one that was seen before."
        self.last = AuditMark(line.n, line.hash)

    def end(self, head: AuditMark) -> None:
        """There are no more lines than up to ``head``."""
        if self.wrong:
            return
        if self.last != head:
            self.wrong = f"The newest line is {self.last.n}, and should be {head.n}."
        elif self._anchor.n > head.n:
            self.wrong = f"Line {self._anchor.n} was seen before and is gone."
