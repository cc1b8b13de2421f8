"""The identity provider: where a login goes, and what its answer proves (OpenID Connect, code with
PKCE). The requests are Authlib's; the signature is joserfc's; what the token says is judged in
``core.provider``.
"""

from __future__ import annotations

import hmac
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast
from urllib.parse import urlsplit

import msgspec

from chatixia.core.provider import ALGORITHMS, Account, ProviderSettings, account_of
from chatixia.errors import MissingExtra, Unauthorized, Unavailable
from chatixia.registry.call import LOCAL
from chatixia.registry.digests import digest
from chatixia.wire.base import KIB
from chatixia.wire.signed import b64
from chatixia.world import World

from .cookies import LOGIN_SECONDS

if TYPE_CHECKING:
    from authlib.integrations.httpx_client import AsyncOAuth2Client
    from joserfc.jwk import KeySetSerialization

MOST_LOGINS: Final = 1024
"""Logins under way at the provider; then the oldest of the address with most of them is forgotten,
so that no stranger pushes out everybody's."""
TIMEOUT_SECONDS: Final = 10.0
DISCOVERY_SECONDS: Final = 300.0
MAX_ANSWER: Final = 256 * KIB
SCOPE: Final = "openid email"
MISSING: Final = (
    "Logins at an identity provider need a part that is not installed; install it with: uv tool"
    " install '.[oidc]' in a checkout, or pip install '.[oidc]' in the environment that runs this."
)


class ProviderAccess(NamedTuple):
    """A provider, and the secret by which it knows this registry, "" for a public client."""

    settings: ProviderSettings
    secret: str


class StartedLogin(NamedTuple):
    """Where a browser goes, the secret of the cookie that it takes along, and the ``state`` that
    comes back with it."""

    url: str
    cookie: str
    state: str


class PendingLogin(msgspec.Struct, frozen=True):
    """What must fit when a browser comes back."""

    state: str
    nonce: str
    verifier: str
    redirect_uri: str
    until: float
    address: str


class Discovery(msgspec.Struct):
    """What the provider says of itself (OpenID Connect Discovery, section 3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    authorization_response_iss_parameter_supported: bool = False


class ProviderAnswer(NamedTuple):
    """The query with which a browser comes back."""

    state: str
    code: str
    issuer: str
    error: str


class IdentityProvider:
    """Begins logins and judges their answers. ``now``: mesh seconds. Raises MissingExtra where its
    part is not installed."""

    def __init__(self, access: ProviderAccess, world: World, now: Callable[[], float]) -> None:
        self.settings, self._secret = access
        self._world, self._now = world, now
        self._discovery: tuple[float, Discovery] | None = None
        self._pending: OrderedDict[bytes, PendingLogin] = OrderedDict()
        check_installed()

    async def begin(self, redirect_uri: str, address: str) -> StartedLogin:
        """A login of a browser at ``address`` that comes back to ``redirect_uri``. Raises
        Unavailable."""
        verifier, cookie = b64(self._world.token(48)), b64(self._world.token(24))
        state, nonce = b64(self._world.token(24)), b64(self._world.token(24))
        async with self._client(redirect_uri) as client:
            there = await self._discovered(client)
            url, _ = client.create_authorization_url(
                there.authorization_endpoint, state=state, nonce=nonce, code_verifier=verifier
            )
        until = self._world.monotonic() + LOGIN_SECONDS
        pending = PendingLogin(state, nonce, verifier, redirect_uri, until, address)
        self._pending[digest(cookie)] = pending
        if len(self._pending) > MOST_LOGINS:
            self._forget_one()
        return StartedLogin(str(url), cookie, state)

    def _forget_one(self) -> None:
        """The oldest, whose time is over or whose address has most."""
        oldest = next(iter(self._pending))
        if self._pending[oldest].until >= self._world.monotonic():
            counts = Counter(login.address for login in self._pending.values())
            [(most, _)] = counts.most_common(1)
            oldest = next(key for key, login in self._pending.items() if login.address == most)
        del self._pending[oldest]

    async def finish(self, answer: ProviderAnswer, cookie: str) -> Account:
        """The account that an answer proves, once. Raises Unauthorized and Unavailable."""
        pending = self._take(cookie, answer.state)
        if answer.error or not answer.code:
            raise Unauthorized("The identity provider did not log you in.")
        async with self._client(pending.redirect_uri) as client:
            there = await self._discovered(client)
            named = answer.issuer or not there.authorization_response_iss_parameter_supported
            if not named or answer.issuer not in ("", self.settings.issuer):
                raise Unauthorized("The answer is of another identity provider.")
            token = await self._exchanged(client, there, answer.code, pending.verifier)
            keys = await _json(client, there.jwks_uri)
        return account_of(
            proved_claims(token, keys),
            issuer=self.settings.issuer,
            client_id=self.settings.client_id,
            nonce=pending.nonce,
            now=self._now(),
        )

    def _take(self, cookie: str, state: str) -> PendingLogin:
        """The login that this very browser began; it is over with this answer, whatever it is."""
        pending = self._pending.pop(digest(cookie), None) if cookie else None
        if pending is None or pending.until < self._world.monotonic():
            raise Unauthorized("This login was not begun here, or long ago; begin again.")
        if not hmac.compare_digest(pending.state.encode(), state.encode()):
            raise Unauthorized("The answer belongs to another login; begin again.")
        return pending

    def _client(self, redirect_uri: str) -> AsyncOAuth2Client:
        from authlib.integrations.httpx_client import AsyncOAuth2Client

        return AsyncOAuth2Client(
            self.settings.client_id,
            self._secret or None,
            token_endpoint_auth_method="client_secret_basic" if self._secret else "none",
            scope=SCOPE,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            timeout=TIMEOUT_SECONDS,
        )

    async def _discovered(self, client: AsyncOAuth2Client) -> Discovery:
        """Read anew after a while, so that strangers at the door cost the provider nothing."""
        now = self._world.monotonic()
        if self._discovery is None or self._discovery[0] <= now:
            self._discovery = (now + DISCOVERY_SECONDS, await self._discover(client))
        return self._discovery[1]

    async def _discover(self, client: AsyncOAuth2Client) -> Discovery:
        issuer = self.settings.issuer
        document = await _json(client, f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        try:
            there = msgspec.convert(document, Discovery)
        except msgspec.ValidationError:
            raise Unavailable("The identity provider does not say how to log in.") from None
        if there.issuer != issuer:
            raise Unavailable("The identity provider calls itself something else than `issuer`.")
        urls = (there.authorization_endpoint, there.token_endpoint, there.jwks_uri)
        if not all(is_private(url) for url in urls):
            raise Unavailable("The identity provider wants to be asked in clear.")
        return there

    async def _exchanged(
        self, client: AsyncOAuth2Client, there: Discovery, code: str, verifier: str
    ) -> str:
        """The ID token for a code. Raises Unauthorized where the provider refuses it."""
        from authlib.integrations.base_client import OAuthError
        from httpx2 import HTTPError

        try:
            answer = await client.fetch_token(
                there.token_endpoint, code=code, code_verifier=verifier
            )
        except OAuthError:
            raise Unauthorized("The identity provider does not take its own answer back.") from None
        except (HTTPError, ValueError):
            raise _silent() from None
        token = answer.get("id_token")
        if not isinstance(token, str) or len(token) > MAX_ANSWER:
            raise Unauthorized("The identity provider gave no proof of who this is.")
        return token


async def _json(client: AsyncOAuth2Client, url: str) -> dict[str, Any]:
    """A small JSON object. Raises Unavailable."""
    from httpx2 import HTTPError

    body = b""
    try:
        async with client.stream("GET", url, withhold_token=True) as answer:
            if answer.status_code != 200:
                raise _silent()
            async for part in answer.aiter_bytes():
                body += part
                if len(body) > MAX_ANSWER:
                    raise Unavailable("The identity provider says too much.")
        return msgspec.json.decode(body, type=dict[str, Any])
    except (HTTPError, msgspec.DecodeError, msgspec.ValidationError):
        raise _silent() from None


def is_private(url: str) -> bool:
    """Whether what is said there stays between two: TLS, or this very machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOCAL)


def _silent() -> Unavailable:
    return Unavailable("The identity provider does not answer; try again, or ask for a login link.")


def proved_claims(token: str, keys: dict[str, Any]) -> dict[str, Any]:
    """The claims of a token that one of the provider's keys signed. Raises Unauthorized."""
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet

    try:
        key_set = KeySet.import_key_set(cast("KeySetSerialization", keys))  # it judges them itself
        claims = jwt.decode(token, key_set, ALGORITHMS).claims
    except (JoseError, ValueError, KeyError, TypeError):
        raise Unauthorized("The proof of the identity provider does not hold.") from None
    return dict(claims)


def check_installed() -> None:
    """Raise MissingExtra where the part for this is not installed."""
    try:
        import authlib.integrations.httpx_client  # noqa: F401 - fail at the start, not at a login
    except ImportError:
        raise MissingExtra(MISSING) from None
