"""Verbs over HTTP with a key of this profile, to a registry that proved itself first.

Before any credential leaves, the registry signs a nonce of ours and the certificate that we see
with its identity key (trust.md section 4). If it signs the nonce alone (it is behind a proxy or
tunnel), the system's roots must vouch for the certificate. In clear only to this machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from chatixia.core.assertion import assertion
from chatixia.core.handshake import check_registry
from chatixia.core.join import is_local, is_loopback
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
from chatixia.wire.registry import NonceRequest, RegistryProof, Serial, TokenRequest
from chatixia.wire.signed import b64
from chatixia.wire.trust import Signed
from chatixia.wire.verbs import BY_NAME
from chatixia.world import REAL, World

if TYPE_CHECKING:
    import http.client
    import ssl

    from chatixia.assembly.profile.profile import Profile
    from chatixia.identity import SignKey

MAX_REPLY: Final = 8 * MIB
TIMEOUT: Final = 5.0
NONCE_BYTES: Final = 16

Prove = Callable[[bytes], Any]
"""certificate's SHA-256 -> proof checked; raises BadSignature when it is for another."""


class PinnedConnection:
    """One connection to one address of a registry; ``certificate`` is SHA-256 of its TLS
    certificate (empty in clear), ``vouched`` whether the system's roots stand for it.

    ``look``: seconds for a resolver that is to say where a name is; default ``timeout``."""

    def __init__(
        self, url: str, timeout: float, *, vouched: bool = False, look: float | None = None
    ) -> None:
        self.url, self._timeout = url, timeout
        self._look = timeout if look is None else look
        self.vouched = vouched
        self.certificate = b""
        self._http = self._open()

    def _open(self) -> http.client.HTTPConnection:
        import http.client
        import ssl
        from functools import partial

        from chatixia.peer.control.reason import reason
        from chatixia.peer.control.resolver import create_connection

        parts = urlsplit(self.url)
        if parts.scheme == "http" and is_loopback(self.url):
            made = http.client.HTTPConnection(
                parts.hostname or "", parts.port or 80, timeout=self._timeout
            )
        elif parts.scheme == "https":
            made = http.client.HTTPSConnection(
                parts.hostname or "",
                parts.port or 443,
                timeout=self._timeout,
                context=_context(self.vouched),
            )
        else:
            raise ConfigError(f"{self.url} would be spoken to in clear; only this machine may be.")
        # http.client's own way to a host asks a resolver without a bound.
        made._create_connection = partial(create_connection, look=self._look)  # type: ignore[attr-defined]
        try:
            made.connect()
        except ssl.SSLCertVerificationError as error:
            raise BadSignature(
                f"Neither the registry nor this system's roots vouch for the certificate that"
                f" {parts.netloc} shows: {error.verify_message}."
            ) from error
        except ConnectionRefusedError as error:
            nobody = RegistryUnreachable(
                f"No registry runs at {parts.netloc}: it refuses connections."
            )
            nobody.refused = True
            raise nobody from error
        except OSError as error:
            why = reason(error, self._timeout)
            raise RegistryUnreachable(f"{parts.netloc} does not answer: {why}.") from error
        if isinstance(made, http.client.HTTPSConnection):
            der = cast("ssl.SSLSocket", made.sock).getpeercert(binary_form=True)
            assert der is not None  # a server without a certificate does not get this far
            self.certificate = hashlib.sha256(der).digest()
        return made

    def call(self, name: str, request: msgspec.Struct, token: str = "", key: str = "") -> Any:
        """One verb of the table, with a bearer token or an API key.

        Raises the registry's error, or RegistryUnreachable. Once a request that changes something
        has begun to leave, whatever is no answer of a registry's has the outcome unknown.
        """
        import http.client

        from chatixia.peer.control.reason import reason

        method, path, body = _request(name, request)
        headers = {"content-type": "application/json", "accept": "application/json"}
        if token:
            headers["authorization"] = f"Bearer {token}"
        if key:
            headers["x-api-key"] = key
        doubt: Outcome = "definite" if method == "GET" else "unknown"
        self._reopen()
        try:
            self._http.request(method, path, body, headers)
            answer = self._http.getresponse()
            data = answer.read(MAX_REPLY + 1)
        except (OSError, http.client.HTTPException) as error:
            why = reason(error, self._timeout)
            text = f"{self.url} does not answer: {why}."
            raise RegistryUnreachable(text, outcome=doubt) from error
        if len(data) > MAX_REPLY:
            text = f"{self.url} answered with more than {MAX_REPLY} bytes."
            raise TooLarge(text, outcome=doubt)
        if not 200 <= answer.status < 300:
            raise _refusal(answer.status, data, self.url, doubt)
        return _read(data, BY_NAME[name].reply, self.url, doubt)

    def _reopen(self) -> None:
        """Connect again where the far side has closed since the last answer.

        Not where it was the registry's proof over the certificate that let us speak: nobody has
        proved the new connection. Raises RegistryUnreachable; nothing was sent then.
        """
        from chatixia.peer.control.reason import reason

        if self._http.sock is not None:
            return
        try:
            if self.certificate and not self.vouched:
                raise ConnectionAbortedError
            self._http.connect()
        except OSError as error:
            text = f"{self.url} does not answer: {reason(error, self._timeout)}."
            raise RegistryUnreachable(text) from error

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


class RegistryClient:
    """Verbs for one key (a machine's, an owner's) at this profile's registry.

    Tries the addresses in turn, at most ``timeout`` seconds for each step. A context manager.
    """

    def __init__(
        self,
        profile: Profile,
        sign: SignKey,
        chain: Sequence[Signed],
        *,
        timeout: float = TIMEOUT,
        world: World = REAL,
    ) -> None:
        self._profile, self._sign, self._chain = profile, sign, list(chain)
        self._timeout, self._world = timeout, world
        self._line: PinnedConnection | None = None
        self._token = ""

    @classmethod
    def machine(cls, profile: Profile, timeout: float = TIMEOUT) -> RegistryClient:
        """As this machine."""
        return cls(profile, profile.machine_keys()[0], profile.machine_chain, timeout=timeout)

    @classmethod
    def owner(cls, profile: Profile, timeout: float = TIMEOUT) -> RegistryClient:
        """As the owner. Raises ConfigError where the owner's key is not."""
        return cls(profile, *profile.owner_key(), timeout=timeout)

    def __enter__(self) -> RegistryClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def call(self, name: str, request: msgspec.Struct) -> Any:
        """A verb's reply struct. Raises the registry's error, WrongMesh for a foreign registry,
        RegistryUnreachable when no address answers."""
        if self._line is None:
            self._line = self._connect()
        return self._line.call(name, request, self._token)

    @property
    def is_open(self) -> bool:
        """Whether there is a line, which may have broken since."""
        return self._line is not None

    def close(self) -> None:
        """Hang up."""
        if self._line is not None:
            self._line.close()
            self._line = None

    def _connect(self) -> PinnedConnection:
        def login(line: PinnedConnection) -> PinnedConnection:
            proven, proof = self._proven(line)
            self._token = proven.call("token", self._assertion(proof)).token
            return proven

        return first(self._profile.registries, self._timeout, login)

    def _proven(self, line: PinnedConnection) -> tuple[PinnedConnection, RegistryProof]:
        try:
            return line, self._ask_proof(line)
        except BadSignature:
            if line.vouched or not line.certificate:
                raise
        again = line.revouched()
        try:
            return again, self._ask_proof(again)
        except BaseException:
            again.close()
            raise

    def _ask_proof(self, line: PinnedConnection) -> RegistryProof:
        from chatixia.identity import verify

        nonce = self._world.token(NONCE_BYTES)
        said: RegistryProof = line.call("nonce", NonceRequest(b64(nonce)))

        def check(certificate: bytes) -> Member:
            return check_registry(
                said.registry,
                said.proof,
                nonce=nonce,
                certificate=certificate,
                mesh=self._profile.mesh,
                now=self._profile.clock.now(),
                verify=verify,
                pinned=self._profile.registry_key,
            )

        line.prove(check)
        self._profile.clock.learn(said.now)
        return said

    def _assertion(self, proof: RegistryProof) -> TokenRequest:
        return assertion(self._sign.jws, self._chain, self._profile.mesh, proof.nonce, proof.now)


def first(
    urls: Sequence[str], timeout: float, use: Callable[[PinnedConnection], PinnedConnection]
) -> PinnedConnection:
    """The first address that answers, with what ``use`` makes of it; ``.local`` names come last.

    Raises RegistryUnreachable naming them all; any other error of ``use`` at once.
    """
    from chatixia.peer.control.resolver import LOOK_SECONDS

    reasons: list[RegistryUnreachable] = []
    look = timeout
    for url in sorted(urls, key=is_local):
        try:
            line = PinnedConnection(url, timeout, look=look)
        except RegistryUnreachable as error:
            reasons.append(error)
            if isinstance(error.__cause__, ConnectionRefusedError):
                look = min(look, LOOK_SECONDS)  # nobody is there: a resolver's silence is no news
            continue
        try:
            return use(line)
        except RegistryUnreachable as error:
            line.close()
            reasons.append(error)
        except BaseException:
            line.close()
            raise
    made = RegistryUnreachable(
        " ".join(error.message for error in reasons) or "No address of the registry is known."
    )
    made.refused = bool(reasons) and all(error.refused for error in reasons)
    raise made


def ask_serial(profile: Profile, name: str, timeout: float = 2.0) -> Serial:
    """What the registry knows about an id, asked as this machine. Raises RegistryUnreachable."""
    with RegistryClient.machine(profile, timeout) as rest:
        said: Serial = rest.call("serial", Serial(name))
        return said


def urls_of(addresses: Sequence[str]) -> list[str]:
    """Base URLs to try for ``host:port`` addresses: TLS, and in clear only to this machine."""
    found = []
    for address in addresses:
        if "://" in address:
            found.append(address)
            continue
        if is_loopback(address):
            found.append(f"http://{address}")
        found.append(f"https://{address}")
    return found


def _context(vouched: bool) -> Any:
    import ssl

    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not vouched:
        # The registry's own certificate: its identity key proves it, over our nonce, before use.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
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
            field: _word(value) for field, value in values.items() if bytes(value) not in _NONE
        }
        return verb.method, f"{path}?{urlencode(query)}" if query else path, None
    return verb.method, path, msgspec.json.encode(values)


_NONE: Final = (b'""', b"null", b"[]")


def _word(value: msgspec.Raw) -> str:
    return str(msgspec.json.decode(value))


def _refusal(status: int, data: bytes, url: str, doubt: Outcome) -> MeshError:
    try:
        said = msgspec.json.decode(data, type=_Problem)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        # What stands between us and the registry may say so after that has done its work.
        text = f"{url} is no registry: it answered {status}."
        return RegistryUnreachable(text, outcome=doubt)
    return from_wire(
        WireError(
            said.code, said.detail, said.retryable, said.outcome, retry_after=said.retry_after
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
