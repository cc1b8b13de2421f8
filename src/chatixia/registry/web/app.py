"""The HTTP application: a route per verb, `/metrics`, the description, the hub's files, `/ws`."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.routing import BaseRoute, Route, Router

from chatixia.core.ports import Principal
from chatixia.errors import (
    BadRequest,
    Denied,
    MeshError,
    NotFound,
    Overloaded,
    TooLarge,
    Unauthorized,
)
from chatixia.registry.call import LOCAL, Listener, RequestContext
from chatixia.registry.limits import RateLimits, is_loopback, origin
from chatixia.registry.live.described_endpoint import has_token
from chatixia.registry.meter import Meter
from chatixia.registry.people.cookies import HEADER, set_cookie
from chatixia.registry.requests import parse, parse_query
from chatixia.registry.trust.gate import AuthenticatedCaller, Authenticator
from chatixia.registry.verbs import VerbDispatcher, allow
from chatixia.registry.work.followers import Followers
from chatixia.wire.base import decoder, encode
from chatixia.wire.tasks import TOO_LARGE, Ref, Submit, Submitted, Task
from chatixia.wire.verb import Verb
from chatixia.wire.verbs import BY_NAME, TABLE
from chatixia.world import World

from .answers import Send, answer, not_allowed, refuse
from .body import Receive, read_body
from .following import ResponseStreams, seconds, wants_events
from .guard import LISTENER, REQUESTED_HOST, App, Scope
from .provider import ProviderPages
from .requests import ClientGone, RequestBudget, RequestUse, declared, in_time, written
from .static import Asset, find
from .unproved import proved

log = logging.getLogger("chatixia.registry")

JSON: Final = "application/json"
PROVING: Final = frozenset(
    {
        "token",
        "join.begin",
        "join",
        "login.redeem",
        "login.password",
        "pairings.begin",
        "pairings.wait",
    }
)
"""Open verbs whose success means that a credential held."""
NONCE_RATE: Final = (200.0, 50.0)
"""Nonces for one address: a burst, then a second."""
LOOPBACK_NONCE_RATE: Final = (2000.0, 500.0)
"""The same for loopback, where proxies and tunnels end: behind it stand many."""
BODY_METHODS: Final = ("POST", "PUT", "PATCH")

_submitted, _task = decoder(Submitted), decoder(Task)

Text = Callable[[], Awaitable[bytes]]
Serve = Callable[[Request, Send], Awaitable[None]]


class WebApplication:
    """Makes the ASGI application from the parts it is given."""

    def __init__(
        self,
        *,
        gate: Authenticator,
        verbs: VerbDispatcher,
        meter: Meter,
        world: World,
        mesh: str,
        endpoint: App,
        described: App,
        assets: Mapping[str, Asset],
        description: bytes,
        metrics: Text,
        followers: Followers,
        provider: ProviderPages,
    ) -> None:
        self._gate, self._verbs, self._meter = gate, verbs, meter
        self._mesh, self._assets = mesh, dict(assets)
        self._description, self._metrics = description, metrics
        self._following, self._requests = ResponseStreams(followers, world), RequestBudget()
        self._nonces = RateLimits(world, *NONCE_RATE)
        self._near = RateLimits(world, *LOOPBACK_NONCE_RATE)
        self._endpoint, self._provider_routes = endpoint, provider.routes
        self._described_endpoint = described
        self._router = Router(self._routes(), redirect_slashes=False, default=self._unknown)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; every refusal is a problem document."""
        if scope["type"] == "websocket":
            await self._upgrade(scope, receive, send)
            return
        try:
            await self._router(scope, receive, send)
        except ClientGone:
            log.debug("a client left before its answer")
        except MeshError as error:
            self._meter.refused("http", error.code)
            await refuse(send, error, scope["path"])

    async def _upgrade(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/ws":
            described = has_token(scope)
            await (self._described_endpoint if described else self._endpoint)(scope, receive, send)
            return
        await receive()
        await send({"type": "websocket.close", "code": 1000})

    def _routes(self) -> list[BaseRoute]:
        paths: dict[str, dict[str, Serve]] = {}
        for verb in TABLE:
            paths.setdefault(verb.path, {})[verb.method] = self._verb(verb)
        paths |= self._provider_routes
        paths["/metrics"] = {"GET": self._text(self._metrics, "text/plain; version=0.0.4")}
        paths["/api/openapi.json"] = {"GET": self._text(self._described, JSON)}
        # A path without a field first: `/api/tasks/claim` is not a task's id.
        ordered = sorted(paths, key=lambda path: "{" in path)
        return [Route(path, MethodRouter(paths[path])) for path in ordered]

    def _verb(self, verb: Verb) -> Serve:
        async def serve(request: Request, send: Send) -> None:
            call = await self._call(request, verb)
            size = declared(request.headers, verb.limit) if verb.method in BODY_METHODS else 0
            with self._requests.admit(call.principal, size) as use:
                await self._serve(request, verb, call, use, send)

        return serve

    async def _serve(
        self, request: Request, verb: Verb, call: RequestContext, use: RequestUse, send: Send
    ) -> None:
        wait = seconds(request.query_params) if verb.waits else 0.0
        parsed = await in_time(self._parsed(request, verb))
        if verb.streams and request.method == "GET" and wants_events(request.headers):
            await self._stream(request, verb, call, parsed, send)
            return
        body = await self._verbs.run(verb, call, parsed)
        if verb.name in PROVING:
            proved(request.scope)
        if wait and verb.request is Submit:
            body = await self._waited(request, call, body, wait)
        elif wait:
            body = await self._following.wait(
                call.caller,
                parsed.task_id,
                wait,
                partial(self._verbs.run, verb, call, parsed),
                partial(self._call, request, verb),
                request.receive,
            )
        (use.owe if verb.method in BODY_METHODS else use.need)(len(body))
        extra = {**self._cookie(call), **_more(request, call)}
        await self._answer(request, answer(send, verb.status, body, JSON, extra), call.principal)

    async def _answer(
        self, request: Request, sending: Awaitable[None], principal: Principal | None
    ) -> None:
        """A stranger's time for its answer is its connection's."""
        if principal is None:
            await sending
        else:
            await written(sending, request.scope, request.receive)

    async def _waited(
        self, request: Request, call: RequestContext, body: bytes, wait: float
    ) -> bytes:
        """The answer to a submit with the task as it stands after the wait.

        The task is in the queue by now, so nothing that ends the wait is an error.
        """
        reply, get = _submitted.decode(body), BY_NAME["tasks.get"]
        read = partial(self._verbs.run, get, call, Ref(reply.task_id))
        check = partial(self._call, request, BY_NAME["tasks.submit"])
        try:
            allow(get, call)
            raw = await self._following.wait(
                call.caller, reply.task_id, wait, read, check, request.receive
            )
        except MeshError:
            return body
        reply.task = _task.decode(raw)
        reply.state = reply.task.state
        return encode(reply)

    async def _stream(
        self, request: Request, verb: Verb, call: RequestContext, parsed: Any, send: Send
    ) -> None:
        await self._following.stream(
            call.caller,
            parsed.task_id,
            partial(self._verbs.run, verb, call, parsed),
            partial(self._call, request, verb),
            request.receive,
            send,
            request.scope,
        )

    async def _call(self, request: Request, verb: Verb) -> RequestContext:
        """Who calls, checked before a byte of the body is read."""
        listener: Listener = request.scope[LISTENER]
        ip = request.client.host if request.client else "?"
        address = origin(ip)
        if verb.name == "nonce":  # the other open verbs judge a credential first
            self._throttle(address)
        caller = AuthenticatedCaller(None)
        if "open" not in verb.callers or verb.name == "token":
            caller = await self._gate.caller(request.headers, listener, address)
        if caller.principal is not None:
            proved(request.scope)
        call = RequestContext(
            caller.principal,
            address,
            listener,
            request.scope[REQUESTED_HOST] in LOCAL,
            caller.cookie or self._brought(request, verb),
            ip=ip,
            browser=request.headers.get("user-agent", ""),
            by_key=caller.by_key,
        )
        allow(verb, call)
        if caller.cookie and verb.method != "GET" and HEADER not in request.headers:
            raise Denied(f"Writes from a browser need the header {HEADER}.")
        return call

    def _brought(self, request: Request, verb: Verb) -> str:
        """The cookie that comes along with a login: the session that it ends."""
        listener: Listener = request.scope[LISTENER]
        return self._gate.cookie(request.headers, listener) if "open" in verb.callers else ""

    def _throttle(self, address: str) -> None:
        limits = self._near if is_loopback(address) else self._nonces
        if not limits.take(address):
            raise Overloaded

    async def _parsed(self, request: Request, verb: Verb) -> Any:
        path = {name: str(value) for name, value in request.path_params.items()}
        if verb.method not in BODY_METHODS:
            return parse_query(verb, {**dict(request.query_params), **path})
        kind = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
        if kind != JSON:
            raise BadRequest(f"The content type must be {JSON}.")
        try:
            body = await read_body(request.receive, request.headers, verb.limit)
        except TooLarge:
            if verb.request is Submit:  # work is refused with the same sentence everywhere
                raise TooLarge(TOO_LARGE) from None
            raise
        return parse(verb, body, path)

    def _cookie(self, call: RequestContext) -> dict[str, str]:
        if call.cookie is None:
            return {}
        return {"set-cookie": set_cookie(self._mesh, call.listener, call.cookie)}

    def _text(self, make: Text, kind: str) -> Serve:
        """A read-only text for any caller with a valid credential."""

        async def serve(request: Request, send: Send) -> None:
            listener: Listener = request.scope[LISTENER]
            address = origin(request.client.host if request.client else "?")
            caller = await self._gate.caller(request.headers, listener, address)
            if caller.principal is None:
                raise Unauthorized
            proved(request.scope)
            with self._requests.admit(caller.principal, 0) as use:
                body = await make()
                use.need(len(body))
                await self._answer(request, answer(send, 200, body, kind), caller.principal)

        return serve

    async def _described(self) -> bytes:
        return self._description

    async def _unknown(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The hub's files, or 404."""
        if scope["method"] not in ("GET", "HEAD"):
            raise NotFound("There is nothing at this path.")
        headers = dict(scope["headers"])
        asset = find(self._assets, scope["path"], headers.get(b"accept", b"").decode("latin-1"))
        if headers.get(b"if-none-match", b"").decode("latin-1") == asset.tag:
            await answer(send, 304, b"", asset.kind, asset.headers())
            return
        await answer(send, 200, asset.body, asset.kind, asset.headers())


def _more(request: Request, call: RequestContext) -> dict[str, str]:
    """Where the rest of a bare list is (RFC 8288)."""
    if not call.more:
        return {}
    query = urlencode({**dict(request.query_params), "cursor": call.more})
    return {"link": f'<{request.url.path}?{query}>; rel="next"'}


class MethodRouter:
    """The handlers of one path by method; any other method is 405 with Allow.

    HEAD is GET, whose body the server leaves out: what watches over a service asks so.
    """

    def __init__(self, methods: Mapping[str, Serve]) -> None:
        self._methods = dict(methods)
        if "GET" in methods:
            self._methods["HEAD"] = methods["GET"]
        self._allow = ", ".join(sorted(self._methods))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, or answer 405."""
        serve = self._methods.get(scope["method"])
        if serve is None:
            await not_allowed(send, scope["path"], self._allow)
            return
        await serve(Request(scope, receive), send)
