"""Pairing over a real registry: what is shown, who is refused, who goes on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from chatixia.assembly.error_text import explain
from chatixia.assembly.membership import approve, pair
from chatixia.assembly.membership.pair import PairRequest, addresses
from chatixia.assembly.profile.profile import Profile
from chatixia.core import fingerprints
from chatixia.errors import (
    BadInvitation,
    BadRequest,
    Conflict,
    Denied,
    NameTaken,
    Overloaded,
    Unprocessable,
    WrongMesh,
)
from chatixia.store.control.pairing import WRONG
from chatixia.store.control.trust import note_failure
from chatixia.testing.registry import RegistryHarness


@pytest.fixture
async def registry(tmp_path: Path) -> AsyncIterator[RegistryHarness]:
    async with RegistryHarness(tmp_path / "registry") as made:
        yield made


async def do(work: Callable[..., Any], *args: Any, **more: Any) -> Any:
    return await asyncio.to_thread(work, *args, **more)


class Pairing:
    """A machine that asks in a thread: ``asked`` once it waits, ``profile`` at the end."""

    def __init__(self, registry: RegistryHarness, home: Path, code: str, **more: Any) -> None:
        self.asked: PairRequest
        self._shown = threading.Event()
        address = registry.url.partition("://")[2]
        more = {"machine": "pi", "show": self._show, **more}
        self.ends = asyncio.create_task(do(pair.pair, address, code, home=home, **more))

    def _show(self, asked: PairRequest) -> None:
        self.asked = asked
        self._shown.set()

    async def waits(self) -> PairRequest:
        async with asyncio.timeout(20):
            await asyncio.wait(
                [self.ends, asyncio.create_task(do(self._shown.wait, 20))],
                return_when=asyncio.FIRST_COMPLETED,
            )
        return self.asked

    async def profile(self) -> Profile:
        async with asyncio.timeout(20):
            return await self.ends


async def code(registry: RegistryHarness) -> str:
    return str((await do(approve.create_code, registry.profile)).code)


async def accept(registry: RegistryHarness, shown: str, **more: Any) -> bool:
    machine = await do(approve.find, registry.profile, "pi")
    approve.check_key(machine, shown)
    return bool(await do(approve.approve, registry.profile, machine, **more))


async def test_both_ends_show_the_same_keys_and_nothing_more_is_typed(
    registry: RegistryHarness, tmp_path: Path
):
    pairing = Pairing(registry, tmp_path / "pi", await code(registry))
    asked = await pairing.waits()
    owner = registry.profile
    assert asked.registry == fingerprints.of_registry(owner.mesh, owner.registry_key)
    assert (asked.name, asked.member) == ("pi", False)
    assert not await accept(registry, asked.machine)
    joined = await pairing.profile()
    assert (joined.machine, joined.mesh, joined.owner) == ("pi", owner.mesh, owner.owner)
    assert joined.registry_key == owner.registry_key
    assert {path.name for path in (tmp_path / "pi").iterdir()} <= {
        "home",
        ".home.lock",
        ".home.joining",
    }


async def test_another_key_at_either_end_is_one_sentence(registry: RegistryHarness, tmp_path: Path):
    wrong = "0000-0000-0000-0000"
    with pytest.raises(WrongMesh, match="another stands in its place"):
        await Pairing(registry, tmp_path / "a", await code(registry), key=wrong).profile()
    pairing = Pairing(registry, tmp_path / "pi", await code(registry))
    await pairing.waits()
    with pytest.raises(Denied, match=r"somebody stands between.*chatixia reject pi"):
        await accept(registry, wrong)
    await do(approve.reject, registry.profile, "pi")
    with pytest.raises(Denied, match="rejected pi"):
        await pairing.profile()
    assert not (tmp_path / "pi" / "home").exists()


async def test_approved_while_the_machine_is_gone(registry: RegistryHarness, tmp_path: Path):
    """The same command goes on with the same keys, though the code is used."""
    made, home = await code(registry), tmp_path / "pi"

    class Stopped(Exception):
        pass

    def interrupted(asked: PairRequest) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        await Pairing(registry, home, made, show=interrupted).profile()
    machine = await do(approve.find, registry.profile, "pi")
    await do(approve.approve, registry.profile, machine)
    assert (await Pairing(registry, home, made).profile()).machine == "pi"


async def test_a_code_used_twice_at_once_lets_one_in(registry: RegistryHarness, tmp_path: Path):
    made = await code(registry)
    both = [Pairing(registry, tmp_path / str(n), made, machine=f"pi{n}") for n in range(2)]
    done, waits = await asyncio.wait(
        [each.ends for each in both], timeout=20, return_when=asyncio.FIRST_COMPLETED
    )
    if len(done) != 1:  # let those that wait end
        for machine in (await do(approve.pending, registry.profile)).machines:
            await do(approve.reject, registry.profile, machine.info.name)
    [refused], [other] = done, waits
    with pytest.raises(BadInvitation, match="wrong, used or older"):
        await refused
    [machine] = (await do(approve.pending, registry.profile)).machines
    await do(approve.approve, registry.profile, machine)
    assert (await asyncio.wait_for(other, 20)).machine == machine.info.name


async def test_a_name_that_a_machine_has_is_taken_over_by_replace_alone(
    registry: RegistryHarness, tmp_path: Path
):
    first = Pairing(registry, tmp_path / "one", await code(registry))
    await accept(registry, (await first.waits()).machine)
    old = await first.profile()
    second = Pairing(registry, tmp_path / "two", await code(registry))
    asked = await second.waits()
    assert asked.member
    with pytest.raises(NameTaken, match="--replace"):
        await accept(registry, asked.machine)
    assert await accept(registry, asked.machine, replace=True)
    new = await second.profile()
    assert new.machine == old.machine and new.machine_chain != old.machine_chain
    members = registry.running.service.members
    with pytest.raises(Denied):
        members.prove(old.machine_chain)
    assert members.prove(new.machine_chain).id == "pi"


async def test_what_cannot_be_is_refused_before_anything_is_sent(tmp_path: Path):
    for bad in ({"machine": "Pi"}, {"machine": "x" * 57}):
        with pytest.raises(Unprocessable):
            await do(pair.pair, "127.0.0.1:1", "123456", home=tmp_path, **bad)
    for host, typed in (("127.0.0.1:1", "12345"), ("a b/c", "123456"), ("h:99999", "123456")):
        with pytest.raises(BadRequest):
            await do(pair.pair, host, typed, home=tmp_path, machine="pi")


async def test_a_machine_that_is_in_a_mesh_keeps_it(registry: RegistryHarness):
    with pytest.raises(Conflict, match="--mesh NAME"):
        await do(pair.pair, "127.0.0.1:1", "123456", home=registry.home, machine="pi")


async def test_while_codes_rest_it_says_until_when(registry: RegistryHarness, tmp_path: Path):
    store = registry.running.store
    for _ in range(20):
        await store.access.write(note_failure, WRONG, 300.0)
    made = await code(registry)
    with pytest.raises(
        Overloaded, match=r"rest until \d\d:\d\d, .*; join strings work\.\n"
    ) as caught:
        await Pairing(registry, tmp_path / "pi", made).profile()
    assert explain(caught.value).endswith("Ask the owner for one: `chatixia invite NAME`.")


def test_where_a_registry_is_looked_for():
    assert addresses("mesh.example") == ["https://mesh.example:8443"]
    assert addresses("mesh.example:443") == ["https://mesh.example:443"]
    assert addresses("127.0.0.1:18080") == ["http://127.0.0.1:18080", "https://127.0.0.1:18080"]
    assert addresses("localhost") == ["http://localhost:8080", "https://localhost:8443"]
    assert addresses("[::1]:9") == ["http://[::1]:9", "https://[::1]:9"]
    assert addresses("https://t.example/") == ["https://t.example"]
