"""`chatixia-sidecar` behind NATs, with a TURN server that its own environment names (requirements
B.2, B.7): a real coturn, which the registry knows nothing of."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.interop.described_client import DescribedClient, by_key, script
from tests.interop.described_mesh import DescribedMesh, described_mesh
from tests.lab.coturn import SECRET, Coturn, no_coturn
from tests.lab.nat import Internet
from tests.lab.netns import Lab
from tests.lab.procs import Procs
from tests.until import until

TLS = 8443
pytestmark = [pytest.mark.root, pytest.mark.timeout(240)]


class Scene:
    """A registry and an agent on one public host, a coturn on another, and homes elsewhere."""

    def __init__(self, mesh: DescribedMesh, net: Internet, folder: Path) -> None:
        self.mesh, self.net, self.folder = mesh, net, folder
        self.turn = Coturn(net.public(), folder)
        self.clients: list[DescribedClient] = []
        mesh.agent("ours", "rusty")

    async def client(self, *, udp: bool, **env: str) -> DescribedClient:
        """A described client behind a NAT that lets UDP through or not."""
        home = self.net.behind("symmetric")
        if not udp:
            home.router.block_udp()
        host = self.mesh.net.host
        assert host
        [certificate] = self.mesh.procs.home.glob("**/tls.crt")
        url, key = f"https://{host.ip}:{TLS}", self.mesh.key("rusty")
        whole = by_key(self.folder / "elsewhere", url, key, script(self.folder)) | env
        whole |= {"SSL_CERT_FILE": str(certificate), "CHATIXIA_LOG": "info"}
        (self.folder / "s").mkdir(mode=0o700)
        client = DescribedClient(self.folder / "s" / "x.sock", whole, home.host)
        self.clients.append(client)
        await client.start()
        return client

    async def via(self, client: DescribedClient, tier: str) -> None:
        """Until the agent serves the client by that tier, and shows it so."""
        await client.until(lambda: client.peers == {"ours"})
        task = {"type": "task_request", "payload": {"skill": "seen"}}
        wanted = ["rusty", f"{tier}, unverified", "rusty"]
        end = time.monotonic() + 30
        while (answer := await client.request("ours", dict(task)))["payload"]["result"] != wanted:
            assert time.monotonic() < end, answer
        [link] = [one for one in self.mesh.net.cli("status")["links"] if "rusty" in str(one)]
        assert link["tier"] == f"{tier}, unverified"


@pytest.fixture
async def scene(procs: Procs, lab: Lab, tmp_path: Path) -> AsyncIterator[Scene]:
    if why := no_coturn():
        pytest.skip(why)
    net = Internet(lab)
    host = net.public()
    up = ("--port", "0", "--public", host.ip, "--tls-port", str(TLS))
    async with described_mesh(procs, tmp_path, host=host, up=up) as mesh:
        made = Scene(mesh, net, tmp_path)
        try:
            yield made
        finally:
            for client in made.clients:
                await client.stop()


async def test_without_a_policy_the_direct_path_is_taken(scene: Scene):
    client = await scene.client(udp=True, TURN_URL=scene.turn.urls(), TURN_SECRET=SECRET)
    await scene.via(client, "direct")


async def test_relay_only_goes_by_turn_though_a_direct_path_is_there(scene: Scene):
    client = await scene.client(
        udp=True,
        TURN_URL=scene.turn.urls("udp"),
        TURN_SECRET=SECRET,
        ICE_TRANSPORT_POLICY="relay",
    )
    await scene.via(client, "turn")


async def test_a_login_that_stays_serves_over_tcp_where_no_udp_passes(scene: Scene):
    user = f"{int(time.time()) + 3600}:rusty"
    digest = hmac.new(SECRET.encode(), user.encode(), hashlib.sha1).digest()
    client = await scene.client(
        udp=False,
        TURN_URL=scene.turn.urls("tcp"),
        TURN_USERNAME=user,
        TURN_PASSWORD=base64.b64encode(digest).decode(),
    )
    await scene.via(client, "turn")


async def test_relay_only_without_a_server_opens_no_link(scene: Scene):
    client = await scene.client(udp=True, ICE_TRANSPORT_POLICY="relay")
    await until(lambda: "ours: no link" in client.log, seconds=60)
    assert not client.peers
    lost = await client.request("ours", {"type": "task_request", "payload": {"skill": "seen"}})
    assert lost["payload"]["error"]
