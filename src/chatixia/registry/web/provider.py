"""The two addresses of a login at the identity provider: there, and back.

The answer comes from another site, with which a browser sends no Strict cookie. So the way back is
a page of ours with a link that lives for a minute: what follows is same-site, as with any link.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from html import escape
from typing import Final

from starlette.requests import Request

from chatixia.errors import MeshError, NotFound
from chatixia.registry.call import LOCAL, Listener, RequestContext
from chatixia.registry.limits import origin
from chatixia.registry.people.cookies import login_cookie, login_cookie_name, named_cookie
from chatixia.registry.people.logins import Logins
from chatixia.registry.people.provider import IdentityProvider, ProviderAnswer

from .answers import Send, answer, opening
from .guard import LISTENER, REQUESTED_HOST

BEGIN: Final = "/login/provider"
BACK: Final = "/login/provider/back"
HTML: Final = "text/html; charset=utf-8"
PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>chatixia hub</title>{head}</head>
<body><p>{text}</p><p><a href="{href}">{label}</a></p></body></html>
"""

Route = Callable[[Request, Send], Awaitable[None]]


class ProviderPages:
    """``provider``: None where none is set up; then both addresses are unknown."""

    def __init__(self, mesh: str, provider: IdentityProvider | None, logins: Logins) -> None:
        self._mesh, self._provider, self._logins = mesh, provider, logins

    @property
    def routes(self) -> dict[str, dict[str, Route]]:
        """The handlers by path and method."""
        return {BEGIN: {"GET": self.begin}, BACK: {"GET": self.back}}

    async def begin(self, request: Request, send: Send) -> None:
        """Send the browser to the provider, with a cookie that only it has."""
        listener: Listener = request.scope[LISTENER]
        try:
            started = await self._there().begin(back_uri(request), origin(_ip(request)))
        except MeshError as error:
            await self._sorry(request, send, error)
            return
        cookie = login_cookie(self._mesh, listener, started.cookie, started.state)
        headers = {"location": started.url, "set-cookie": cookie, "content-length": "0"}
        await send(opening(303, HTML, headers))
        await send({"type": "http.response.body", "body": b""})

    async def back(self, request: Request, send: Send) -> None:
        """Judge the provider's answer; the page that follows opens the hub or says why not."""
        listener: Listener = request.scope[LISTENER]
        query = request.query_params
        result = ProviderAnswer(
            *(query.get(key, "")[:4096] for key in ("state", "code", "iss", "error"))
        )
        name = login_cookie_name(self._mesh, listener, result.state)
        cookie = named_cookie(name, request.headers.get("cookie", ""))
        ip = _ip(request)
        call = RequestContext(None, origin(ip), listener, ip=ip)
        try:
            account = await self._there().finish(result, cookie)
            secret = await self._logins.link_of(call, account)
        except MeshError as error:
            await self._sorry(request, send, error)
            return
        href = f"/#{secret}"
        head = f'<meta http-equiv="refresh" content="0; url={href}">'
        await self._page(request, send, 200, head, "You are logged in.", href, "Open the hub")

    def _there(self) -> IdentityProvider:
        if self._provider is None:
            raise NotFound("No identity provider is set up here.")
        return self._provider

    async def _sorry(self, request: Request, send: Send, error: MeshError) -> None:
        text = escape(error.message)
        await self._page(request, send, error.status, "", text, "/", "Back to the hub")

    async def _page(
        self, request: Request, send: Send, status: int, head: str, text: str, href: str, label: str
    ) -> None:
        """A page without script; the cookie of the login that came back is over with it."""
        body = PAGE.format(head=head, text=text, href=href, label=label).encode()
        state = request.query_params.get("state", "")[:4096]
        over = login_cookie(self._mesh, request.scope[LISTENER], "", state)
        await answer(send, status, body, HTML, {"set-cookie": over})


def _ip(request: Request) -> str:
    return request.client.host if request.client else "?"


def back_uri(request: Request) -> str:
    """Where the provider sends the browser back to: the very host that was asked for. Behind a
    tunnel or proxy the page is https."""
    listener: Listener = request.scope[LISTENER]
    near = request.scope[REQUESTED_HOST] in LOCAL
    scheme = "https" if listener.secure or not near else "http"
    return f"{scheme}://{request.headers['host']}{BACK}"
