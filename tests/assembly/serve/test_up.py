"""`up`: made once, found again, on the ports it had; off loopback only with TLS; quick to stop."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from pathlib import Path
from typing import Any

import psutil
import pytest
from websockets.asyncio.client import connect

from chatixia.assembly.serve import addresses
from chatixia.assembly.serve.up import UpOptions, plan_of, serve, settings_of
from chatixia.core.handshake import check_registry
from chatixia.errors import AlreadyRunning, BadSignature, ConfigError
from chatixia.identity import verify
from chatixia.registry.settings import RegistrySettings
from chatixia.testing.registry import RegistryHarness, RegistryProcess
from chatixia.wire.signed import b64
from chatixia.wire.trust import Signed
from chatixia.world import REAL
from tests.registry.doors import agent, http_call, http_now


async def test_a_second_up_names_the_first(tmp_path: Path):
    async with RegistryHarness(tmp_path) as registry:
        with pytest.raises(AlreadyRunning) as found:
            await serve(UpOptions(home=tmp_path))
        assert str(registry.running.started.pid) in found.value.message


async def test_made_once_and_found_again_on_its_port(tmp_path: Path):
    async with RegistryHarness(tmp_path) as first:
        port, key = first.running.started.port, first.running.started.key
        assert first.running.started.created
    async with RegistryHarness(tmp_path, port=None) as again:
        started = again.running.started
        assert (started.port, started.key, started.created) == (port, key, False)
        assert again.profile.registries == [again.url]


async def test_the_registry_reads_its_own_folder_only(tmp_path: Path):
    async with RegistryHarness(tmp_path):
        pass
    for folder in ("owner", "machine"):
        for key in (tmp_path / "home" / folder).glob("*.key"):
            key.unlink()
    async with RegistryHarness(tmp_path) as registry:
        assert (await http_call(registry, "GET", "/readyz")).json == {"status": "ready"}


async def test_off_loopback_it_speaks_tls_and_proves_its_certificate(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(addresses, "lan_addresses", lambda: ["127.0.0.1"])
    async with RegistryHarness(lan=True) as registry:
        started = registry.running.started
        assert started.stun and started.urls[0].startswith("http://127.0.0.1:")
        tls = [url for url in started.urls if url.startswith("https://127.0.0.1:")][0]
        port = int(tls.rpartition(":")[2])
        answer, der = await asyncio.to_thread(_over_tls, port, {"nonce": b64(b"n" * 16)})
        seen = hashlib.sha256(der).digest()
        chain = [Signed(**part) for part in answer["registry"]]
        proved: dict[str, Any] = {
            "nonce": b"n" * 16,
            "mesh": registry.profile.mesh,
            "now": answer["now"],
            "verify": verify,
            "pinned": registry.profile.registry_key,
        }
        check_registry(chain, answer["proof"], certificate=seen, **proved)
        for other in (b"", bytes(32)):
            with pytest.raises(BadSignature):
                check_registry(chain, answer["proof"], certificate=other, **proved)
        with pytest.raises(OSError):
            await asyncio.to_thread(
                http_now, f"http://127.0.0.1:{port}", "GET", "/healthz", None, {}
            )
        context = _context()
        async with connect(f"wss://127.0.0.1:{port}/ws", ssl=context, compression=None) as ws:
            assert '"challenge"' in str(await ws.recv())


def _context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _over_tls(port: int, body: dict[str, Any]) -> tuple[Any, bytes]:
    import http.client
    import json

    line = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=_context())
    headers = {"content-type": "application/json"}
    line.request("POST", "/api/nonce", json.dumps(body), headers)
    der = line.sock.getpeercert(binary_form=True)  # type: ignore[attr-defined]
    answer = json.loads(line.getresponse().read())
    line.close()
    return answer, der


def test_flags_over_file_and_what_they_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "registry.yaml").write_text("port: 9000\nlan: true\n")
    found = settings_of(tmp_path, UpOptions(port=9001, public=["203.0.113.7"]))
    assert (found.port, found.lan, found.public) == (9001, True, ["203.0.113.7"])
    monkeypatch.setattr(addresses, "lan_addresses", lambda: ["10.0.0.5", "203.0.113.7"])
    monkeypatch.setattr(addresses, "local_name", lambda: "v.local")
    assert plan_of(found).names == ["203.0.113.7", "v.local"]
    public = plan_of(RegistrySettings(public=["203.0.113.7"]))
    assert public.lan == ["203.0.113.7"] and public.names == ["203.0.113.7"]
    assert plan_of(RegistrySettings()).lan == [] and plan_of(RegistrySettings()).names == []
    monkeypatch.setattr(addresses, "lan_addresses", list)
    with pytest.raises(ConfigError):
        plan_of(RegistrySettings(lan=True))
    with pytest.raises(ConfigError):
        settings_of(tmp_path, UpOptions(public=["https://x/"]))


async def test_sigterm_ends_it_at_once_and_tells_the_sockets(tmp_path: Path):
    process = RegistryProcess(tmp_path)
    await asyncio.to_thread(process.start)
    peer = await agent(process, "a")
    assert process.process
    soft, _ = psutil.Process(process.process.pid).rlimit(psutil.RLIMIT_NOFILE)
    assert soft >= 4096
    start = REAL.monotonic()
    code = await asyncio.to_thread(process.terminate)
    assert code == 0 and REAL.monotonic() - start < 5
    assert await peer.closed() in (1001, 1012)
    assert peer.who
    peer.who.close()


async def test_a_killed_registry_comes_back_on_its_port(tmp_path: Path):
    process = RegistryProcess(tmp_path)
    port = (await asyncio.to_thread(process.start)).port
    await asyncio.to_thread(process.kill)
    assert (await asyncio.to_thread(process.start)).port == port
    assert (await http_call(process, "GET", "/healthz")).status == 200
    assert await asyncio.to_thread(process.terminate) == 0
