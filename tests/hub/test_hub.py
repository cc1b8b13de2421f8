"""The committed page is what its source builds, loads nothing from elsewhere, and is wired up."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from chatixia.hub import FOLDER
from chatixia.registry.web.answers import PAGE_CSP

WEB = Path(__file__).parents[2] / "web"
FIXED = ("build.mjs", "package.json", "package-lock.json", "tsconfig.json")


def digest() -> str:
    names = [*FIXED, *(f"src/{path.name}" for path in sorted((WEB / "src").iterdir()))]
    found = hashlib.sha256()
    for name in names:
        text = (WEB / name).read_text(encoding="utf-8").replace("\r\n", "\n")
        found.update(f"{name}\0{text}\0".encode())
    return found.hexdigest()


def test_the_page_was_built_from_this_source():
    stamp = (FOLDER / "source.sha256").read_text().strip()
    assert stamp == digest(), "run `npm ci && npm run build` in web/ and commit the result"


@pytest.mark.parametrize("name", ["index.html", "hub.css", "icon.svg"])
def test_copied_files_are_the_source(name: str):
    assert (FOLDER / name).read_bytes() == (WEB / "src" / name).read_bytes()


def test_nothing_names_another_host():
    for path in FOLDER.iterdir():
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.findall(r"https?://[\w.]+", text), path.name


def test_nothing_is_inline():
    page = (FOLDER / "index.html").read_text(encoding="utf-8")
    assert "'unsafe" not in PAGE_CSP
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", page)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", page))


def test_every_element_that_the_code_asks_for_is_on_the_page():
    page = (FOLDER / "index.html").read_text(encoding="utf-8")
    code = (FOLDER / "hub.js").read_text(encoding="utf-8")
    asked = set(re.findall(r'byId\("([\w-]+)"\)', code))
    assert asked
    assert asked <= set(re.findall(r'id="([\w-]+)"', page))


def test_text_is_never_read_as_markup():
    code = (FOLDER / "hub.js").read_text(encoding="utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", code)


def test_the_lock_names_no_registry():
    lock = json.loads((WEB / "package-lock.json").read_text(encoding="utf-8"))
    assert not any("resolved" in package for package in lock["packages"].values())


def palettes() -> list[dict[str, str]]:
    css = (FOLDER / "hub.css").read_text(encoding="utf-8")
    return [
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", part)) for part in css.split("@media")[:2]
    ]


def luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_has_the_contrast_of_wcag_aa(scheme: int):
    colours = palettes()[scheme]
    pairs = [
        (text, ground)
        for text in ("text", "muted", "good", "fair", "bad", "accent")
        for ground in ("panel", "ground")
    ]
    for text, ground in [*pairs, ("on-accent", "accent"), ("text", "warn-ground")]:
        dark, bright = sorted((luminance(colours[text]), luminance(colours[ground])))
        assert (bright + 0.05) / (dark + 0.05) >= 4.5, (text, ground)
