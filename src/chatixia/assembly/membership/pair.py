"""Pair: this machine asks to join with a six-digit code, and waits until the owner approves it.

Nothing is known of the registry but its address, so two people compare keys: what is shown here of
the registry with what `invite --code` shows, and this machine's key with what `approve` shows. The
latter covers the former (``core.fingerprints``). Keys are kept aside meanwhile, so that whoever
was interrupted goes on with the same command.
"""

from __future__ import annotations

import hashlib
import shutil
import socket
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from chatixia.assembly.profile.lock import changing
from chatixia.assembly.profile.profile import folder_of, machine_name, make_keys
from chatixia.assembly.remote.rest import NONCE_BYTES, first, urls_of
from chatixia.core import fingerprints
from chatixia.core.handshake import check_registry
from chatixia.core.join import is_loopback, read_address
from chatixia.core.membership import Member
from chatixia.core.pairing import check_approval, check_machine_name, read_code
from chatixia.core.record import mesh_of
from chatixia.errors import (
    BadInvitation,
    Conflict,
    Denied,
    Overloaded,
    Unavailable,
    Unreachable,
    WrongMesh,
)
from chatixia.wire import signed
from chatixia.wire.pairing import MAX_WAIT_MS, PairAnswer, PairBegin, PairWait
from chatixia.wire.registry import NonceRequest, RegistryProof
from chatixia.wire.signed import b64, unb64
from chatixia.world import REAL, World

from .join import keep, meet, owner_of

if TYPE_CHECKING:
    from chatixia.assembly.profile.profile import Profile
    from chatixia.peer.control.connection import PinnedConnection

TIMEOUT: Final = MAX_WAIT_MS / 1000 + 3
PAUSE_SECONDS: Final = 1.0
"""Until a registry that did not answer is asked again."""
TLS_PORT: Final = 8443
CLEAR_PORT: Final = 8080


class PairRequest(msgspec.Struct, frozen=True):
    """What people compare while a machine waits.

    ``registry``, ``machine``: keys as :mod:`core.fingerprints` writes them; ``member``: a member
    has the name ``name`` already; ``url``: where the registry is.
    """

    url: str
    name: str
    registry: str
    machine: str
    member: bool


def pair(
    address: str,
    code: str,
    name: str = "",
    *,
    machine: str = "",
    key: str = "",
    home: Path | None = None,
    show: Callable[[PairRequest], None] = lambda request: None,
    world: World = REAL,
) -> Profile:
    """Ask the registry at ``address`` (``HOST[:PORT]``) to let this machine in, wait for the owner,
    and return the new profile called ``name`` (default ``home``).

    ``machine``: this machine's id, default the host's name; ``key``: what the registry's must be;
    ``show``: is told what to compare, once. Blocks, for an hour at most. Raises BadInvitation,
    Conflict, Denied (rejected), NameTaken, Overloaded (codes rest), WrongMesh, RegistryUnreachable.
    """
    from chatixia.assembly.profile.profile import Profile

    wanted = machine or machine_name()
    check_machine_name(wanted)
    digits = read_code(code)
    urls, folder = addresses(address), folder_of(name, home)
    with changing(folder.parent / f".{folder.name}.joining", world):
        if (folder / "profile.json").exists():
            raise Conflict(
                f"{folder} is a mesh's already; pair with --mesh NAME, or `chatixia leave` first."
            )
        PairAttempt(urls, folder, wanted, key and fingerprints.read(key), show, world).run(digits)
    return Profile.open(name, home=home, world=world)


def addresses(text: str) -> list[str]:
    """URLs at which to look for the registry that ``HOST[:PORT]`` or a URL names."""
    if "://" in text:
        return [text.rstrip("/")]
    address, port = read_address(text)
    if port:
        return urls_of([f"{address}:{port}"])
    near = [f"http://{address}:{CLEAR_PORT}"] if is_loopback(f"{address}:{CLEAR_PORT}") else []
    return [*near, f"https://{address}:{TLS_PORT}"]


class PairAttempt:
    """One pairing: who answers? ask, wait, keep."""

    def __init__(
        self,
        urls: list[str],
        folder: Path,
        machine: str,
        key: str,
        show: Callable[[PairRequest], None],
        world: World,
    ) -> None:
        self._urls, self._folder, self._machine = urls, folder, machine
        self._wanted, self._show, self._world = key, show, world
        self._draft = folder.with_name(f".{folder.name}.pair-{_digest(urls)}")
        self._sign, self._seal = make_keys(self._draft / "machine")
        self._owner = b""
        self._registry: Member | None = None

    def run(self, code: str) -> None:
        """All of it; nothing is left but the profile, or keys to go on with."""
        answer = self._wait(self._begin(code))
        if answer.state == "approved":
            self._keep(answer)
            return
        self._forget()
        if answer.state == "expired":
            raise BadInvitation(
                f"Nobody approved {answer.name} within an hour; ask for a new code."
            )
        raise Denied(f"The owner of the mesh {answer.state} {answer.name}.")

    def _forget(self) -> None:
        """Drop the keys that were made for this: they will never be a member's."""
        shutil.rmtree(self._draft, ignore_errors=True)

    # ---- the registry

    def _connect(self) -> PinnedConnection:
        line = first(self._urls, TIMEOUT, lambda line: meet(line, self._met))
        self._urls = [line.url]
        return line

    def _met(self, line: PinnedConnection) -> None:
        """Have the registry prove its key; the first one met is the only one from then on."""
        nonce = self._world.token(NONCE_BYTES)
        proof: RegistryProof = line.call("nonce", NonceRequest(b64(nonce)))
        owner = self._owner or owner_of(proof.registry)
        self._registry = line.prove(
            lambda certificate: self._check(owner, proof, nonce, certificate)
        )
        self._owner, self._nonce = owner, proof.nonce
        if self._wanted and self._wanted != self._registry_key:
            raise WrongMesh(
                f"The registry at {line.url} has the key {self._registry_key}, not {self._wanted}:"
                " another stands in its place. Nothing was sent; ask for a join string"
                " (`chatixia invite NAME`), which names the registry."
            )

    def _check(
        self, owner: bytes, proof: RegistryProof, nonce: bytes, certificate: bytes
    ) -> Member:
        from chatixia.identity import verify

        return check_registry(
            proof.registry,
            proof.proof,
            nonce=nonce,
            certificate=certificate,
            mesh=mesh_of(owner),
            now=proof.now,
            verify=verify,
            pinned=self._registry.sign if self._registry else None,
        )

    @property
    def _mesh(self) -> str:
        return mesh_of(self._owner)

    @property
    def _registry_sign(self) -> bytes:
        assert self._registry is not None
        return self._registry.sign

    @property
    def _registry_key(self) -> str:
        assert self._registry is not None
        return fingerprints.of_registry(self._registry.mesh, self._registry.sign)

    # ---- asking and waiting

    def _begin(self, code: str) -> PairAnswer:
        line = self._connect()
        try:
            answer: PairAnswer = line.call("pairings.begin", self._request(code))
        except BadInvitation:
            self._forget()  # a machine that waits needs no code: nobody knows these keys
            raise
        except Overloaded as error:
            if error.retry_after > PAUSE_SECONDS and "join strings" in error.message:
                raise self._resting(error.retry_after) from None
            raise
        finally:
            line.close()
        self._show(
            PairRequest(
                line.url,
                answer.name,
                self._registry_key,
                fingerprints.of_machine(
                    self._mesh,
                    self._registry_sign,
                    answer.name,
                    self._sign.public,
                    self._seal.public,
                ),
                answer.member,
            )
        )
        return answer

    def _request(self, code: str) -> PairBegin:
        data = signed.pair(
            mesh=self._mesh,
            registry=self._registry_sign,
            name=self._machine,
            seal=self._seal.public,
            nonce=unb64(self._nonce),
        )
        return PairBegin(
            code,
            self._machine,
            b64(self._sign.public),
            b64(self._seal.public),
            self._nonce,
            b64(self._sign.sign(signed.PAIR, data)),
            socket.gethostname()[:128],
        )

    def _resting(self, seconds: float) -> Overloaded:
        until = datetime.fromtimestamp(self._world.wall() + seconds).astimezone()
        resting = Overloaded(
            f"Codes rest until {until:%H:%M}, after too many wrong ones; join strings work.",
            retry_after=seconds,
        )
        resting.add_note("Ask the owner for one: `chatixia invite NAME`.")
        return resting

    def _wait(self, answer: PairAnswer) -> PairAnswer:
        """Until it is decided. A registry that is away is waited for as long."""
        until = self._world.monotonic() + answer.expires_in
        while answer.state == "pending_approval":
            try:
                answer = self._ask(answer.id)
            except (Unreachable, Unavailable, Overloaded):
                if self._world.monotonic() > until:
                    raise
                threading.Event().wait(PAUSE_SECONDS)
        return answer

    def _ask(self, pairing: str) -> PairAnswer:
        line = self._connect()
        try:
            data = signed.pairing(mesh=self._mesh, pairing_id=pairing, nonce=unb64(self._nonce))
            proof = b64(self._sign.sign(signed.PAIR, data))
            answer: PairAnswer = line.call(
                "pairings.wait", PairWait(pairing, self._nonce, proof, MAX_WAIT_MS)
            )
            return answer
        finally:
            line.close()

    def _keep(self, answer: PairAnswer) -> None:
        from chatixia.identity import verify

        check_approval(
            answer.chain,
            name=answer.name,
            sign=self._sign.public,
            seal=self._seal.public,
            mesh=self._mesh,
            now=answer.now,
            verify=verify,
            registry=self._registry_sign,
        )
        keep(
            self._folder,
            self._draft,
            answer.chain,
            owner=self._owner,
            registry=self._registry_sign,
            urls=[*self._urls, *urls_of(answer.addresses)],
            now=answer.now,
            world=self._world,
        )


def _digest(urls: list[str]) -> str:
    return hashlib.sha256(" ".join(urls).encode()).hexdigest()[:16]
