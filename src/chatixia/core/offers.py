"""What the offers and requests of one peer may cost, whether it is barred, and which of its
attempts were there already (trust.md section 2). Pure."""

from __future__ import annotations

from typing import Final

from chatixia.errors import Denied, MeshError, Overloaded

from .rates import TokenBucket

BAR_SECONDS: Final = 60.0
OFFER_BURST: Final = 10
OFFER_SECONDS: Final = 6.0
MAX_INCARNATIONS: Final = 16
"""Processes of one peer whose attempts are remembered."""


class OfferGuard:
    """Stands before the offers and requests of ``peer``. ``barred_until``: monotonic seconds."""

    def __init__(self, peer: str, now: float) -> None:
        self.barred_until = 0.0
        self._peer = peer
        self._barred_at = 0.0
        self._attempts: dict[str, dict[str, int]] = {}
        self._offers = TokenBucket(OFFER_BURST, OFFER_SECONDS, now)
        self._requests = TokenBucket(OFFER_BURST, OFFER_SECONDS, now)

    def offer(self, now: float) -> None:
        """Before an offer's signature is looked at. Raises Overloaded or Denied."""
        self._admit(self._offers, "offers", now)

    def request(self, now: float) -> None:
        """Before a request for an offer is answered. Raises Overloaded or Denied."""
        self._admit(self._requests, "requests", now)

    def _admit(self, bucket: TokenBucket, what: str, now: float) -> None:
        if error := self.barred(now):
            raise error
        if not bucket.take(now):
            raise Overloaded(f"Too many {what} from {self._peer}.")

    def opened(self) -> None:
        """One came to a path: it cost nothing."""
        self._offers.give()
        self._requests.give()

    def bar(self, now: float, seconds: float = BAR_SECONDS) -> None:
        """The peer broke the protocol: nothing from it for a while."""
        if now + seconds > self.barred_until:
            self._barred_at, self.barred_until = now, now + seconds

    def barred(self, now: float) -> MeshError | None:
        """For a minute it is denied; after a mere malformed frame it is only too early."""
        if now >= self.barred_until:
            return None
        text = f"{self._peer} broke the protocol and is barred for a while."
        kind = Denied if self.barred_until - self._barred_at >= BAR_SECONDS else Overloaded
        return kind(text)

    def once(self, incarnation: str, attempt: int, kind: str) -> None:
        """Attempts of a process at one ``kind`` of path only rise. Raises Denied for one that was
        there before.

        Of two kinds the later attempt may come first: a description takes an engine its time."""
        highest = self._attempts.pop(incarnation, {})
        self._attempts[incarnation] = highest
        if attempt <= highest.get(kind, 0):
            raise Denied(f"{self._peer} offered attempt {attempt} again.")
        highest[kind] = attempt
        if len(self._attempts) > MAX_INCARNATIONS:
            del self._attempts[next(iter(self._attempts))]
