"""The cookie by listener, and where the page's secret stands."""

from __future__ import annotations

from chatixia.registry.call import Listener
from chatixia.registry.people.cookies import (
    cookie_name,
    named_cookie,
    page_secret,
    read_cookie,
    set_cookie,
)


def test_cookies_by_listener():
    clear, tls = Listener(), Listener(True, b"c")
    mesh = "ab" * 32
    assert cookie_name(mesh, tls) == "__Host-chatixia" and mesh[:16] in cookie_name(mesh, clear)
    assert "Secure" in set_cookie(mesh, tls, "s") and "Secure" not in set_cookie(mesh, clear, "s")
    header = f"a=1; {cookie_name(mesh, tls)}=secret; b=2"
    assert read_cookie(mesh, tls, header) == "secret" and read_cookie(mesh, clear, header) == ""
    assert named_cookie("b", header) == "2" and named_cookie("c", header) == ""


def test_the_pages_secret_stands_in_a_header_or_among_the_subprotocols():
    assert page_secret({"x-chatixia": "s"}) == "s"
    assert page_secret({"sec-websocket-protocol": "chatixia, page.s-_9"}) == "s-_9"
    assert page_secret({"sec-websocket-protocol": "chatixia"}) == page_secret({}) == ""
