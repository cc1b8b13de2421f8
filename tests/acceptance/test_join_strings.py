"""A join string brings in whom it names, once, and into no other mesh than it names."""

from __future__ import annotations

import os
from pathlib import Path

from msgspec.structs import replace

from chatixia.assembly.membership.invite import invite, waiting
from chatixia.assembly.profile.profile import Profile, exists
from chatixia.core.join import decode, encode
from tests.acceptance.harness import TestMesh


def test_a_join_string_of_a_foreign_mesh_joins_nobody(net: TestMesh, tmp_path: Path):
    net.up()
    profile = Profile.open(home=net.procs.home)
    invited = invite(profile, "pi")
    true = decode(invited.string)
    foreign = {"mesh": os.urandom(16), "registry": os.urandom(16), "secret": os.urandom(16)}
    for part, wrong in foreign.items():
        home = tmp_path / f"foreign-{part}"
        string = encode(replace(true, **{part: wrong}))
        done = net.procs.run("join", string, CHATIXIA_HOME=str(home))
        assert done.returncode == 4, (part, done)
        assert len(done.stderr.strip().splitlines()) == 1 and not done.stdout, done
        assert not exists(home=home)
        assert waiting(profile, invited.key, 0).joined == ""
    home = tmp_path / "true"
    assert net.procs.run("join", invited.string, CHATIXIA_HOME=str(home)).returncode == 0
    assert Profile.open(home=home).mesh == profile.mesh
    assert waiting(profile, invited.key, 0).joined == "pi"


def test_a_join_string_used_twice_at_once_joins_one(net: TestMesh, tmp_path: Path):
    net.up()
    profile = Profile.open(home=net.procs.home)
    for turn in range(3):
        invited = invite(profile, f"pi{turn}")
        homes = [tmp_path / f"{turn}-{n}" for n in range(2)]
        racing = [
            net.procs.start("join", invited.string, CHATIXIA_HOME=str(home)) for home in homes
        ]
        codes = [process.wait() for process in racing]
        assert sorted(codes) == [0, 4], [process.output for process in racing]
        winner, loser = codes.index(0), codes.index(4)
        # Which of the two it meets first is the registry's turn: the used invitation or the name.
        said = racing[loser].stream("err")
        assert "invitation" in said or "is taken by another key" in said, said
        assert exists(home=homes[winner]) and not exists(home=homes[loser])
        again = net.procs.run("join", invited.string, CHATIXIA_HOME=str(homes[loser]))
        assert again.returncode == 4 and not exists(home=homes[loser])
        key = Profile.open(home=homes[winner]).machine_keys()[0].public
        assert waiting(profile, invited.key, 0).joined == f"pi{turn}"
        assert member_key(net, f"pi{turn}") == key


def member_key(net: TestMesh, name: str) -> bytes:
    """The key that the registry keeps for an id."""
    import sqlite3
    from contextlib import closing

    import msgspec

    from chatixia.core.record import read_record
    from chatixia.wire.signed import unb64
    from chatixia.wire.trust import Signed

    file = Profile.open(home=net.procs.home).folder / "registry" / "registry.db"
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        [(chain,)] = database.execute("SELECT chain FROM members WHERE id = ?", (name,)).fetchall()
    leaf = msgspec.json.decode(chain, type=list[Signed])[0]
    return unb64(read_record(unb64(leaf.b)).sign)
