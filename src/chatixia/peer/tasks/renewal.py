"""Renews leases from a thread of its own, over its own HTTP connection (tasks.md section 2).

A skill that blocks the loop blocks the login's socket with it; its lease must live on, for as long
as the loop was seen alive within ``max_block``.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from chatixia.errors import MeshError, RegistryUnreachable, Unauthorized
from chatixia.peer.control.connection import PinnedConnection
from chatixia.peer.ports import Access
from chatixia.wire.registry import NonceRequest
from chatixia.wire.tasks import Held, Renew, Renewal

log = logging.getLogger("chatixia.peer")

EVERY: Final = 10.0
"""Seconds between renewals."""
SOON: Final = 2.0
"""Seconds between looks for work that a blocked loop took up and could not say so."""
TIMEOUT: Final = 5.0


class LeaseRenewer:
    """The thread. ``renewable()``: what to renew now, empty while the loop counts as dead.

    ``access()``: where and with which token, None while nobody is logged in. ``done(renewals,
    asked_at)``: called in the thread, ``sent_at`` the time (``clock``) from before it asked.
    ``unconfirmed()``: what cannot wait for the next renewal, which says that it was taken up.
    """

    def __init__(
        self,
        renewable: Callable[[], Sequence[Held]],
        access: Callable[[], Access | None],
        done: Callable[[Sequence[Renewal], float], None],
        clock: Callable[[], float],
        every: float = EVERY,
        *,
        unconfirmed: Callable[[], Sequence[Held]] = tuple,
    ) -> None:
        self._renewable, self._access, self._done, self._clock = renewable, access, done, clock
        self.every, self._unconfirmed = every, unconfirmed
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._connection: PinnedConnection | None = None
        self._own = ("", "")
        self._warned = ""

    def pace(self, lease: float) -> None:
        """Renew three times in so many seconds of lease, at least every :data:`EVERY`."""
        self.every = min(EVERY, lease / 3)

    def start(self) -> None:
        """Begin; once it runs, nothing more."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="chatixia-leases", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End; does not wait for an answer under way (at most 5 s)."""
        self._over.set()

    def join(self) -> None:
        """Wait until the thread has ended."""
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        waited = 0.0
        while not self._over.wait(step := min(self.every, SOON)):
            waited += step
            whole = waited >= self.every
            waited = 0.0 if whole else waited
            leases = list(self._renewable() if whole else self._unconfirmed())
            access = self._access()
            if not leases or access is None:
                continue
            try:
                self.once(access, leases)
            except MeshError as error:
                self._complain(error)
            else:
                self._warned = ""
        self._hang_up()

    def _complain(self, error: MeshError) -> None:
        """A refusal costs the lease, so it is a warning, once; that the registry is away is told
        by the login."""
        text = str(error)
        loud = not isinstance(error, RegistryUnreachable)
        log.log(
            logging.WARNING if loud and text != self._warned else logging.INFO,
            "leases were not renewed: %s",
            text,
        )
        self._warned = text if loud else self._warned

    def once(self, access: Access, leases: Sequence[Held]) -> None:
        """One renewal. Raises RegistryUnreachable, the registry's refusal, BadSignature for a
        strange certificate."""
        sent_at = self._clock()
        request, own = Renew(list(leases)), self._own
        token = own[1] if own[0] == access.token else access.token
        try:
            answer = self._ask(access, "tasks.renew", request, token)
        except Unauthorized:
            if access.assert_key is None:
                raise
            token = self._token(access, access.assert_key)
            answer = self._ask(access, "tasks.renew", request, token)
            self._own = (access.token, token)
        self._done(answer.leases, sent_at)

    def _token(self, access: Access, assert_key: Callable[[str, float], msgspec.Struct]) -> str:
        """One of my own, in the place of that which has ended."""
        proof = self._ask(access, "nonce", NonceRequest())
        token: str = self._ask(access, "token", assert_key(proof.nonce, proof.now)).token
        return token

    def _ask(self, access: Access, name: str, request: msgspec.Struct, token: str = "") -> Any:
        try:
            return self._connected(access).call(name, request, token)
        except MeshError:
            self._hang_up()
            raise

    def _connected(self, access: Access) -> PinnedConnection:
        """The connection to that address; no credential leaves before the certificate is the one
        that the login proved."""
        if self._connection is None or self._connection.url != access.url:
            self._hang_up()
            self._connection = PinnedConnection(access.url, TIMEOUT, pinned=access.certificate)
        return self._connection

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None
