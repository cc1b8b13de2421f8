"""A described peer at the registry's door, as JSON objects."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from chatixia.assembly.remote.rest import RegistryClient
from chatixia.testing.registry import RegistryHarness, RegistryProcess
from chatixia.wire.registry import KeyCreate, KeyCreated
from tests.registry.doors import HANG, OPENED, http_call

Registry = RegistryHarness | RegistryProcess


async def key_of(registry: Registry, name: str) -> KeyCreated:
    """An API key of that name."""

    def ask() -> KeyCreated:
        with RegistryClient.owner(registry.profile) as rest:
            created: KeyCreated = rest.call("keys.create", KeyCreate(name))
            return created

    return await asyncio.to_thread(ask)


async def token_for(registry: Registry, name: str) -> str:
    """A token of a fresh API key; the described contract sends no body."""
    key = (await key_of(registry, name)).key
    return str((await http_call(registry, "POST", "/api/token", x_api_key=key)).json["token"])


class Described:
    """One socket of ``/ws?token=``."""

    def __init__(self, ws: ClientConnection, name: str) -> None:
        self.ws, self.name = ws, name

    async def send(self, kind: str, target: str = "", payload: Any = None, **more: Any) -> None:
        frame = {"type": kind, "peer_id": self.name, "payload": payload}
        await self.ws.send(
            json.dumps({**frame, **({"target_id": target} if target else {}), **more})
        )

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(HANG):
            frame: dict[str, Any] = json.loads(await self.ws.recv())
            return frame

    async def register(self) -> list[str]:
        """The ids that ``peer_list`` has."""
        await self.send("register")
        answer = await self.next()
        assert answer["type"] == "peer_list" and answer["peer_id"] == "registry"
        assert "target_id" not in answer
        peers: list[str] = answer["payload"]["peers"]
        return peers


async def dial_with(registry: Registry, token: str, name: str) -> Described:
    """An open socket for a token."""
    url = f"{registry.url.replace('http', 'ws', 1)}/ws?token={token}"
    ws = await connect(url, compression=None)
    OPENED.append(ws.close)
    return Described(ws, name)


async def enter(registry: Registry, name: str) -> Described:
    """A described peer with a key of its own, not registered yet."""
    return await dial_with(registry, await token_for(registry, name), name)


async def refused(registry: Registry, token: str) -> tuple[int, dict[str, Any]]:
    """Status and problem document of an upgrade that is refused."""
    try:
        await dial_with(registry, token, "")
    except InvalidStatus as error:
        return error.response.status_code, json.loads(error.response.body or b"{}")
    raise AssertionError("the upgrade was taken")
