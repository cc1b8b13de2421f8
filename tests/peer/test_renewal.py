"""Renewals from their thread, against a server of this test."""

import http.server
import threading

import pytest

from chatixia.errors import BadSignature, RegistryUnreachable
from chatixia.peer import renewal
from chatixia.peer.channel import Access
from chatixia.peer.renewal import Renewer
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.base import encode
from chatixia.wire.tasks import Held, Renewal, Renewed
from tests.peer.resolver import held

LEASES = [Held("t1", "f1")]


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers a renewal; ``status`` and ``body`` are the server's."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        size = int(self.headers["content-length"])
        self.server.seen.append((self.path, self.headers["authorization"], self.rfile.read(size)))
        self.send_response(self.server.status)
        self.send_header("content-length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.seen, made.status = [], 200
    made.body = encode(Renewed([Renewal("t1", 30_000)]))
    made.daemon_threads = True
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def renewer(server, held=lambda: LEASES, every=0.01, token="secret"):
    done = []
    access = Access(f"http://127.0.0.1:{server.server_port}", token)
    made = Renewer(held, lambda: access, lambda *said: done.append(said), lambda: 7.0, every)
    return made, access, done


def test_a_renewal_says_what_it_got_and_when_it_asked(server):
    made, access, done = renewer(server)
    made.once(access, LEASES)
    made.once(access, LEASES)
    assert [(said[0].lease_ms, asked) for said, asked in done] == [(30_000, 7.0)] * 2
    path, credential, body = server.seen[0]
    assert (path, credential) == ("/api/tasks/renew", "Bearer secret")
    assert body == b'{"leases":[{"task_id":"t1","fence":"f1"}]}'
    made._hang_up()


@pytest.mark.parametrize(("status", "body"), [(401, b"{}"), (200, b"nonsense"), (500, b"")])
def test_another_answer_is_no_renewal(server, status, body):
    server.status, server.body = status, body
    made, access, done = renewer(server)
    with pytest.raises(RegistryUnreachable):
        made.once(access, LEASES)
    made._hang_up()
    assert not done


def test_nobody_there_is_no_renewal(server):
    made, _, _ = renewer(server)
    with pytest.raises(RegistryUnreachable):
        made.once(Access("http://127.0.0.1:1", "t"), LEASES)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_silent_resolver_is_bounded_too(scheme, monkeypatch):
    monkeypatch.setattr(renewal, "TIMEOUT", 0.01)
    made = Renewer(lambda: LEASES, lambda: None, lambda *_: None, lambda: 0.0)
    with held() as resolver:
        with pytest.raises(RegistryUnreachable, match="broke off: Silence"):
            made.once(Access(f"{scheme}://pi.local:9", "secret"), LEASES)
        assert resolver.asked == ["pi.local"] and not resolver.may_speak.is_set()


def test_the_thread_goes_on_until_it_is_stopped(server):
    enough = threading.Event()
    made, _, done = renewer(server)
    made._done = lambda *said: (done.append(said), len(done) > 2 and enough.set())
    made.start()
    made.start()
    assert enough.wait(10)
    made.stop()
    made.join()


def test_a_loop_that_counts_as_dead_is_not_renewed_for(server):
    turns = threading.Event()
    made, _, _ = renewer(server, held=lambda: (turns.set(), [])[1])
    made.start()
    assert turns.wait(10)
    made.stop()
    made.join()
    assert not server.seen


async def test_a_strange_certificate_gets_no_token():
    import asyncio
    import ssl

    from chatixia.peer import renewal

    async with RegistryHarness(lan=True) as registry:
        url = next(url for url in registry.running.started.urls if url.startswith("https"))
        access = Access(f"https://127.0.0.1:{url.rpartition(':')[2]}", "secret", b"\0" * 32)
        made = Renewer(list, lambda: access, lambda *_: None, lambda: 0.0)
        assert isinstance(renewal._context(), ssl.SSLContext)
        with pytest.raises(BadSignature):
            await asyncio.to_thread(made.once, access, LEASES)
