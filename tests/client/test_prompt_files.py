"""Files that go with a prompt: texts and images, within their bounds."""

from pathlib import Path

import pytest

from chatixia.client import prompt_files as module
from chatixia.client.prompt_files import media_type, prompt_files
from chatixia.errors import BadArguments, TooLarge
from chatixia.wire.peer import PromptFile

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 8


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        ("größe".encode(), "text/plain"),
        (b"", "text/plain"),
    ],
)
def test_a_file_is_what_it_begins_with(data: bytes, kind: str):
    assert media_type(data, "x") == kind


@pytest.mark.parametrize("data", [b"\xff\x00", b"%PDF-1.7\0", b"RIFF\0\0\0\0WAVE\xff"])
def test_what_no_model_reads_is_refused(data: bytes):
    with pytest.raises(BadArguments, match="neither UTF-8 text nor"):
        media_type(data, "x")


def test_paths_and_files_are_taken(tmp_path: Path):
    (tmp_path / "a.png").write_bytes(PNG)
    given = PromptFile("b", "text/plain", b"x")
    assert prompt_files([tmp_path / "a.png", str(tmp_path / "a.png"), given]) == (
        PromptFile("a.png", "image/png", PNG),
        PromptFile("a.png", "image/png", PNG),
        given,
    )


def test_number_and_bytes_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MAX_FILE_BYTES", 10)
    (tmp_path / "a").write_bytes(b"x" * 6)
    with pytest.raises(TooLarge, match="10 bytes together"):
        prompt_files([tmp_path / "a", tmp_path / "a"])
    with pytest.raises(TooLarge):
        prompt_files([PromptFile("b", "text/plain", b"x" * 11)])
    with pytest.raises(BadArguments, match="At most 8 files"):
        prompt_files([tmp_path / "a"] * 9)


def test_one_that_is_not_there(tmp_path: Path):
    with pytest.raises(BadArguments, match="cannot be read"):
        prompt_files([tmp_path / "none"])
