"""The leak search itself: what is there is found, in every spelling; what is not, is not."""

import base64
import pathlib
import sys

import pytest

from tests.lab.leaks import Capture, found_in_files, found_in_memory, new_marker, search, spellings
from tests.lab.netns import Lab
from tests.lab.procs import Procs

HOLD = """
import signal, sys
word = open(sys.argv[1]).read()
kept = {keep}
print("held", flush=True)
signal.pause()
"""
WITHOUT = HOLD.replace("open(sys.argv[1]).read()", "'none'")


@pytest.mark.parametrize("before", range(6))
def test_base64_is_found_at_every_offset(before: int):
    marker = new_marker()
    text = base64.b64encode(b"x" * before + marker.encode() + b"yz")
    assert search([text], marker)
    assert search([text[:9], text[9:]], marker)
    assert not search([text], new_marker())


def test_each_spelling_is_told():
    marker = new_marker()
    for name, data in spellings(marker).items():
        assert name in search([b"..", data[:5], data[5:], b".."], marker)


@pytest.mark.root
@pytest.mark.parametrize(
    ("program", "seen"),
    [
        (HOLD.format(keep="word"), True),
        (HOLD.format(keep="word.encode().hex()"), True),
        (WITHOUT.format(keep="word"), False),
    ],
)
def test_memory_of_another_process(procs: Procs, program: str, seen: bool):
    marker, file = new_marker(), procs.folder / "word"
    file.write_text(marker)
    holder = procs.start(program, str(file), program=(sys.executable, "-c"))
    holder.wait_for("held")
    assert bool(found_in_memory(holder.pid, marker)) is seen


def test_files(tmp_path: pathlib.Path):
    marker = new_marker()
    (tmp_path / "a").write_bytes(b"x" * 5000 + marker.encode("utf-16-le"))
    (tmp_path / "b").write_bytes(b"nothing")
    assert found_in_files(tmp_path, marker) == {str(tmp_path / "a"): {"utf-16"}}


SAY = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
    here.bind(("127.0.0.1", 0))
    here.sendto(open(sys.argv[1], "rb").read(), here.getsockname())
    here.recv(100)
"""


@pytest.mark.root
def test_packets(tmp_path: pathlib.Path, lab: Lab):
    marker, file, host = new_marker(), tmp_path / "word", lab.host("a")
    file.write_text(marker)
    capture = Capture(tmp_path / "packets", host)
    assert host.run(sys.executable, "-c", SAY, str(file)).returncode == 0
    assert search([capture.stop().read_bytes()], marker) == {"plain"}
