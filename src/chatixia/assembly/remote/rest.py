"""Verbs over HTTP with a key of this profile, to a registry that proved itself first.

Before any credential leaves, the registry signs a nonce of ours and the certificate that we see
with its identity key (trust.md section 4). If it signs the nonce alone (it is behind a proxy or
tunnel), the system's roots must vouch for the certificate. In clear only to this machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from chatixia.core.assertion import assertion
from chatixia.core.handshake import check_registry
from chatixia.core.join import is_local, is_loopback
from chatixia.core.membership import Member
from chatixia.errors import BadSignature, RegistryUnreachable
from chatixia.wire.registry import NonceRequest, RegistryProof, Serial, TokenRequest
from chatixia.wire.signed import b64
from chatixia.wire.trust import Signed
from chatixia.world import REAL, World

if TYPE_CHECKING:
    from chatixia.assembly.profile.profile import Profile
    from chatixia.identity import SignKey
    from chatixia.peer.control.connection import PinnedConnection

TIMEOUT: Final = 5.0
NONCE_BYTES: Final = 16


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
        return self.connect().call(name, request, self._token)

    def every(self, name: str, query: Any, items: str) -> list[Any]:
        """All that a paged verb lists, page by page: the replies' ``items``. Raises as ``call``."""
        page = self.call(name, query)
        every = list(getattr(page, items))
        while page.next:
            page = self.call(name, msgspec.structs.replace(query, cursor=page.next))
            every += getattr(page, items)
        return every

    def every_row(self, name: str, query: Any) -> list[Any]:
        """The same for a verb whose reply is the list, and whose next page a header names."""
        every = list(self.call(name, query))
        while cursor := self.connect().cursor:
            every += self.call(name, msgspec.structs.replace(query, cursor=cursor))
        return every

    def connect(self) -> PinnedConnection:
        """Find the registry, have it prove itself and tell the time, and log in; once."""
        if self._line is None:
            self._line = self._connect()
        return self._line

    @property
    def is_open(self) -> bool:
        """Whether there is a line, which may have broken since."""
        return self._line is not None

    @property
    def url(self) -> str:
        """The address in use, empty before the first call."""
        return "" if self._line is None else self._line.url

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
        reply: RegistryProof = line.call("nonce", NonceRequest(b64(nonce)))

        def check(certificate: bytes) -> Member:
            return check_registry(
                reply.registry,
                reply.proof,
                nonce=nonce,
                certificate=certificate,
                mesh=self._profile.mesh,
                now=self._profile.clock.now(),
                verify=verify,
                pinned=self._profile.registry_key,
            )

        line.prove(check)
        self._profile.clock.learn(reply.now)
        return reply

    def _assertion(self, proof: RegistryProof) -> TokenRequest:
        return assertion(self._sign.jws, self._chain, self._profile.mesh, proof.nonce, proof.now)


def first(
    urls: Sequence[str], timeout: float, use: Callable[[PinnedConnection], PinnedConnection]
) -> PinnedConnection:
    """The first address that answers, with what ``use`` makes of it; ``.local`` names come last.

    Raises RegistryUnreachable naming them all; any other error of ``use`` at once.
    """
    from chatixia.peer.control.connection import PinnedConnection
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
    failure = RegistryUnreachable(
        " ".join(dict.fromkeys(error.message for error in reasons))
        or "No address of the registry is known."
    )
    failure.refused = bool(reasons) and all(error.refused for error in reasons)
    raise failure


def ask_serial(profile: Profile, name: str, timeout: float = 2.0) -> Serial:
    """What the registry knows about an id, asked as this machine. Raises RegistryUnreachable."""
    with RegistryClient.machine(profile, timeout) as rest:
        reply: Serial = rest.call("serial", Serial(name))
        return reply


def urls_of(addresses: Sequence[str]) -> list[str]:
    """Base URLs to try for ``host:port`` addresses: TLS, and in clear only to this machine."""
    urls = []
    for address in addresses:
        if "://" in address:
            urls.append(address)
            continue
        if is_loopback(address):
            urls.append(f"http://{address}")
        urls.append(f"https://{address}")
    return urls
