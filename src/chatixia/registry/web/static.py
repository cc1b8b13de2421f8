"""The hub's built files, read once, by path; nothing outside their folder is ever opened."""

from __future__ import annotations

import hashlib
import mimetypes
from pathlib import Path

import msgspec

from chatixia.errors import NotFound
from chatixia.wire.base import MIB

from .answers import PAGE_CSP

MAX_FILES = 2000
MAX_FILE = 8 * MIB
INDEX = "/index.html"


class Asset(msgspec.Struct, frozen=True):
    """A file's bytes, media type and entity tag."""

    body: bytes
    kind: str
    tag: str

    def headers(self) -> dict[str, str]:
        """Headers beyond the usual ones."""
        return {
            "content-security-policy": PAGE_CSP,
            "cache-control": "no-cache",
            "etag": self.tag,
        }


def load(folder: Path) -> dict[str, Asset]:
    """All files below ``folder`` by their URL path; empty if there is no folder."""
    assets: dict[str, Asset] = {}
    for path in sorted(folder.rglob("*")):
        name = "/" + path.relative_to(folder).as_posix()
        if len(assets) < MAX_FILES and _served(path):
            assets[name] = _asset(path)
    return assets


def _served(path: Path) -> bool:
    plain = path.is_file() and not path.is_symlink() and path.suffix not in (".py", ".pyc")
    return plain and path.stat().st_size <= MAX_FILE


def _asset(path: Path) -> Asset:
    body = path.read_bytes()
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if kind.startswith("text/") or kind.endswith("javascript"):
        kind += "; charset=utf-8"
    return Asset(body, kind, f'"{hashlib.sha256(body).hexdigest()[:32]}"')


def find(assets: dict[str, Asset], path: str, accept: str) -> Asset:
    """The file at ``path``; a page's own address gets the index. Raises NotFound."""
    if path in assets:
        return assets[path]
    is_page = "." not in path.rpartition("/")[2] and not path.startswith(("/api", "/ws"))
    if INDEX in assets and (path == "/" or (is_page and "text/html" in accept)):
        return assets[INDEX]
    raise NotFound("There is nothing at this path.")
