"""A principal's own file: what it keeps over a kill, its bounds, and how it is refused."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from chatixia.core import pins
from chatixia.core.ports import Pin, PinBook
from chatixia.core.revocation import sign_revocation
from chatixia.errors import ConfigError, NameTaken, Overloaded, Unavailable
from chatixia.store.local import LocalStore
from chatixia.store.local import store as module
from chatixia.wire.trust import Revocation, Signed
from tests.core.circle import NOW, Party, agent, machine, owner

OPEN: list[LocalStore] = []


@pytest.fixture(autouse=True)
def _close() -> Iterator[None]:
    yield
    while OPEN:
        OPEN.pop().close()


def opened(path: Path, now: float = NOW) -> LocalStore:
    OPEN.append(LocalStore.open(path / "local.db", now))
    return OPEN[-1]


def pin(name: str, kind: str = "agent", **fields: object) -> Pin:
    made = Pin("default", name, kind, b"s" * 32, b"x" * 32, 1, b"m" * 32, "laptop", 4, 0)
    return msgspec.structs.replace(made, **fields)


def revocation(name: str, serial: int = 1, version: int = 1) -> tuple[Signed, Revocation]:
    made = Revocation(owner().mesh, "default", name, serial, NOW, version)
    return sign_revocation(made, owner().sign.sign), made


def test_it_is_a_pin_book(tmp_path: Path):
    book: PinBook = opened(tmp_path)
    pins.accept(agent().member(), book)
    with pytest.raises(NameTaken):
        pins.judge(agent(above=machine("desk"), serial=9).member(), book)


def test_pins_are_kept_whole_and_over_a_restart(tmp_path: Path):
    store = opened(tmp_path)
    store.keep([pin("a"), pin("b", not_after=NOW + 9)])
    store.keep([pin("a", serial=2)])
    store.close()
    store = opened(tmp_path)
    assert store.pin("default", "a") == pin("a", serial=2)
    assert store.pin("default", "b") == pin("b", not_after=NOW + 9)
    assert store.pin("other", "a") is None


def test_who_is_ephemeral_is_forgotten_when_over_and_others_never(tmp_path: Path):
    store = opened(tmp_path)
    store.keep(
        [
            pin("x~aaaaaa", "client", not_after=NOW - 1, ephemeral=True),
            pin("y~aaaaaa", "client", not_after=NOW + 1, ephemeral=True),
            pin("job", "agent", not_after=NOW - 1, ephemeral=True),
            pin("z", "agent", not_after=NOW - 1),
        ]
    )
    store.close()
    store = opened(tmp_path)
    assert store.pin("default", "x~aaaaaa") is None
    assert store.pin("default", "job") is None
    assert store.pin("default", "y~aaaaaa") is not None
    assert store.pin("default", "z") is not None


def test_pins_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MAX_PINS", 3)
    store = opened(tmp_path)
    store.keep([pin("a"), pin("b"), pin("c")])
    with pytest.raises(Overloaded):
        store.keep([pin("d"), pin("e")])
    assert store.pin("default", "d") is None
    store.keep([pin("a", serial=2)])


def test_revocations_rise_and_stay(tmp_path: Path):
    store = opened(tmp_path)
    first, body = revocation("a", 1, 1)
    assert store.revoke(first, body)
    assert not store.revoke(first, body)
    later, raised = revocation("a", 2, 5)
    assert store.revoke(later, raised)
    assert not store.revoke(first, body)
    other, more = revocation("b", 1, 3)
    assert store.revoke(other, more)
    store.close()
    store = opened(tmp_path)
    assert store.revocations == {("default", "a"): raised, ("default", "b"): more}
    assert store.version == 5
    assert store.statements() == [other, later]
    assert store.statements(above=3) == [later]


def test_revocations_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MAX_REVOCATIONS", 1)
    store = opened(tmp_path)
    store.revoke(*revocation("a"))
    with pytest.raises(Overloaded):
        store.revoke(*revocation("b"))
    assert store.revoke(*revocation("a", 2, 2))


def test_the_file_is_its_owners_alone(tmp_path: Path):
    before = os.umask(0)
    try:
        opened(tmp_path).keep([pin("a")])
    finally:
        os.umask(before)
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_a_damaged_file_is_one_sentence(tmp_path: Path):
    (tmp_path / "local.db").write_bytes(b"not a database" * 999)
    with pytest.raises(ConfigError, match=r"local\.db"):
        opened(tmp_path)
    with pytest.raises(ConfigError):
        opened(tmp_path / "nowhere")


def test_a_closed_store_says_so(tmp_path: Path):
    store = opened(tmp_path)
    store.close()
    store.close()
    with pytest.raises(Unavailable):
        store.pin("default", "a")


def test_a_change_that_fails_leaves_nothing(tmp_path: Path):
    store = opened(tmp_path)
    with pytest.raises(Unavailable):
        store.keep([pin("a"), pin("b", kind=None)])
    assert store.pin("default", "a") is None
    store.keep([pin("a")])


def test_two_processes_share_a_file(tmp_path: Path):
    one, two = opened(tmp_path), opened(tmp_path)
    one.keep([pin("a")])
    assert two.pin("default", "a") == pin("a")


KILLED = """
import os, signal, sys
from pathlib import Path
from chatixia.core.ports import Pin
from chatixia.store.local import LocalStore
store = LocalStore.open(Path(sys.argv[1]), 0.0)
store.keep([Pin("default", "bob", "agent", b"sign", b"seal", 1, b"signer")])
print("done", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_written_survives_a_kill(tmp_path: Path):
    path = tmp_path / "local.db"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(path)], capture_output=True, timeout=60
    )
    assert done.returncode == -signal.SIGKILL
    assert done.stdout == b"done\n"
    kept = opened(tmp_path).pin("default", "bob")
    assert kept is not None and kept.sign == b"sign"


def test_in_memory():
    store = LocalStore.memory()
    OPEN.append(store)
    pins.accept(Party("client", "laptop~abc234", machine()).member(), store)
    assert store.pin("default", "laptop~abc234")


def test_a_newer_schema_is_refused(tmp_path: Path):
    db = sqlite3.connect(tmp_path / "local.db")
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(ConfigError, match="newer"):
        opened(tmp_path)


OPENS = """
import sys
from pathlib import Path
from chatixia.store.local import LocalStore
print("ready", flush=True)
for line in sys.stdin:
    LocalStore.open(Path(line.strip()), 0.0).close()
    print("ok", flush=True)
"""


def test_many_processes_may_open_a_new_file_at_once(tmp_path: Path):
    """As two commands typed at once in a new profile do; one in twenty was told `locked`."""
    talk = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    openers = [subprocess.Popen([sys.executable, "-c", OPENS], **talk) for _ in range(4)]
    try:
        assert [one.stdout.readline() for one in openers] == ["ready\n"] * 4
        for n in range(100):
            for one in openers:
                one.stdin.write(f"{tmp_path / str(n)}.db\n")
            for one in openers:
                one.stdin.flush()
            assert [one.stdout.readline() for one in openers] == ["ok\n"] * 4
    finally:
        for one in openers:
            one.communicate()


def test_when_the_list_was_confirmed_outlives_a_restart_and_never_steps_back(tmp_path: Path):
    store = opened(tmp_path)
    assert store.confirmed == 0
    for issued in (NOW, NOW - 5):
        store.confirm(issued)
        assert store.confirmed == NOW
    store.close()
    assert opened(tmp_path).confirmed == NOW
