"""Profiles: made once, private, apart from each other, and refused with a cure."""

from __future__ import annotations

import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chatixia.assembly.profile import profile as module
from chatixia.assembly.profile.profile import Profile, ProfileFile, appear_profile, make_keys
from chatixia.core.membership import check_chain
from chatixia.core.record import mesh_of, read_record
from chatixia.errors import ConfigError, Conflict, MeshError
from chatixia.identity import verify
from chatixia.wire.signed import b64, unb64
from chatixia.world import REAL


def create(home: Path, name: str = "", machine: str = "laptop") -> Profile:
    return Profile.create(name, home=home, machine=machine)


def test_the_first_up_makes_a_whole_mesh(tmp_path: Path):
    profile = create(tmp_path)
    now = profile.clock.now()
    owner, chain = profile.owner_key()
    assert profile.mesh == mesh_of(owner.public)
    assert profile.owner == owner.public
    mine = check_chain(profile.machine_chain, mesh=profile.mesh, now=now, verify=verify)
    assert (mine.id, mine.kind, len(mine.chain)) == ("laptop", "machine", 2)
    assert mine.sign == profile.machine_keys()[0].public
    assert mine.seal == profile.machine_keys()[1].public
    assert check_chain(chain, mesh=profile.mesh, now=now, verify=verify).kind == "owner"
    registry = profile.registry_identity()
    found = check_chain(registry.chain, mesh=profile.mesh, now=now, verify=verify)
    assert (found.kind, found.sign) == ("registry", registry.sign.public)
    assert profile.registry_key == registry.sign.public


def test_everything_in_it_is_private(tmp_path: Path):
    profile = create(tmp_path)
    for path in [profile.folder, *profile.folder.rglob("*")]:
        mode = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == mode, path


def test_the_registrys_folder_holds_no_other_key(tmp_path: Path):
    profile = create(tmp_path)
    held = {path.read_bytes() for path in (profile.folder / "registry").iterdir()}
    owner, machine = profile.owner_key()[0], profile.machine_keys()[0]
    for key in (owner, machine):
        assert not any(key.seed() in data for data in held)


def test_it_is_opened_again_as_it_was(tmp_path: Path):
    first = create(tmp_path)
    second = create(tmp_path, machine="other")
    assert (second.mesh, second.machine) == (first.mesh, "laptop")
    assert Profile.open(home=tmp_path).mesh == first.mesh
    assert Profile.open(home=tmp_path).name == "home"


def test_two_profiles_are_apart(tmp_path: Path):
    one, two = create(tmp_path, "one"), create(tmp_path, "two")
    other = create(tmp_path / "elsewhere", "one")
    assert len({one.mesh, two.mesh, other.mesh}) == 3
    before = {path: path.read_bytes() for path in two.folder.rglob("*") if path.is_file()}
    one.set_registries(["https://a:1"])
    one.clock.learn(one.clock.now() + 999)
    assert {p: p.read_bytes() for p in two.folder.rglob("*") if p.is_file()} == before
    assert module.profiles(tmp_path) == ["one", "two"]


def test_no_profile_is_a_sentence_with_the_cure(tmp_path: Path):
    with pytest.raises(ConfigError, match="chatixia up"):
        Profile.open(home=tmp_path)
    assert not module.exists(home=tmp_path)
    assert module.profiles(tmp_path) == []


def test_who_is_in_another_mesh_hears_of_it(tmp_path: Path):
    create(tmp_path, "one")
    with pytest.raises(ConfigError) as caught:
        Profile.open("other", home=tmp_path)
    assert "joined no mesh called other, but one" in caught.value.message
    assert "--mesh" in caught.value.message and "chatixia up" not in caught.value.message


@pytest.mark.parametrize("name", ["../x", "a/b", "A", ".", "..", "x" * 41, "-a", "a b"])
def test_a_mesh_name_is_no_path(tmp_path: Path, name: str):
    with pytest.raises(ConfigError, match="cannot name a mesh"):
        create(tmp_path, name)


def test_the_environment_says_where_and_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CHATIXIA_HOME", str(tmp_path / "a b"))
    monkeypatch.setenv("CHATIXIA_MESH", "lab")
    assert Profile.create(machine="laptop").folder == tmp_path / "a b" / "lab"
    assert Profile.open().name == "lab"
    assert Profile.open("lab").name == "lab"
    monkeypatch.delenv("CHATIXIA_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert module.home_dir() == tmp_path / "data" / "chatixia"


CREATE = """
import sys
from pathlib import Path
from chatixia.assembly.profile.profile import Profile
print(Profile.create(home=Path(sys.argv[1])).mesh)
"""


def test_many_processes_at_once_make_one_mesh(tmp_path: Path):
    def up(_: int) -> str:
        done = subprocess.run(
            [sys.executable, "-c", CREATE, str(tmp_path)], capture_output=True, timeout=60
        )
        return done.stdout.decode().strip() or done.stderr.decode()

    with ThreadPoolExecutor(4) as pool:
        made = set(pool.map(up, range(4)))
    assert made == {Profile.open(home=tmp_path).mesh}
    assert sorted(p.name for p in tmp_path.iterdir()) == [".home.lock", "home"]


def test_a_crash_while_making_leaves_no_half_profile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def crash(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(module, "_finish", crash)
        with pytest.raises(ZeroDivisionError):
            create(tmp_path)
    assert not (tmp_path / "home").exists()
    assert create(tmp_path).machine == "laptop"


def test_a_folder_of_something_else_is_not_taken(tmp_path: Path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.txt").write_text("mine")
    with pytest.raises(ConfigError, match="not empty"):
        create(tmp_path)
    assert (tmp_path / "home" / "thesis.txt").read_text() == "mine"


def test_a_damaged_profile_is_a_sentence(tmp_path: Path):
    profile = create(tmp_path)
    (profile.folder / "profile.json").write_text("{")
    with pytest.raises(ConfigError, match="damaged"):
        Profile.open(home=tmp_path)


def test_a_profile_of_a_newer_version_is_refused(tmp_path: Path):
    profile = create(tmp_path)
    path = profile.folder / "profile.json"
    path.write_text(path.read_text().replace('"mesh"', '"v": 2, "mesh"'))
    with pytest.raises(ConfigError, match="newer version"):
        Profile.open(home=tmp_path)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path):
    profile = create(tmp_path)
    (profile.folder / "machine" / "sign.key").chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        profile.machine_keys()


def test_mesh_time_is_kept_and_never_steps_back(tmp_path: Path):
    profile = create(tmp_path)
    later = profile.clock.now() + 1000
    profile.clock.learn(later)
    assert Profile.open(home=tmp_path).clock.now() >= later - 0.01
    Profile.open(home=tmp_path).clock.learn(later - 500)
    assert Profile.open(home=tmp_path).clock.now() >= later - 0.01
    (profile.folder / "clock").write_text("junk")
    assert Profile.open(home=tmp_path).clock.now() < 10


def test_addresses_are_remembered(tmp_path: Path):
    profile = create(tmp_path)
    assert profile.registries == ["http://127.0.0.1:8080"]
    profile.set_registries(["https://192.168.1.20:8443", "http://127.0.0.1:9090"])
    again = Profile.open(home=tmp_path)
    assert again.registries == ["https://192.168.1.20:8443", "http://127.0.0.1:9090"]
    again.set_registries([])
    assert Profile.open(home=tmp_path).registries == again.registries


def test_a_joined_machine_has_neither_owner_nor_registry(tmp_path: Path):
    source = create(tmp_path, "one")
    make_keys(tmp_path / "draft")
    facts = ProfileFile(source.mesh, "pi", b64(source.owner), b64(b"r" * 32), ["https://a:1"])
    appear_profile(tmp_path / "two", facts, tmp_path / "draft", 1e9, REAL)
    joined = Profile.open("two", home=tmp_path)
    assert (joined.machine, joined.is_owner, joined.has_registry) == ("pi", False, False)
    assert joined.clock.now() >= 1e9
    with pytest.raises(ConfigError, match="owner's key"):
        joined.owner_key()
    with pytest.raises(ConfigError, match="another machine"):
        joined.registry_identity()
    with pytest.raises(Conflict):
        appear_profile(tmp_path / "two", facts, tmp_path / "draft", 1e9, REAL)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("Anna's MacBook.local", "anna-s-macbook"),
        ("pi", "pi"),
        ("hub", "machine-hub"),
        ("", None),
        ("___", "machine"),
        ("x" * 90, "x" * 48),
        ("con", "machine-con"),
    ],
)
def test_a_machine_is_called_like_its_host(host: str, name: str | None):
    found = module.machine_name(host)
    assert found == name if name else found


def test_a_machine_name_that_cannot_be_is_refused(tmp_path: Path):
    with pytest.raises(ConfigError, match="cannot name a machine"):
        create(tmp_path, machine="Not A Name")
    with pytest.raises(ConfigError, match="at most 56"):
        create(tmp_path, machine="x" * 57)


def test_an_agents_folder_in_a_data_dir_is_the_meshs_own(tmp_path: Path):
    one, two = create(tmp_path, "one"), create(tmp_path, "two")
    data = tmp_path / "data"
    assert one.agent_dir("weather") == one.folder / "agents" / "weather"
    assert one.agent_dir("weather", data) != two.agent_dir("weather", data)
    assert one.agent_dir("weather", data).parent == data


def test_keys_are_made_once(tmp_path: Path):
    first = make_keys(tmp_path / "a")
    second = make_keys(tmp_path / "a")
    assert first[0].public == second[0].public
    assert first[1].public == second[1].public


def test_a_missing_chain_is_a_sentence(tmp_path: Path):
    profile = create(tmp_path)
    (profile.folder / "machine" / "chain.json").unlink()
    with pytest.raises(MeshError, match="missing"):
        _ = profile.machine_chain


def test_what_is_signed_says_what_it_should(tmp_path: Path):
    profile = create(tmp_path)
    machine, owner = (read_record(unb64(part.b)) for part in profile.machine_chain)
    assert (machine.names, machine.roles, machine.not_after) == (["*"], ["*"], 0)
    assert (owner.id, owner.by, machine.by) == ("admin", owner.by, owner.by)


def test_a_full_disk_leaves_no_half_profile_and_no_lost_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object) -> None:
        raise ConfigError("No space left on device.")

    machine = tmp_path / "aside" / "machine"
    make_keys(machine)
    before = (machine / "sign.key").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(module, "_finish", full)
        with pytest.raises(ConfigError):
            Profile.create("mine", home=tmp_path, machine="laptop")
        facts = ProfileFile("0" * 64, "pi", "", "", [])
        with pytest.raises(ConfigError):
            appear_profile(tmp_path / "joined", facts, machine, 0.0, REAL)
    assert (machine / "sign.key").read_bytes() == before
    assert not [found for found in tmp_path.iterdir() if found.name.endswith(".new")]
