"""Join: this machine makes its keys, signs itself in with the invitation's, and tells the registry.

What a join string says is held against what answers before anything is sent that could help
anybody else: a foreign mesh or registry is :class:`WrongMesh` (trust.md section 1). Keys are kept
aside until the registry has accepted them, so that a broken joining is taken up again with the
same string.
"""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from chatixia.assembly.profile.files import write_json
from chatixia.assembly.profile.lock import changing
from chatixia.assembly.profile.profile import (
    CHAIN,
    Profile,
    ProfileFile,
    appear_profile,
    folder_of,
    machine_name,
    make_keys,
)
from chatixia.assembly.remote.rest import first, urls_of
from chatixia.core.handshake import check_registry
from chatixia.core.invitation import check_invitation
from chatixia.core.join import JoinString, decode
from chatixia.core.membership import Member, check_chain
from chatixia.core.patterns import covers
from chatixia.core.pins import next_serial
from chatixia.core.record import key_id, mesh_of, read_record, sign_record
from chatixia.errors import (
    BadChain,
    BadInvitation,
    BadSignature,
    Conflict,
    Denied,
    MeshError,
    WrongMesh,
)
from chatixia.ids import MAX_MACHINE, id_problem, is_machine_id
from chatixia.wire import signed
from chatixia.wire.signed import b64, unb64
from chatixia.wire.trust import Join, JoinBegin, Joined, JoinOffer, Record, Signed
from chatixia.world import REAL, World, b32

from .invite import DRAWN, invitation_seed

if TYPE_CHECKING:
    from chatixia.identity import SignKey
    from chatixia.peer.control.connection import PinnedConnection

TIMEOUT: Final = 8.0
EPHEMERAL_LIFE: Final = 7 * 86_400
"""Seconds that an ephemeral machine is a member whose invitation says nothing else."""


def join(
    string: str,
    name: str = "",
    *,
    machine: str = "",
    home: Path | None = None,
    world: World = REAL,
) -> Profile:
    """Join by a join string and return the new profile called ``name`` (default ``home``).

    ``machine``: this machine's id, for a reusable invitation (default: the host's name, if it
    fits). Blocks. Raises BadInvitation, WrongMesh, NameTaken, Conflict, RegistryUnreachable.
    """
    decoded, folder = decode(string), folder_of(name, home)
    with changing(folder.parent / f".{folder.name}.joining", world):
        if (folder / "profile.json").exists():
            raise Conflict(_already(folder, decoded))
        JoinAttempt(decoded, folder, machine, world).run()
    return Profile.open(name, home=home, world=world)


class JoinAttempt:
    """One joining: begin (who answers?), sign, join, keep."""

    def __init__(self, decoded: JoinString, folder: Path, machine: str, world: World) -> None:
        from chatixia.identity import SignKey

        self._string, self._folder, self._machine, self._world = decoded, folder, machine, world
        self._key: SignKey = SignKey(invitation_seed(decoded.secret))
        self._draft = folder.with_name(f".{folder.name}.join-{key_id(self._key.public)}")

    def run(self) -> None:
        """All of it; nothing is left but the profile."""
        line = first(urls_of(self._string.addresses), TIMEOUT, self._meet)
        try:
            chain = self._sign()
            joined = self._tell(line, chain)
        except Denied:
            # Refused for good: these keys will never be a member's.
            shutil.rmtree(self._draft, ignore_errors=True)
            raise
        finally:
            line.close()
        self._keep(line.url, chain, joined)

    def _meet(self, line: PinnedConnection) -> PinnedConnection:
        return meet(line, self._begin)

    def _begin(self, line: PinnedConnection) -> None:
        """Ask for the invitation's record and check all that answers. Sends no secret."""
        nonce = self._world.token(16)
        self._offer: JoinOffer = line.call(
            "join.begin", JoinBegin(b64(self._key.public), b64(nonce))
        )
        self._owner = owner_of(self._offer.registry, self._string.mesh)
        self._mesh = mesh_of(self._owner)
        self._registry = line.prove(lambda certificate: self._check(nonce, certificate))
        self._invitation = self._check_invitation()

    def _check(self, nonce: bytes, certificate: bytes) -> Member:
        from chatixia.identity import verify

        return check_registry(
            self._offer.registry,
            self._offer.proof,
            nonce=nonce,
            certificate=certificate,
            mesh=self._mesh,
            now=self._offer.now,
            verify=verify,
            key_hash=self._string.registry,
        )

    def _check_invitation(self) -> Member:
        from chatixia.identity import verify

        try:
            member = check_invitation(
                self._offer.invitation, mesh=self._mesh, now=self._offer.now, verify=verify
            )
        except BadChain as error:
            raise BadInvitation(f"The invitation is not valid: {error.message}") from None
        if member.sign != self._key.public:
            raise BadInvitation("The registry answered with another invitation.")
        return member

    def _sign(self) -> list[Signed]:
        """This machine's chain, signed with the invitation's key."""
        from chatixia.identity import verify

        machine, seal = make_keys(self._draft / "machine")
        terms = self._invitation.record
        record = Record(
            v=1,
            mesh=self._mesh,
            ns=terms.ns,
            id=self._name(),
            kind="machine",
            roles=terms.roles,
            names=terms.names,
            sign=b64(machine.public),
            seal=b64(seal.public),
            serial=next_serial(self._offer.serial, terms.serial),
            issued=int(self._offer.now),
            not_after=_end(terms, int(self._offer.now)),
            by=key_id(self._key.public),
            ephemeral=terms.ephemeral,
        )
        chain = [sign_record(record, self._key.sign), *self._offer.invitation]
        check_chain(chain, mesh=self._mesh, now=self._offer.now, verify=verify)
        return chain

    def _name(self) -> str:
        """This machine's id: the invitation's, or one that fits its pattern."""
        pattern = self._invitation.record.id
        if not pattern.endswith("*"):
            if self._machine not in ("", pattern):
                raise BadInvitation(
                    f"This invitation is for {pattern}, not {self._machine}; leave out `--as`."
                )
            return pattern
        host = self._machine or machine_name()
        if covers(pattern, host) and is_machine_id(host):
            return host
        if self._machine:
            if not is_machine_id(host):
                raise BadInvitation(
                    f"{host[:80]!r} cannot name a machine: {id_problem(host, MAX_MACHINE)}; see"
                    " `--as`."
                )
            raise BadInvitation(
                f"This invitation is for names like {pattern}, not {self._machine}; choose such a"
                " one with `--as NAME`."
            )
        return f"{pattern[:-1]}{b32(self._world.token(5))[:DRAWN]}"

    def _tell(self, line: PinnedConnection, chain: list[Signed]) -> Joined:
        machine, _ = make_keys(self._draft / "machine")
        name, nonce = read_record(unb64(chain[0].b)).id, unb64(self._offer.nonce)
        proof = machine.sign(signed.JOIN, signed.join(mesh=self._mesh, name=name, nonce=nonce))
        host = socket.gethostname()[:128]
        joined: Joined = line.call("join", Join(chain, self._offer.nonce, b64(proof), host))
        return joined

    def _keep(self, url: str, chain: list[Signed], joined: Joined) -> None:
        keep(
            self._folder,
            self._draft,
            chain,
            owner=self._owner,
            registry=self._registry.sign,
            urls=[url, *urls_of(joined.addresses or self._offer.addresses)],
            now=joined.now,
            world=self._world,
        )


def _end(terms: Record, now: int) -> int:
    """When a machine's membership is over that joins by this invitation; 0 for never."""
    if terms.ephemeral and not terms.not_after:
        return now + EPHEMERAL_LIFE
    return terms.not_after


def meet(line: PinnedConnection, begin: Callable[[PinnedConnection], None]) -> PinnedConnection:
    """The line on which ``begin`` found that the registry proved itself: this one, or, where its
    certificate is a proxy's, one that the system's roots vouch for."""
    try:
        begin(line)
        return line
    except BadSignature:
        if line.vouched or not line.certificate:
            raise
    again = line.revouched()
    try:
        begin(again)
    except BaseException:
        again.close()
        raise
    return again


def keep(
    folder: Path,
    draft: Path,
    chain: list[Signed],
    *,
    owner: bytes,
    registry: bytes,
    urls: Sequence[str],
    now: float,
    world: World,
) -> None:
    """Make the profile at ``folder`` of the keys in ``draft`` and the chain that the mesh gave
    them; the draft goes."""
    record = read_record(unb64(chain[0].b))
    write_json(draft / "machine" / CHAIN, chain)
    facts = ProfileFile(
        mesh_of(owner),
        record.id,
        b64(owner),
        b64(registry),
        list(dict.fromkeys(urls))[:32],
        ns=record.ns,
        ephemeral=record.ephemeral,
    )
    appear_profile(folder, facts, draft / "machine", now, world)
    shutil.rmtree(draft, ignore_errors=True)


def owner_of(registry: Sequence[Signed], head: bytes = b"") -> bytes:
    """The owner's raw key at the end of a registry's chain, if its mesh id begins with ``head``.
    Raises WrongMesh."""
    try:
        key = unb64(read_record(unb64(registry[-1].b)).sign)
    except (MeshError, IndexError):
        raise WrongMesh("There is no registry of a mesh at this address.") from None
    if bytes.fromhex(mesh_of(key))[: len(head)] != head:
        raise WrongMesh("The registry at this address belongs to another mesh than the invitation.")
    return key


def _already(folder: Path, decoded: JoinString) -> str:
    profile = Profile.open(folder.name, home=folder.parent)
    if bytes.fromhex(profile.mesh).startswith(decoded.mesh):
        return f"This machine has already joined this mesh, as {profile.machine}."
    return f"{folder} belongs to another mesh; join with --mesh NAME, or `chatixia leave` first."
