"""The other end of a pairing, in a thread: a machine that asks, or the owner who decides."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from chatixia.assembly.membership import approve
from chatixia.assembly.membership import described as described_agents
from chatixia.assembly.membership.pair import pair
from chatixia.assembly.remote.rest import RegistryClient
from chatixia.errors import MeshError
from chatixia.testing.registry import RegistryProcess
from chatixia.wire.devices import DeviceCode, DevicePair, DevicePending, OnboardingEntry
from chatixia.wire.registry import Nothing
from tests.until import until_sync


def waiting(registry: RegistryProcess) -> approve.PendingMachine:
    """The machine that asks, once it does."""
    machines = until_sync(lambda: approve.pending(registry.profile).machines, pause=0.1)
    return next(iter(machines))


@contextmanager
def machine(registry: RegistryProcess, home: Path) -> Iterator[list[str]]:
    """A machine called pi that waits; how it ended stands in the list afterwards."""
    ended: list[str] = []
    address = registry.url.partition("://")[2]
    code = approve.create_code(registry.profile).code

    def ask() -> None:
        try:
            ended.append(pair(address, code, home=home, machine="pi").machine)
        except MeshError as error:
            ended.append(error.message)

    thread = threading.Thread(target=ask)
    thread.start()
    waiting(registry)
    yield ended
    thread.join(30)


@contextmanager
def owner(
    registry: RegistryProcess, decide: Callable[[approve.PendingMachine], object]
) -> Iterator[None]:
    """The owner, who decides about the first machine that asks."""
    thread = threading.Thread(target=lambda: decide(waiting(registry)))
    thread.start()
    yield
    thread.join(30)


def described(registry: RegistryProcess, name: str = "Rusty") -> OnboardingEntry:
    """A described agent that waits, under an id of its own."""
    profile = registry.profile
    with RegistryClient.owner(profile) as rest:
        code: DeviceCode = rest.call("devices.code", Nothing())
        asked: DevicePending = rest.call("devices.pair", DevicePair(code.code, name))
    entry = described_agents.find(profile, asked.peer_id)
    assert entry is not None
    return entry
