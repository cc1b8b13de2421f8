"""The hub's files by path, and nothing beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatixia.errors import NotFound
from chatixia.registry.web.static import find, load
from chatixia.testing.registry import RegistryHarness
from tests.registry.doors import http_call


def test_only_plain_files_below_the_folder(tmp_path: Path):
    hub = tmp_path / "hub"
    (hub / "a").mkdir(parents=True)
    (hub / "index.html").write_text("<p>")
    (hub / "a" / "b.js").write_text("1")
    (hub / "__init__.py").write_text("secret")
    (tmp_path / "outside").write_text("secret")
    (hub / "link").symlink_to(tmp_path / "outside")
    found = load(hub)
    assert set(found) == {"/index.html", "/a/b.js"}
    assert "javascript" in found["/a/b.js"].kind
    assert find(found, "/", "").body == b"<p>" == find(found, "/agents", "text/html").body
    for path, accept in (
        ("/agents", "*/*"),
        ("/a/../../outside", "text/html,.x"),
        ("/api/x", "text/html"),
        ("/missing.js", "text/html"),
    ):
        with pytest.raises(NotFound):
            find(found, path, accept if path != "/a/../../outside" else "*/*")
    assert load(tmp_path / "none") == {}


async def test_the_page_has_a_strict_policy_and_a_tag(registry: RegistryHarness):
    page = await http_call(registry, "GET", "/")
    assert page.status == 200 and page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert "script-src 'self'" in policy and "unsafe" not in policy
    again = await http_call(registry, "GET", "/", if_none_match=page.headers["etag"])
    assert again.status == 304 and again.body == b""
    assert (await http_call(registry, "POST", "/", {})).status == 404
