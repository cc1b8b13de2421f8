"""One HTTP connection to a registry, with its TLS: for enrolment, commands, API keys and renewals.

The registry's certificate is its own. Who speaks over a connection has the registry sign a nonce
and the certificate first (trust.md section 4), or pins the certificate that the login proved, or
lets the system's roots vouch for it. In clear only to this machine.
"""

from __future__ import annotations

import hashlib
import http.client
import socket
import ssl
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import msgspec

from chatixia.core.join import is_loopback
from chatixia.core.membership import Member
from chatixia.errors import (
    BadSignature,
    ConfigError,
    MeshError,
    Outcome,
    RegistryUnreachable,
    TooLarge,
    WireError,
    WrongMesh,
    from_wire,
)
from chatixia.wire.base import MIB
from chatixia.wire.devices import DEVICE_PREFIX
from chatixia.wire.verbs import BY_NAME

from .reason import reason
from .resolver import create_connection

MAX_REPLY: Final = 8 * MIB


class PinnedConnection:
    """One connection to one address of a registry, open once it is made.

    ``certificate``: SHA-256 of its TLS certificate, empty in clear. ``vouched``: whether the
    system's roots stand for it. ``pinned``: the only certificate that it may show, None for any.
    ``timeout``: seconds for each step; ``look``: for the resolver, default ``timeout``.
    ``cursor``: where the page after the last answer begins, "" for none, as its Link header says.

    Raises BadSignature for a certificate that nobody vouches for or another than the pinned one,
    ConfigError for an address in clear, RegistryUnreachable.
    """

    def __init__(
        self,
        url: str,
        timeout: float,
        *,
        vouched: bool = False,
        pinned: bytes | None = None,
        look: float | None = None,
    ) -> None:
        self.url, self.vouched = url, vouched
        self._timeout, self._pinned = timeout, pinned
        self._look = timeout if look is None else look
        self.certificate, self.cursor = b"", ""
        self._http = self._open()

    def _open(self) -> _HttpConnection:
        parts = urlsplit(self.url)
        if parts.scheme == "http" and is_loopback(self.url):
            context = None
        elif parts.scheme == "https":
            context = tls_context(self.vouched)
        else:
            raise ConfigError(
                f"{self.url} would be reached in clear, which is for this machine alone;"
                " write https://HOST:8443."
            )
        connection = _HttpConnection(
            parts.hostname or "", parts.port, self._timeout, self._look, context
        )
        try:
            connection.connect()
        except ssl.SSLCertVerificationError as error:
            raise BadSignature(
                f"Neither the registry nor this system's roots vouch for the certificate that"
                f" {parts.netloc} shows: {error.verify_message}."
            ) from error
        except ConnectionRefusedError as error:
            refusal = RegistryUnreachable(
                f"No registry runs at {parts.netloc}: it refuses connections."
            )
            refusal.refused = True
            raise refusal from error
        except OSError as error:
            cause = reason(error, self._timeout)
            raise RegistryUnreachable(f"{parts.netloc} does not answer: {cause}.") from error
        self._check_certificate(connection)
        return connection

    def _check_certificate(self, connection: _HttpConnection) -> None:
        self.certificate = connection.certificate()
        if self._pinned is not None and self.certificate != self._pinned:
            connection.close()
            raise BadSignature("The registry shows another certificate than at the login.")

    def call(self, name: str, request: msgspec.Struct, token: str = "", key: str = "") -> Any:
        """One verb of the table, with a bearer token, an API key or a device token as ``key``.

        Raises the registry's error, or RegistryUnreachable. Once a request that changes something
        has begun to leave, whatever is no answer of a registry's has the outcome unknown.
        """
        method, path, body = _request(name, request)
        headers = {"content-type": "application/json", "accept": "application/json"}
        if token:
            headers["authorization"] = f"Bearer {token}"
        if key:
            is_device = key.startswith(DEVICE_PREFIX)
            headers["x-device-token" if is_device else "x-api-key"] = key
        doubt: Outcome = "definite" if method == "GET" else "unknown"
        self._reopen()
        try:
            self._http.request(method, urlsplit(self.url).path.rstrip("/") + path, body, headers)
            answer = self._http.getresponse()
            data = answer.read(MAX_REPLY + 1)
        except (OSError, http.client.HTTPException) as error:
            text = f"{self.url} does not answer: {reason(error, self._timeout)}."
            raise RegistryUnreachable(text, outcome=doubt) from error
        if len(data) > MAX_REPLY:
            text = f"{self.url} answered with more than {MAX_REPLY} bytes."
            raise TooLarge(text, outcome=doubt)
        if not 200 <= answer.status < 300:
            raise http_refusal(answer.status, data, self.url, doubt)
        self.cursor = _cursor(answer.getheader("link", ""))
        return _read(data, BY_NAME[name].reply, self.url, doubt)

    def _reopen(self) -> None:
        """Connect again where the far side has closed since the last answer.

        Not where it was the registry's proof over the certificate that let us speak: nobody has
        proved the new connection. Raises RegistryUnreachable; nothing was sent then.
        """
        if self._http.sock is not None:
            return
        try:
            if self.certificate and not self.vouched and self._pinned is None:
                raise ConnectionAbortedError
            self._http.connect()
        except OSError as error:
            text = f"{self.url} does not answer: {reason(error, self._timeout)}."
            raise RegistryUnreachable(text) from error
        self._check_certificate(self._http)

    def prove(self, check: Callable[[bytes], Member]) -> Member:
        """The registry that ``check`` proves for this very connection.

        ``check(certificate)`` is tried with the certificate seen, and where the roots vouch for
        it, with none. Raises BadSignature, WrongMesh.
        """
        try:
            return check(self.certificate)
        except BadSignature:
            if not self.vouched:
                raise
            return check(b"")

    def revouched(self) -> PinnedConnection:
        """The same address with the certificate checked by the system's roots and by name."""
        self.close()
        return PinnedConnection(self.url, self._timeout, vouched=True, look=self._look)

    def close(self) -> None:
        """Hang up."""
        self._http.close()


class _HttpConnection(http.client.HTTPConnection):
    """One whose resolver has a bound, in clear or (with ``context``) over TLS."""

    def __init__(
        self,
        host: str,
        port: int | None,
        timeout: float,
        look: float,
        context: ssl.SSLContext | None,
    ) -> None:
        self.default_port = 80 if context is None else 443
        super().__init__(host, port or self.default_port, timeout=timeout)
        self._seconds, self._look, self._tls = timeout, look, context

    def connect(self) -> None:
        """Connect, and shake hands. Raises OSError."""
        sock = create_connection((self.host, self.port), self._seconds, look=self._look)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_hostname=self.host)
        except BaseException:
            sock.close()
            raise
        self.sock = sock

    def certificate(self) -> bytes:
        """SHA-256 of the certificate that the far side showed; empty in clear."""
        sock = self.sock
        der = sock.getpeercert(binary_form=True) if isinstance(sock, ssl.SSLSocket) else None
        return hashlib.sha256(der).digest() if der else b""


def tls_context(vouched: bool) -> ssl.SSLContext:
    """By the system's roots, or open: then the registry's own proof names the certificate."""
    if vouched:
        context = ssl.create_default_context()
    else:  # without the roots, which cost megabytes and are not asked
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _request(name: str, request: msgspec.Struct) -> tuple[str, str, bytes | None]:
    """Method, path and body of a verb, as registry/web reads them."""
    verb = BY_NAME[name]
    # Raw JSON of the caller's stays as it is: to_builtins would refuse it.
    values = msgspec.json.decode(msgspec.json.encode(request), type=dict[str, msgspec.Raw])
    path = verb.path
    for field in [field for field in values if f"{{{field}}}" in path]:
        path = path.replace(f"{{{field}}}", quote(_word(values.pop(field)), safe=""))
    if verb.method == "GET":
        query = {
            field: _word(value) for field, value in values.items() if bytes(value) not in _EMPTY
        }
        return verb.method, f"{path}?{urlencode(query)}" if query else path, None
    return verb.method, path, msgspec.json.encode(values)


_EMPTY: Final = (b'""', b"null", b"[]")


def _word(value: msgspec.Raw) -> str:
    return str(msgspec.json.decode(value))


def _cursor(link: str) -> str:
    """The cursor in a registry's ``Link``, whose target is one URL in angle brackets."""
    query = urlsplit(link.partition("<")[2].partition(">")[0]).query
    return parse_qs(query).get("cursor", [""])[0]


def http_refusal(status: int, data: bytes, url: str, doubt: Outcome = "definite") -> MeshError:
    """The error that an answer of HTTP means: a registry's own, or that none answered."""
    try:
        problem = msgspec.json.decode(data, type=_Problem)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        # What stands between us and the registry may say so after that has done its work.
        text = f"{url} is no registry: it answered {status}."
        return RegistryUnreachable(text, outcome=doubt)
    return from_wire(
        WireError(
            problem.code,
            problem.detail,
            problem.retryable,
            problem.outcome,
            retry_after=problem.retry_after,
        )
    )


def _read(data: bytes, kind: Any, url: str, doubt: Outcome) -> Any:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        text = f"{url} is no registry of ours: its answer cannot be read."
        raise WrongMesh(text, outcome=doubt) from None


class _Problem(msgspec.Struct):
    code: str
    detail: str = ""
    retryable: bool = False
    outcome: Outcome = "definite"
    retry_after: float = 0.0
