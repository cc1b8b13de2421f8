"""The parts of trust put together: who may come in, join and leave."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from chatixia.core.ports import Verify
from chatixia.identity import SignKey, derive
from chatixia.registry.audit import AuditLog
from chatixia.registry.call import Handler, Note, RegistryReach
from chatixia.registry.limits import RateLimits
from chatixia.registry.people.logins import Logins
from chatixia.registry.people.passwords import Passwords
from chatixia.registry.people.people import PeopleService, SessionsEnded
from chatixia.registry.people.provider import ProviderAccess
from chatixia.store.control.store import Store
from chatixia.wire.signed import CODE
from chatixia.wire.trust import Signed
from chatixia.world import World

from .confirming import ConfirmationService
from .delegating import DelegationService
from .devices import DevicePairing
from .gate import Authenticator
from .joining import JoinService
from .keys import ApiKeys
from .leaving import LeaveEffects, LeaveService
from .members import Members
from .nonces import Nonces
from .owning import OwnerService
from .pairing import PairingService
from .proof import Proof
from .tokens import Tokens

FAILURE_RATE: Final = (20.0, 1 / 15)
"""Failed logins per address: a burst, then one in 15 s."""


class ServiceIdentity(msgspec.Struct, frozen=True):
    """What the registry is: its key and chain, the owner's public key, mesh id, token keys."""

    key: SignKey
    chain: Sequence[Signed]
    owner: bytes
    mesh: str
    token_keys: Sequence[SignKey]


class TrustEffects(NamedTuple):
    """What trust causes in the other parts.

    ``leave``: what a revocation or a leaving causes; ``key_ended``: an API key was revoked;
    ``sessions_ended``: browser sessions are over; ``tell``: tells watchers of a change (kind, id,
    change); ``save_via``: keeps the URLs of tunnels and proxies.
    """

    leave: LeaveEffects
    key_ended: Callable[[str], Awaitable[None]]
    sessions_ended: SessionsEnded
    tell: Callable[[str, str, str], None]
    save_via: Callable[[list[str]], None]


class TrustServices:
    """Keys, logins, the authenticator, joining and leaving, over ``members`` and ``tokens``."""

    def __init__(
        self,
        identity: ServiceIdentity,
        store: Store,
        world: World,
        verify: Verify,
        reach: RegistryReach,
        members: Members,
        tokens: Tokens,
        effects: TrustEffects,
        audit: AuditLog,
        provider: ProviderAccess | None = None,
        compat: bool = False,
    ) -> None:
        failures, nonces = RateLimits(world, *FAILURE_RATE), Nonces(world)
        proof = Proof(identity.key, identity.chain, identity.mesh)
        self.keys = ApiKeys(store, members, world, effects.key_ended)
        self.passwords, self.logins, self.people = _people(
            store, identity.mesh, world, failures, audit, effects, provider
        )
        self.gate = Authenticator(
            members=members,
            tokens=tokens,
            keys=self.keys,
            logins=self.logins,
            nonces=nonces,
            proof=proof,
            store=store,
            failures=failures,
        )
        self.joining = JoinService(
            store,
            members,
            nonces,
            proof,
            verify,
            RateLimits(world, *FAILURE_RATE),
            reach,
            effects.save_via,
            effects.leave.note,
        )
        note = effects.leave.note
        self.delegation = DelegationService(store, members, verify, identity.key, note)
        self.pairing = self._pairing(
            identity, store, world, verify, reach, members, nonces, effects.leave.note
        )
        self.devices = self._devices(identity, store, world, effects.leave.note, compat)
        self.confirming = ConfirmationService(store, members, verify)
        self.owners = OwnerService(store, members, identity.chain, self.delegation)
        self.leaving = LeaveService(store, members, verify, effects.leave)

    def _pairing(
        self,
        identity: ServiceIdentity,
        store: Store,
        world: World,
        verify: Verify,
        reach: RegistryReach,
        members: Members,
        nonces: Nonces,
        note: Note,
    ) -> PairingService:
        key = identity.key
        code = derive(key.seed(), CODE)
        return PairingService(
            store,
            members,
            nonces,
            verify,
            world,
            reach,
            note,
            code,
            key.public,
            self.delegation,
        )

    def _devices(
        self, identity: ServiceIdentity, store: Store, world: World, note: Note, compat: bool
    ) -> DevicePairing:
        code, guesses = derive(identity.key.seed(), CODE), self.pairing.guesses
        return DevicePairing(store, self.keys, world, note, code, guesses, compat)

    async def load(self) -> None:
        """Read what the store has of the owners' words."""
        await self.confirming.load()
        await self.delegation.load()

    def close(self) -> None:
        """Answer who waits, end the threads: this registry stops."""
        self.joining.close()
        self.pairing.close()
        self.passwords.close()

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """The verbs that these parts answer."""
        return {
            **self.gate.handlers,
            **self.keys.handlers,
            **self.logins.handlers,
            **self.people.handlers,
            **self.joining.handlers,
            **self.pairing.handlers,
            **self.devices.handlers,
            **self.confirming.handlers,
            **self.owners.handlers,
            **self.delegation.handlers,
            **self.leaving.handlers,
        }


def _people(
    store: Store,
    mesh: str,
    world: World,
    failures: RateLimits,
    audit: AuditLog,
    effects: TrustEffects,
    provider: ProviderAccess | None,
) -> tuple[Passwords, Logins, PeopleService]:
    passwords, ended = Passwords(), effects.sessions_ended
    settings = provider.settings if provider else None
    logins = Logins(store, mesh, world, failures, passwords, audit, ended, settings)
    return passwords, logins, PeopleService(store, world, passwords, ended, effects.tell)
