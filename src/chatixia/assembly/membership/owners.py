"""Owners beside the first one: ask, add, accept; rotate a key; the recovery code; revoke.

A further owner's key is made where it stays, and only its record travels (trust.md section 1). Each
act is a process of its own, as all that reads an owner's key.
"""

from __future__ import annotations

import binascii
from base64 import b32decode
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import msgspec

from chatixia.assembly.profile.files import private_dir, write_json
from chatixia.assembly.profile.profile import CHAIN, SIGN_KEY, Profile
from chatixia.assembly.remote.rest import RegistryClient
from chatixia.core import owners as core
from chatixia.core.membership import check_chain
from chatixia.core.record import key_id, read_record, sign_record
from chatixia.core.revocation import sign_revocation
from chatixia.errors import BadRequest, ConfigError, Conflict, NotFound
from chatixia.wire import signed
from chatixia.wire.signed import b64, unb64
from chatixia.wire.trust import (
    OWNER,
    OwnerInfo,
    OwnerPut,
    Owners,
    OwnersQuery,
    Record,
    Revocation,
    Revoke,
    Signed,
)
from chatixia.world import REAL, World, b32

from .revoke import next_version, note, signer_of

if TYPE_CHECKING:
    from chatixia.identity import SignKey

REQUESTED: Final = "asked.key"
NEXT: Final = "next.key"
CODE_BYTES: Final = 20


class OwnerKey(msgspec.Struct, frozen=True):
    """An owner's key and chain, for one act."""

    sign: SignKey
    chain: list[Signed]

    @property
    def id(self) -> str:
        """Whose it is."""
        return read_record(unb64(self.chain[0].b)).id


def every(profile: Profile, signed_by: str = "") -> Owners:
    """All owners as the registry has them; asked as this machine."""
    with RegistryClient.machine(profile) as rest:
        return _listed(rest, signed_by)


def ask(profile: Profile) -> str:
    """The public key of this machine's owner-to-be, made where it is missing. Raises Conflict where
    it is an owner's already; one whose key was revoked asks by a new one."""
    if profile.is_owner and not _is_over(profile):
        raise Conflict("This machine holds an owner's key already.")
    while (key := b64(_draft(profile, REQUESTED).public)).startswith("-"):
        (profile.folder / "owner" / REQUESTED).unlink()  # typed, it would read as an option
    return key


def add(profile: Profile, name: str, key: str) -> str:
    """Make the key that ``ask`` showed an owner's, called ``name``; its id. Raises BadRequest,
    BadChain, ConfigError, Conflict."""
    try:
        public = unb64(key)
    except BadRequest:
        public = b""
    if len(public) != 32 or not core.is_owner_id(f"{OWNER}~{name}"):
        raise BadRequest("Type a name (a-z, 0-9, -) and the key that `chatixia owners ask` shows.")
    _put(profile, _own(profile), f"{OWNER}~{name}", public)
    return f"{OWNER}~{name}"


def accept(profile: Profile) -> str:
    """Take up the record that another owner signed for the key of :func:`ask`; whose it is now.
    Raises ConfigError, NotFound."""
    from chatixia.identity import SignKey, load

    path = profile.folder / "owner" / REQUESTED
    if not path.exists():
        raise ConfigError("Nothing was asked here; begin with `chatixia owners ask`.")
    key = SignKey(load(path))
    with RegistryClient.machine(profile) as rest:
        info = _of_key(profile, _listed(rest), key.public)
    if info is None:
        raise NotFound("No owner added this key yet: `chatixia owners add NAME KEY`, where one is.")
    return _take_up(profile, OwnerKey(key, info.chain), REQUESTED)


def recovery(profile: Profile, world: World = REAL) -> str:
    """A code that is an owner's key, to be retained on paper. Raises ConfigError, Conflict."""
    secret = world.token(CODE_BYTES)
    _put(profile, _own(profile), core.RECOVERY, _recovery_key(secret).public)
    text = b32(secret)
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))


def rotate(profile: Profile) -> tuple[str, int]:
    """Another key in the first owner's place; the old one ends, and what it signed stays. Who that
    is now, and how many records were retained. Raises ConfigError, Conflict."""
    old = _own(profile)
    if core.rank(old.id) != 1:
        raise ConfigError(f"{old.id} was added: leave it, and have another key added.")
    new = _draft(profile, NEXT)
    with RegistryClient(profile, old.sign, old.chain) as rest:
        chain = _follow(profile, rest, old, new)
        retained = _end(profile, rest, old, old.id, lambda record: True)
    return _take_up(profile, OwnerKey(new, chain), NEXT), retained


def recover(profile: Profile, code: str, *, end: bool = False) -> tuple[str, int]:
    """Make this machine the first owner's by the recovery code. ``end``: the lost key may be in
    other hands, and ends; what it signed stays. As :func:`rotate`. Raises BadRequest, NotFound."""
    key = _recovery_key(_read(code))
    with RegistryClient.machine(profile) as rest:
        info = _of_key(profile, _listed(rest), key.public)
    if info is None or info.id != core.RECOVERY:
        raise NotFound("That is no recovery code of this mesh.")
    paper, new, retained = OwnerKey(key, info.chain), _draft(profile, NEXT), 0
    with RegistryClient(profile, key, info.chain) as rest:
        lost = [one.id for one in _listed(rest).owners if core.generation(one.id)]
        chain = _follow(profile, rest, paper, new)
        for id_ in lost if end else []:
            retained += _end(profile, rest, paper, id_, lambda record: True)
    return _take_up(profile, OwnerKey(new, chain), NEXT), retained


def revoke_owner(profile: Profile, name: str, keep: Sequence[str] = ()) -> int:
    """End the owner called ``name`` with all that it signed, but the members that ``keep`` names
    (``*``: all); how many records were retained. Raises BadSignature, ConfigError, Conflict (also
    where no owner would be left), NotFound."""
    me = _own(profile)
    id_ = name if core.is_owner_id(name) else f"{OWNER}~{name}"

    def retain(record: Record) -> bool:
        return "*" in keep or record.id in keep

    with RegistryClient(profile, me.sign, me.chain) as rest:
        owners = _listed(rest).owners
        if not any(one.id == id_ for one in owners):
            raise NotFound(f"No owner is called {name[:80]}; `chatixia owners` lists them.")
        if id_ == me.id and not any(_stays(one, id_, retain) for one in owners):
            raise Conflict(
                f"{id_} is the last owner: nobody could be let in or shut out any more. Put another"
                " key in its place (`chatixia owners rotate`), or name an owner or the recovery"
                " code (admin~recovery) in --keep."
            )
        return _end(profile, rest, me, id_, retain)


def _stays(info: OwnerInfo, ended: str, retain: Callable[[Record], bool]) -> bool:
    """Whether that owner stays one when ``ended`` is none: nothing in its chain falls with it."""
    records = [read_record(unb64(part.b)) for part in info.chain]
    falls = any(above.id == ended and not retain(below) for below, above in pairwise(records))
    return not (info.revoked or info.id == ended or falls)


def _own(profile: Profile) -> OwnerKey:
    return OwnerKey(*profile.owner_key())


def _is_over(profile: Profile) -> bool:
    """Whether another owner ended the one whose key is here."""
    id_ = _own(profile).id
    return any(one.revoked for one in every(profile).owners if one.id == id_)


def _listed(rest: RegistryClient, signed_by: str = "") -> Owners:
    reply: Owners = rest.call("owners.list", OwnersQuery(signed_by))
    return reply


def _of_key(profile: Profile, owners: Owners, public: bytes) -> OwnerInfo | None:
    """The owner who has that key, its chain checked here."""
    from chatixia.identity import verify

    for info in owners.owners:
        if unb64(read_record(unb64(info.chain[0].b)).sign) == public:
            check_chain(info.chain, mesh=profile.mesh, now=0, verify=verify)
            return info
    return None


def _put(profile: Profile, signer: OwnerKey, id_: str, public: bytes) -> list[Signed]:
    """Sign the record of an owner, and hand it to the registry."""
    with RegistryClient(profile, signer.sign, signer.chain) as rest:
        rest.connect()  # mesh time is the registry's
        return _sign(profile, rest, signer, id_, public)


def _sign(
    profile: Profile, rest: RegistryClient, signer: OwnerKey, id_: str, public: bytes
) -> list[Signed]:
    from chatixia.identity import verify

    record = Record(
        v=1,
        mesh=profile.mesh,
        ns=profile.ns,
        id=id_,
        kind="owner",
        roles=["*"],
        names=["*"],
        sign=b64(public),
        seal="",
        serial=1,
        issued=int(profile.clock.now()),
        not_after=0,
        by=key_id(signer.sign.public),
    )
    chain = [sign_record(record, signer.sign.sign), *signer.chain]
    check_chain(chain, mesh=profile.mesh, now=0, verify=verify)
    rest.call("owners.put", OwnerPut(chain))
    return chain


def _follow(profile: Profile, rest: RegistryClient, signer: OwnerKey, new: SignKey) -> list[Signed]:
    """The chain of who comes in the first owner's place; made before, if that broke off."""
    owners = _listed(rest)
    if info := _of_key(profile, owners, new.public):
        return info.chain
    id_ = core.following([one.id for one in owners.owners])
    return _sign(profile, rest, signer, id_, new.public)


def _end(
    profile: Profile,
    rest: RegistryClient,
    signer: OwnerKey,
    id_: str,
    keep: Callable[[Record], bool],
) -> int:
    owners = _listed(rest, id_)
    signed_by = {part.b: part for part in [*owners.signed, *_of_this_machine(profile, id_)]}
    retained = [part for part in signed_by.values() if keep(read_record(unb64(part.b)))]
    if len(retained) > core.MAX_RETAINED:
        raise Conflict(
            f"{id_} let {len(retained)} in, and a revocation keeps {core.MAX_RETAINED}: approve"
            " some anew by another owner first."
        )
    word = Revocation(
        profile.mesh,
        profile.ns,
        id_,
        1,
        int(profile.clock.now()),
        version=next_version(profile, owners.version),
        signer=signer_of(signer.chain),
        retained=[core.digest(part) for part in retained],
    )
    statement = sign_revocation(word, signer.sign.sign)
    note(profile, statement)
    rest.call("revoke", Revoke(statement, signer.chain))
    return len(retained)


def _of_this_machine(profile: Profile, owner: str) -> list[Signed]:
    """What that owner signed in this machine's own chain, which the registry may not have seen."""
    return [
        below
        for below, above in pairwise(profile.machine_chain)
        if read_record(unb64(above.b)).id == owner
    ]


def _draft(profile: Profile, name: str) -> SignKey:
    """The key in that file of the owner's folder, made where there is none."""
    from chatixia.identity import SignKey, load, save

    path = private_dir(profile.folder / "owner") / name
    if not path.exists():
        save(path, SignKey.generate().seed())
    return SignKey(load(path))


def _take_up(profile: Profile, key: OwnerKey, file: str) -> str:
    """This machine's owner's key is ``key`` from now on, which lies in ``file``."""
    folder = profile.folder / "owner"
    with profile.changing():
        write_json(folder / CHAIN, key.chain)
        (folder / file).replace(folder / SIGN_KEY)
    return key.id


def _recovery_key(secret: bytes) -> SignKey:
    from chatixia.identity import SignKey, derive

    return SignKey(derive(secret, signed.RECOVER))


def _read(code: str) -> bytes:
    text = "".join(code.split()).replace("-", "").upper()
    try:
        secret = b32decode(text)
    except (binascii.Error, ValueError):
        secret = b""
    if len(secret) != CODE_BYTES:
        raise BadRequest("A recovery code is eight groups of four letters and digits (2 to 7).")
    return secret
