"""Enrolment: keys kept, records renewed, one process a name, serials that only rise."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chatixia.assembly.error_text import FULL, explain
from chatixia.assembly.membership import enrol as module
from chatixia.assembly.membership.enrol import AGENT_LIFE, SHORT_LIFE, Credentials, enrol
from chatixia.assembly.profile.files import write_json
from chatixia.assembly.profile.profile import Profile
from chatixia.core.membership import check_chain
from chatixia.core.record import key_id, sign_record
from chatixia.errors import (
    AlreadyRunning,
    BadChain,
    ConfigError,
    MembershipExpired,
    NameTaken,
    RegistryUnreachable,
    Revoked,
)
from chatixia.identity import SignKey, verify
from chatixia.store.local import LocalStore
from chatixia.wire import signed
from chatixia.wire.base import MIB
from chatixia.wire.registry import Serial
from chatixia.world import RealWorld
from tests.lab.disks import fill, small_disk

OPEN: list[Credentials] = []


class World(RealWorld):
    """A machine whose wall clock is wrong by ``off`` seconds."""

    def __init__(self, off: float) -> None:
        self.off = off

    def wall(self) -> float:  # type: ignore[override]
        return RealWorld.wall() + self.off


@pytest.fixture(autouse=True)
def _close() -> Iterator[None]:
    yield
    while OPEN:
        OPEN.pop().close()


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    return Profile.create(home=tmp_path, machine="laptop")


def unknown(profile: Profile, name: str) -> Serial:
    return Serial(name)


def away(profile: Profile, name: str) -> Serial:
    raise RegistryUnreachable


def never(profile: Profile, name: str) -> Serial:
    raise AssertionError("nothing new is signed, so nothing need be asked")


def start(profile: Profile, name: str = "weather", **more: Any) -> Credentials:
    OPEN.append(enrol(profile, name, **({"ask_registry": unknown} | more)))
    return OPEN[-1]


def again(profile: Profile, **more: Any) -> Credentials:
    OPEN.pop().close()
    return start(profile, **more)


def member(profile: Profile, credentials: Credentials) -> Any:
    return check_chain(credentials.chain, mesh=profile.mesh, now=profile.clock.now(), verify=verify)


def test_an_agent_is_enrolled_by_the_machines_key(profile: Profile):
    made = start(profile, roles=["weatherman"])
    found = member(profile, made)
    assert (found.id, found.kind, found.machine) == ("weather", "agent", "laptop")
    assert (found.serial, found.roles) == (1, ("weatherman",))
    assert (found.sign, found.seal) == (made.sign.public, made.seal.public)
    assert made.chain[1:] == profile.machine_chain


def test_what_the_mesh_is_told_about_me(profile: Profile):
    made = start(profile)
    me = made.me()
    assert me is made.me()
    assert (me.id, me.mesh, me.ns, me.serial) == ("weather", profile.mesh, "default", 1)
    assert me.verify(me.public, signed.LINK, b"x", me.sign(signed.LINK, b"x"))
    assert me.registry_key == profile.registry_key
    assert me.book is made.store
    assert me.clock is profile.clock
    assert (len(me.incarnation), me.incarnation) == (16, made.incarnation)


def test_the_next_start_uses_key_and_record_again(profile: Profile):
    first = start(profile)
    second = again(profile, ask_registry=never)
    assert second.chain == first.chain
    assert second.sign.public == first.sign.public
    assert second.incarnation != first.incarnation


def test_without_the_registry_it_goes_on(profile: Profile):
    assert member(profile, start(profile, ask_registry=away)).serial == 1


def change_roles(profile: Profile) -> dict[str, Any]:
    return {"roles": ["new"]}


def lose_record(profile: Profile) -> dict[str, Any]:
    (profile.agent_dir("weather") / "chain.json").unlink()
    return {}


def damage_record(profile: Profile) -> dict[str, Any]:
    (profile.agent_dir("weather") / "chain.json").write_text("[{]")
    return {}


def renew_machine(profile: Profile) -> dict[str, Any]:
    owner, chain = profile.owner_key()
    old = profile.machine_chain
    record = msgspec.structs.replace(
        check_chain(old, mesh=profile.mesh, now=0, verify=verify).record, serial=7
    )
    write_json(profile.folder / "machine" / "chain.json", [sign_record(record, owner.sign), *chain])
    return {}


def age(profile: Profile) -> dict[str, Any]:
    profile.clock.learn(profile.clock.now() + AGENT_LIFE * 0.6)
    return {}


@pytest.mark.parametrize("what", [change_roles, lose_record, damage_record, renew_machine, age])
def test_a_new_record_is_signed_when_the_old_will_not_do(
    profile: Profile, what: Callable[[Profile], dict[str, Any]]
):
    first = start(profile)
    found = member(profile, again(profile, **what(profile)))
    assert found.serial == 2
    assert found.sign == first.sign.public
    assert list(found.chain[1:]) == profile.machine_chain


def test_a_lost_folder_gives_a_new_key_under_a_higher_serial(profile: Profile):
    first = start(profile)
    OPEN.pop().close()
    shutil.rmtree(profile.agent_dir("weather"))
    second = start(profile)
    assert second.sign.public != first.sign.public
    assert member(profile, second).serial == 2


def test_the_registrys_serial_counts(profile: Profile):
    reply = Serial("weather", 41, "0" * 16, profile.machine)
    assert member(profile, start(profile, ask_registry=lambda p, n: reply)).serial == 42


def test_a_name_of_another_machine_is_refused_with_a_free_one(profile: Profile):
    reply = Serial("weather", 4, "0" * 16, "pi", False, "weather-2")
    with pytest.raises(NameTaken, match=r"taken on the machine pi\. weather-2 is free\."):
        start(profile, ask_registry=lambda p, n: reply)
    assert start(profile).id == "weather", "and nothing was left behind"


def test_a_revoked_name_is_refused(profile: Profile):
    with pytest.raises(Revoked, match="weather"):
        start(profile, ask_registry=lambda p, n: Serial("weather", 4, revoked=True))


@pytest.mark.parametrize("name", ["", "Weather", "hub", "a/b", "../x", "weather.", "a~bcdefg"])
def test_a_name_that_cannot_be(profile: Profile, name: str):
    with pytest.raises(ConfigError, match="cannot name an agent"):
        start(profile, name)


def test_the_machines_own_name_is_refused(profile: Profile):
    with pytest.raises(NameTaken, match="this machine.*another.$"):
        start(profile, "laptop", ask_registry=away)
    reply = Serial("laptop", 1, "", "", False, "laptop-3")
    with pytest.raises(NameTaken, match=r"this machine.* laptop-3 is free\."):
        start(profile, "laptop", ask_registry=lambda p, n: reply)


def test_a_second_start_in_one_process_says_so(profile: Profile):
    start(profile)
    with pytest.raises(AlreadyRunning, match="weather is already running in this process"):
        start(profile)
    again(profile)


def test_a_second_start_is_seen_wherever_its_files_are(profile: Profile, tmp_path: Path):
    start(profile, data_dir=tmp_path / "one")
    with pytest.raises(AlreadyRunning):
        start(profile, data_dir=tmp_path / "two")
    start(profile, "other", data_dir=tmp_path / "one")


def test_a_manifests_agent_keeps_its_files_there(profile: Profile, tmp_path: Path):
    made = start(profile, data_dir=tmp_path / "data")
    assert made.folder is not None
    assert made.folder.parent == tmp_path / "data"
    assert {"sign.key", "seal.key", "chain.json", "local.db"} <= {
        path.name for path in made.folder.iterdir()
    }
    assert not (profile.agent_dir("weather") / "sign.key").exists()


def test_two_meshes_in_one_data_dir_are_apart(profile: Profile, tmp_path: Path):
    other = Profile.create("other", home=tmp_path, machine="laptop")
    one = start(profile, data_dir=tmp_path / "data")
    two = start(other, data_dir=tmp_path / "data")
    assert one.sign.public != two.sign.public
    assert (one.me().mesh, two.me().mesh) == (profile.mesh, other.mesh)


def test_a_client_is_new_each_time_and_leaves_no_key(profile: Profile):
    before = set(profile.folder.rglob("*"))
    one, two = start(profile, "", kind="client"), start(profile, "", kind="client")
    assert one.id != two.id
    assert one.id.startswith("laptop~")
    for made in (one, two):
        found = member(profile, made)
        assert (found.kind, found.machine) == ("client", "laptop")
        assert 0 < found.not_after - profile.clock.now() <= SHORT_LIFE + 5
    new = {path.name for path in set(profile.folder.rglob("*")) - before}
    assert new <= {"clients.db", "clients.db-wal", "clients.db-shm", ".lock"}
    assert not any(
        one.sign.seed() in p.read_bytes() for p in profile.folder.rglob("*") if p.is_file()
    )


@pytest.mark.parametrize("name", ["gateway", "laptop", "Gate Way"])
def test_a_client_bears_its_machines_name_and_no_other(profile: Profile, name: str):
    with pytest.raises(ConfigError):
        start(profile, name, kind="client")


def test_a_clients_record_is_renewed_in_time(profile: Profile):
    made = start(profile, "", kind="client")
    me, before = made.me(), made.chain
    assert not me.renew(profile.clock.now())
    profile.clock.learn(profile.clock.now() + SHORT_LIFE * 0.6)
    assert me.renew(0)
    assert me.chain is made.chain
    assert me.chain != before
    assert member(profile, made).not_after > profile.clock.now() + SHORT_LIFE * 0.9
    assert me.serial == 2


def test_a_claimed_later_time_renews_and_moves_no_clock(profile: Profile):
    """`challenge.now` of a registry that has not proved itself yet."""
    made = start(profile, "", kind="client")
    now = profile.clock.now()
    assert made.renew(now + 30 * SHORT_LIFE)
    assert made.record.not_after >= now + 30 * SHORT_LIFE
    assert profile.clock.now() < now + 60


@pytest.mark.parametrize("now", [float("nan"), float("inf"), -1.0, 1e300])
def test_an_absurd_claim_renews_nothing(profile: Profile, now: float):
    assert not start(profile, "", kind="client").renew(now)


def test_an_agents_renewed_record_is_kept(profile: Profile):
    made = start(profile)
    profile.clock.learn(profile.clock.now() + AGENT_LIFE * 0.6)
    assert made.renew()
    chain = made.chain
    assert again(profile, ask_registry=never).chain == chain


@pytest.mark.parametrize("off", [-365 * 86_400.0, 365 * 86_400.0])
def test_a_machine_whose_clock_is_a_year_off_works(profile: Profile, off: float):
    made = start(profile, "", kind="client", world=World(off))
    assert member(profile, made).kind == "client"
    assert member(profile, start(profile, world=World(off))).kind == "agent"


def bound_machine(profile: Profile, **fields: Any) -> None:
    """Give this machine a record that entitles it to less."""
    owner, chain = profile.owner_key()
    found = check_chain(profile.machine_chain, mesh=profile.mesh, now=0, verify=verify)
    record = msgspec.structs.replace(found.record, by=key_id(owner.public), **fields)
    write_json(profile.folder / "machine" / "chain.json", [sign_record(record, owner.sign), *chain])


def test_an_agent_ends_no_later_than_its_machine(profile: Profile):
    end = int(profile.clock.now()) + 100
    bound_machine(profile, not_after=end)
    assert member(profile, start(profile)).not_after == end
    assert member(profile, start(profile, "", kind="client")).not_after == end


def test_a_machine_that_is_over_enrols_nobody(profile: Profile):
    bound_machine(profile, not_after=int(profile.clock.now()) - 100)
    with pytest.raises(MembershipExpired):
        start(profile)


def test_names_and_roles_are_the_machines_bounds(profile: Profile):
    bound_machine(profile, names=["web-*"], roles=["web"])
    assert start(profile, "web-1", roles=["web"])
    with pytest.raises(BadChain, match="may not sign the name weather: it signs web-"):
        start(profile)
    with pytest.raises(BadChain, match="roles"):
        start(profile, "web-2", roles=["admin"])


ENROL = """
import sys
from pathlib import Path
from chatixia.assembly.membership.enrol import enrol
from chatixia.assembly.profile.profile import Profile
from chatixia.errors import AlreadyRunning
from chatixia.wire.registry import Serial
profile = Profile.open(home=Path(sys.argv[1]))
try:
    made = enrol(profile, sys.argv[2], ask_registry=lambda p, n: Serial(n))
    print("started", made.record.serial, flush=True)
    sys.stdin.read()
except AlreadyRunning:
    print("refused", flush=True)
"""


def launch(home: Path, name: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", ENROL, str(home), name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_of_many_processes_at_once_one_becomes_the_agent(profile: Profile):
    home = profile.folder.parent
    processes = [launch(home, "weather") for _ in range(4)]
    outcomes = [process.stdout.readline().split()[0] for process in processes if process.stdout]
    for process in processes:
        process.communicate(timeout=30)
    assert sorted(outcomes) == ["refused"] * 3 + ["started"]


def test_many_agents_enrol_at_once_and_none_loses_its_serial(profile: Profile):
    home = profile.folder.parent
    names = [f"agent-{n}" for n in range(4)]
    for _ in range(2):
        processes = [launch(home, name) for name in names]
        for process in processes:
            assert process.stdout
            assert process.stdout.readline().startswith("started")
            process.communicate(timeout=30)
        for name in names:
            (profile.agent_dir(name) / "chain.json").unlink()
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda name: start(profile, name), names))
    assert [found.record.serial for found in made] == [3] * 4


def test_the_default_question_goes_to_the_registry(profile: Profile):
    """Nothing listens at the profile's address: that is no obstacle, and takes no time."""
    profile.set_registries(["http://127.0.0.1:1"])
    OPEN.append(enrol(profile, "weather"))
    assert module.AskRegistry
    assert OPEN[0].record.serial == 1


def test_a_stolen_record_of_another_machine_is_not_used(profile: Profile):
    start(profile)
    OPEN.pop().close()
    folder = profile.agent_dir("weather")
    thief = SignKey.generate()
    (folder / "sign.key").unlink()
    from chatixia.identity import save

    save(folder / "sign.key", thief.seed())
    found = member(profile, start(profile))
    assert found.sign == thief.public
    assert found.serial == 2


@pytest.mark.parametrize("inside", ["", "made"])
def test_a_folder_that_may_not_be_written_says_data_dir(
    profile: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: str
):
    """A test may run as root, to whom nothing is forbidden; so the system's answer is played."""
    place = profile.agent_dir("weather")
    if inside:
        place.mkdir(parents=True)
        monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != place)
    else:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"")  # no folder can be made here
    with pytest.raises(ConfigError, match="set `data_dir` in agent.yaml"):
        start(profile)


@pytest.mark.root
def test_a_client_that_was_here_before_comes_to_a_full_disk(tmp_path: Path):
    """Its file is there and nobody holds it open, so SQLite lacks room for an index."""
    with small_disk(tmp_path / "disk", 2 * MIB) as disk:
        module._clients(disk / "clients.db", 0.0).close()
        filler = fill(disk)
        module._clients(disk / "clients.db", 0.0).close()
        with pytest.raises(ConfigError) as caught:
            LocalStore.open(disk / "clients.db", 0.0)
        assert explain(caught.value).endswith(FULL)
        filler.unlink()
