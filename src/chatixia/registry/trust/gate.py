"""Authentication of each login and each request, anew every time.

A WebSocket login proves a key by signature over both nonces. A REST call brings a bearer token,
an API key or a browser's cookie. Whatever it was, the member's current status is asked after.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

from msgspec.structs import replace

from chatixia.core.handshake import LOGIN_KINDS, check_version
from chatixia.core.membership import Member
from chatixia.core.ports import Principal
from chatixia.errors import (
    MeshError,
    Overloaded,
    Unauthorized,
    Unprocessable,
)
from chatixia.registry.call import BrowserLogin, Handler, Listener, RequestContext, SocketLogin
from chatixia.registry.limits import RateLimits
from chatixia.registry.people.cookies import page_secret, read_cookie
from chatixia.registry.people.logins import Logins
from chatixia.store.control.store import Store
from chatixia.wire import signed
from chatixia.wire.base import VERSIONS
from chatixia.wire.devices import DEVICE_PREFIX
from chatixia.wire.registry import NonceRequest, RegistryProof, Token, TokenRequest
from chatixia.wire.signaling import Challenge, Register, Welcome
from chatixia.wire.trust import Signed

from .keys import ApiKeys
from .members import Members, principal_for
from .nonces import Nonces
from .proof import Proof
from .tokens import Tokens, principal_of, read_assertion


class AuthenticatedCaller(NamedTuple):
    """Who sent a request. ``cookie``: the browser session's secret if that was the proof;
    ``by_key``: an API key itself was, not a token made of one."""

    principal: Principal | None
    cookie: str = ""
    by_key: bool = False


class Authenticator:
    """Everything that decides who a caller is. The parts are given, nothing is reached for."""

    def __init__(
        self,
        *,
        members: Members,
        tokens: Tokens,
        keys: ApiKeys,
        logins: Logins,
        nonces: Nonces,
        proof: Proof,
        store: Store,
        failures: RateLimits,
    ) -> None:
        self._members, self._tokens, self._keys = members, tokens, keys
        self._logins, self._nonces, self._proof = logins, nonces, proof
        self._store, self._failures = store, failures

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """The verbs that this part answers."""
        return {
            "nonce": self.nonce,
            "token": self.token,
        }

    # ---- the WebSocket

    def challenge(self) -> Challenge:
        """The first frame of a socket, with a nonce that is good once."""
        return Challenge(
            self._nonces.once(),
            self._store.now(),
            list(VERSIONS),
            self._proof.mesh,
            self._proof.chain,
            self._store.generation,
        )

    async def login(
        self, register: Register, nonce: str, listener: Listener, address: str
    ) -> SocketLogin:
        """Who says ``register``, and the welcome. Raises a MeshError; failures are rated.

        ``nonce``: the socket's own challenge; it takes one login only, so the nonce is good once.
        """
        source = f"{address}|{register.peer_id}"  # one misconfigured agent must not bar its host
        try:
            return await self._login(register, nonce, listener)
        except (Overloaded, Unprocessable):
            raise
        except MeshError:
            self._failures.check(source)
            self._failures.failed(source)
            raise

    def revocation(self, id_: str) -> Signed | None:
        """The owner's statement that revokes an id; its holder can verify it."""
        return self._members.statement(id_)

    async def _login(self, register: Register, nonce: str, listener: Listener) -> SocketLogin:
        if register.chain:
            return await self._keyed(register, nonce, listener)
        check_version(register)
        if not register.api_key:
            raise Unauthorized("A login needs a membership and its signature.")
        principal = await self._keyless(register)
        sig = self._proof.over(register.nonce, listener) if register.nonce else ""
        epoch = await self._store.members.next_epoch(
            principal.ns, principal.id, register.incarnation
        )
        welcome = Welcome(principal.id, epoch, self._store.now(), sig=sig)
        return SocketLogin(replace(principal, epoch=epoch), welcome)

    async def _keyed(self, register: Register, nonce: str, listener: Listener) -> SocketLogin:
        member = self._members.prove_login(register, signed.unb64(nonce))
        await self._members.accept(member)
        epoch = await self._store.members.next_epoch(member.ns, member.id, register.incarnation)
        principal = principal_for(member, epoch=epoch, incarnation=register.incarnation)
        token = self._tokens.issue(principal, member.serial, ends(member))
        welcome = Welcome(
            member.id,
            epoch,
            self._store.now(),
            token=token,
            sig=self._proof.over(register.nonce, listener),
            revoked=self._members.revoked_since(register.revocations),
        )
        return SocketLogin(principal, welcome, ends(member), member.record.ephemeral)

    async def _keyless(self, register: Register) -> Principal:
        principal = await self._keys.principal(register.api_key)
        if principal.id != register.peer_id:
            raise Unauthorized(f"This API key is not for {register.peer_id}.")
        return principal

    # ---- REST

    async def caller(
        self, headers: Mapping[str, str], listener: Listener, address: str
    ) -> AuthenticatedCaller:
        """Who a request's headers prove, and by what; nobody without any credential.

        Raises Unauthorized for one that is not valid.
        """
        bearer, key = headers.get("authorization", ""), headers.get("x-api-key", "")
        device = headers.get("x-device-token", "")
        cookie = read_cookie(self._proof.mesh, listener, headers.get("cookie", ""))
        if not (bearer or key or device or cookie):
            return AuthenticatedCaller(None)
        try:
            if bearer or key or device:
                principal = await self._credential(bearer, key, device)
                return AuthenticatedCaller(principal, by_key=not bearer)
            page = page_secret(headers)
            login = await self._logins.principal(cookie, page, listener)
            return AuthenticatedCaller(login.person, cookie)
        except Unauthorized:
            # Judged only now: a stranger's failures at a shared address shut out no one who holds
            # a credential, and 128 bits are not guessed.
            self._failures.check(address)
            self._failures.failed(address)
            raise

    async def _credential(self, bearer: str, key: str, device: str) -> Principal:
        if not bearer:
            with suppress(Unauthorized):
                if key or not device:
                    return await self._keys.principal(key)
            if not device:
                raise Unauthorized("The API key is unknown.")
            return await self._keys.principal(device, DEVICE_PREFIX)
        scheme, _, token = bearer.partition(" ")
        if not hmac.compare_digest(scheme.lower(), "bearer"):
            raise Unauthorized("A bearer token is expected.")
        return await self.token_principal(token.strip())

    async def token_principal(self, token: str) -> Principal:
        """The principal of a token, as it stands now. Raises Unauthorized, Revoked, ..."""
        claims = self._tokens.verify(token)
        principal = principal_of(claims)
        if principal.kind == "key":
            await self._keys.check(principal, claims.iat)
        else:
            self._members.check(principal, claims.ser)
        return principal

    async def person(self, headers: Mapping[str, str], listener: Listener) -> BrowserLogin | None:
        """The person whose browser session an upgrade carried."""
        cookie = read_cookie(self._proof.mesh, listener, headers.get("cookie", ""))
        page = page_secret(headers)
        return await self._logins.principal(cookie, page, listener) if cookie else None

    def cookie(self, headers: Mapping[str, str], listener: Listener) -> str:
        """What a browser brings along to an open verb: it proves nothing there."""
        return read_cookie(self._proof.mesh, listener, headers.get("cookie", ""))

    async def nonce(self, call: RequestContext, request: NonceRequest) -> RegistryProof:
        """Verb ``nonce``: a nonce to sign, and the registry's proof over the asker's."""
        proof = self._proof.over(request.nonce, call.listener) if request.nonce else ""
        return RegistryProof(
            self._nonces.give(), self._store.now(), self._proof.mesh, self._proof.chain, proof
        )

    async def token(self, call: RequestContext, request: TokenRequest) -> Token:
        """Verb ``token``: a bearer token for an assertion, or for the API key in the header.

        Never for another token: what was stolen once would renew itself forever. Failures of one
        address are rated, and judged only after the credential, as in :meth:`caller`: nobody's
        keep anybody else out.
        """
        try:
            if call.by_key and not request.assertion:
                return self._token(call.caller, 0, 0.0)
            member = self._asserted(request)
            await self._members.accept(member)
        except MeshError:
            self._failures.check(call.address)
            self._failures.failed(call.address)
            raise
        return self._token(principal_for(member), member.serial, ends(member))

    def _asserted(self, request: TokenRequest) -> Member:
        if not request.assertion:
            raise Unauthorized("A token needs an assertion or an API key itself.")
        member = self._members.prove(request.chain)
        if member.kind not in LOGIN_KINDS:
            raise Unauthorized(f"A {member.kind} gets no token.")
        assertion = read_assertion(
            request.assertion, member.sign, self._proof.mesh, self._store.now()
        )
        if assertion.sub != member.id or not self._nonces.take(assertion.nonce):
            raise Unauthorized("The assertion is not fresh, or for another.")
        return member

    def _token(self, principal: Principal, serial: int, until: float) -> Token:
        text = self._tokens.issue(principal, serial, until)
        return Token(text, principal.id, principal.kind, self._tokens.life(until))


def ends(member: Member) -> float:
    """When the first record of a chain is over, in mesh seconds; 0 for never."""
    return float(min((r.not_after for r in member.records if r.not_after), default=0))
