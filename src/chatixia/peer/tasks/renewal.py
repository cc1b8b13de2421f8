"""Renews leases from a thread of its own, over its own HTTP connection (tasks.md section 2).

A skill that blocks the loop blocks the login's socket with it; its lease must live on, for as long
as the loop was seen alive within ``max_block``.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlsplit

import msgspec

from chatixia.errors import BadSignature, MeshError, RegistryUnreachable
from chatixia.peer.control.resolver import create_connection
from chatixia.peer.sessions.channel import Access
from chatixia.wire.base import MIB, encode
from chatixia.wire.registry import NonceRequest
from chatixia.wire.tasks import Held, Renew, Renewal
from chatixia.wire.verbs import BY_NAME

if TYPE_CHECKING:
    import http.client
    import ssl

log = logging.getLogger("chatixia.peer")

EVERY: Final = 10.0
"""Seconds between renewals."""
SOON: Final = 2.0
"""Seconds between looks for work that a blocked loop took up and could not say so."""
TIMEOUT: Final = 5.0
UNAUTHORIZED: Final = 401


class RenewalRefused(RegistryUnreachable):
    """The registry answered, and renewed nothing. ``answered``: with which HTTP status."""

    answered: int = 0


class LeaseRenewer:
    """The thread. ``held()``: what to renew now, empty while the loop counts as dead.

    ``access()``: where and with which token, None while nobody is logged in. ``done(renewals,
    asked)``: called in the thread, ``asked`` the time (``clock``) from before it asked.
    ``unsaid()``: what cannot wait for the next renewal, which says that it was taken up.
    """

    def __init__(
        self,
        held: Callable[[], Sequence[Held]],
        access: Callable[[], Access | None],
        done: Callable[[Sequence[Renewal], float], None],
        clock: Callable[[], float],
        every: float = EVERY,
        *,
        unsaid: Callable[[], Sequence[Held]] = tuple,
    ) -> None:
        self._held, self._access, self._done, self._clock = held, access, done, clock
        self.every, self._unsaid = every, unsaid
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._http: http.client.HTTPConnection | None = None
        self._to: Access | None = None
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
            leases, access = list(self._held() if whole else self._unsaid()), self._access()
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
        told = str(error)
        loud = not isinstance(error, RegistryUnreachable) or isinstance(error, RenewalRefused)
        log.log(
            logging.WARNING if loud and told != self._warned else logging.INFO,
            "leases were not renewed: %s",
            told,
        )
        self._warned = told if loud else self._warned

    def once(self, access: Access, leases: Sequence[Held]) -> None:
        """One renewal. Raises RegistryUnreachable, Refused by the registry's word, BadSignature
        for a strange certificate."""
        asked = self._clock()
        request, own = Renew(list(leases)), self._own
        token = own[1] if own[0] == access.token else access.token
        try:
            answer = self._ask(access, "tasks.renew", request, token)
        except RenewalRefused as refused:
            if refused.answered != UNAUTHORIZED or access.assert_key is None:
                raise
            token = self._token(access, access.assert_key)
            answer = self._ask(access, "tasks.renew", request, token)
            self._own = (access.token, token)
        self._done(answer.leases, asked)

    def _token(self, access: Access, assert_key: Callable[[str, float], msgspec.Struct]) -> str:
        """One of my own, in the place of that which has ended."""
        proof = self._ask(access, "nonce", NonceRequest())
        token: str = self._ask(access, "token", assert_key(proof.nonce, proof.now)).token
        return token

    def _ask(self, access: Access, name: str, request: msgspec.Struct, token: str = "") -> Any:
        import http.client

        verb = BY_NAME[name]
        headers = {"content-type": "application/json"}
        if token:
            headers["authorization"] = f"Bearer {token}"
        try:
            line = self._line(access)
            line.request(verb.method, verb.path, encode(request), headers)
            answer = line.getresponse()
            data = answer.read(MIB)
        except (OSError, http.client.HTTPException) as error:
            self._hang_up()
            raise RegistryUnreachable(f"A renewal broke off: {type(error).__name__}.") from None
        if not 200 <= answer.status < 300:
            self._hang_up()
            refused = RenewalRefused(
                f"{name} was answered with status {answer.status}{_why(data)}."
            )
            refused.answered = answer.status
            raise refused
        try:
            return msgspec.json.decode(data, type=verb.reply)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise RenewalRefused("A renewal's answer cannot be read.") from None

    def _line(self, access: Access) -> http.client.HTTPConnection:
        """The connection to that address; another address or certificate gets another one."""
        same = self._to is not None and self._to.url == access.url
        if self._http is None or not same:
            self._hang_up()
            self._http, self._to = _dial(access), access
        return self._http

    def _hang_up(self) -> None:
        if self._http is not None:
            self._http.close()
        self._http = None


def _why(data: bytes) -> str:
    """The code that a problem document names."""
    try:
        code = msgspec.json.decode(data)["code"]
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError, KeyError):
        return ""
    return f" ({str(code)[:64]})"


def _dial(access: Access) -> http.client.HTTPConnection:
    """Connect; no credential leaves before the certificate is the one that the login proved."""
    import http.client

    parts = urlsplit(access.url)
    host, port = parts.hostname or "", parts.port
    if parts.scheme != "https":
        plain = http.client.HTTPConnection(host, port or 80, timeout=TIMEOUT)
        plain._create_connection = create_connection  # type: ignore[attr-defined]
        plain.connect()
        return plain
    made = http.client.HTTPSConnection(host, port or 443, timeout=TIMEOUT, context=_context())
    made._create_connection = create_connection  # type: ignore[attr-defined]
    made.connect()
    der = cast("ssl.SSLSocket", made.sock).getpeercert(binary_form=True)
    if der is None or hashlib.sha256(der).digest() != access.certificate:
        made.close()
        raise BadSignature("The registry shows another certificate than at the login.")
    return made


def _context() -> Any:
    import ssl

    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False  # the login proved this very certificate: it is compared
    context.verify_mode = ssl.CERT_NONE
    return context
