"""The cookie of a browser session, and the page's secret beside it.

Cookies ignore ports: whatever else answers on this machine's loopback is sent ours. So there the
cookie alone is nothing; the page keeps a second secret in its sessionStorage, which no other
origin reads, and sends it as the header ``X-Chatixia`` or, with a WebSocket, as a subprotocol.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from chatixia.registry.call import Listener

SESSION_SECONDS: Final = 12 * 3600
LOGIN_SECONDS: Final = 600
"""How long somebody may take at the identity provider."""
HEADER: Final = "x-chatixia"
"""A header that no form or image of another site can send; its value is the page's secret."""
SUBPROTOCOL: Final = "chatixia"
"""What the registry agrees to where a page says it beside its secret."""
PAGE_PREFIX: Final = "page."
"""How the subprotocol begins that is the page's secret."""


def login_cookie(mesh: str, listener: Listener, secret: str, state: str) -> str:
    """A Set-Cookie header's value for the login of that ``state``, which is under way at the
    identity provider. It is Lax: the browser comes back by a link of another site. An empty secret
    clears it."""
    age = LOGIN_SECONDS if secret else 0
    secure = "; Secure" if listener.secure else ""
    name = login_cookie_name(mesh, listener, state)
    return f"{name}={secret}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{secure}"


def login_cookie_name(mesh: str, listener: Listener, state: str) -> str:
    """What that cookie is called: each login has its own, for one browser begins several in its
    tabs."""
    return f"{cookie_name(mesh, listener)}-login-{sha256(state.encode()).hexdigest()[:8]}"


def cookie_name(mesh: str, listener: Listener) -> str:
    """Where there are two registries on loopback, the mesh's id keeps their cookies apart."""
    return "__Host-chatixia" if listener.secure else f"chatixia-{mesh[:16]}"


def set_cookie(mesh: str, listener: Listener, secret: str) -> str:
    """A Set-Cookie header's value; an empty secret clears it."""
    age = SESSION_SECONDS if secret else 0
    secure = "; Secure" if listener.secure else ""
    name = cookie_name(mesh, listener)
    return f"{name}={secret}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}"


def read_cookie(mesh: str, listener: Listener, header: str) -> str:
    """Our cookie's value in a Cookie header, or ""."""
    return named_cookie(cookie_name(mesh, listener), header)


def named_cookie(wanted: str, header: str) -> str:
    """The value of the cookie ``wanted`` in a Cookie header, or ""."""
    for part in header[:4096].split(";"):
        name, _, value = part.strip().partition("=")
        if name == wanted:
            return value
    return ""


def page_secret(headers: Mapping[str, str]) -> str:
    """The page's secret that a request or an upgrade carries, or ""."""
    for part in headers.get("sec-websocket-protocol", "")[:1024].split(","):
        name = part.strip()
        if name.startswith(PAGE_PREFIX):
            return name.removeprefix(PAGE_PREFIX)
    return headers.get(HEADER, "")
