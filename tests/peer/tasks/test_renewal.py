"""Renewals from their thread, against a server of this test."""

import http.server
import logging
import threading

import msgspec
import pytest
from msgspec.structs import replace

from chatixia.errors import BadSignature, MeshError, RegistryUnreachable, Unauthorized
from chatixia.peer.ports import Access
from chatixia.peer.tasks import renewal
from chatixia.peer.tasks.renewal import LeaseRenewer
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.base import encode
from chatixia.wire.registry import RegistryProof, Token, TokenRequest
from chatixia.wire.tasks import Held, Renewal, Renewed
from tests.peer.resolver import held

LEASES = [Held("t1", "f1")]


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers as the server's ``answer`` says: by default ``status`` and ``body``."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        size = int(self.headers["content-length"])
        asked = (self.path, self.headers["authorization"], self.rfile.read(size))
        self.server.seen.append(asked)
        status, body = self.server.answer(*asked)
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.seen, made.status = [], 200
    made.body = encode(Renewed([Renewal("t1", 30_000)]))
    made.answer = lambda *_: (made.status, made.body)
    made.daemon_threads = True
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def renewer(server, renewable=lambda: LEASES, every=0.01, token="secret"):
    done = []
    access = Access(f"http://127.0.0.1:{server.server_port}", token)
    made = LeaseRenewer(
        renewable, lambda: access, lambda *said: done.append(said), lambda: 7.0, every
    )
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
    with pytest.raises(MeshError):
        made.once(access, LEASES)
    made._hang_up()
    assert not done


class Registry:
    """Takes only the tokens that are in force, and gives the next for an assertion."""

    def __init__(self, *valid):
        self.valid, self.given, self.asserted = set(valid), 0, []

    def answer(self, path, credential, body):
        if path == "/api/nonce":
            return 200, encode(RegistryProof(f"n{self.given}", 5.0, "mesh"))
        if path == "/api/token":
            self.given += 1
            self.valid = {f"own{self.given}"}
            self.asserted.append(msgspec.json.decode(body)["assertion"])
            return 200, encode(Token(f"own{self.given}", "b", "agent"))
        if credential.removeprefix("Bearer ") in self.valid:
            return 200, encode(Renewed([Renewal("t1", 30_000)]))
        return 401, b'{"code":"unauthorized"}'


def test_once_refused_the_thread_gets_a_token_of_its_own(server):
    registry = Registry()
    server.answer = registry.answer
    made, access, done = renewer(server)
    with pytest.raises(Unauthorized):
        made.once(access, LEASES)
    access = replace(access, assert_key=lambda nonce, now: TokenRequest(f"{nonce} {now}"))
    made.once(access, LEASES)
    made.once(access, LEASES)  # its own is kept
    assert (len(done), registry.asserted) == (2, ["n0 5.0"])
    registry.valid.clear()
    made.once(access, LEASES)  # until it ends, too
    assert (len(done), registry.asserted) == (3, ["n0 5.0", "n1 5.0"])
    registry.valid = {"fresh"}
    made.once(replace(access, token="fresh"), LEASES)  # the loop has read the next `config`
    assert len(done) == 4 and server.seen[-1][1] == "Bearer fresh"
    assert all(not credential for path, credential, _ in server.seen if "renew" not in path)
    made._hang_up()


def test_a_refusal_is_a_warning_once_and_an_absence_is_none(caplog):
    made = LeaseRenewer(lambda: LEASES, lambda: None, lambda *_: None, lambda: 0.0)
    with caplog.at_level(logging.INFO, "chatixia.peer"):
        for error in (
            Unauthorized("no"),
            Unauthorized("no"),
            RegistryUnreachable("away"),
            BadSignature("x"),
        ):
            made._complain(error)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO", "INFO", "WARNING"]


def test_it_renews_three_times_in_a_lease():
    made = LeaseRenewer(lambda: LEASES, lambda: None, lambda *_: None, lambda: 0.0)
    paces = []
    for lease in (30, 60, 12):
        made.pace(lease)
        paces.append(made.every)
    assert paces == [10, 10, 4]


def test_nobody_there_is_no_renewal(server):
    made, _, _ = renewer(server)
    with pytest.raises(RegistryUnreachable):
        made.once(Access("http://127.0.0.1:1", "t"), LEASES)


def test_a_silent_resolver_is_bounded_too(monkeypatch):
    monkeypatch.setattr(renewal, "TIMEOUT", 0.01)
    made = LeaseRenewer(lambda: LEASES, lambda: None, lambda *_: None, lambda: 0.0)
    with held() as resolver:
        with pytest.raises(RegistryUnreachable, match="no resolver answers"):
            made.once(Access("https://pi.local:9", "secret"), LEASES)
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
    made, _, _ = renewer(server, renewable=lambda: (turns.set(), [])[1])
    made.start()
    assert turns.wait(10)
    made.stop()
    made.join()
    assert not server.seen


async def test_a_strange_certificate_gets_no_token():
    import asyncio

    async with RegistryHarness(lan=True) as registry:
        url = next(url for url in registry.running.started.urls if url.startswith("https"))
        access = Access(f"https://127.0.0.1:{url.rpartition(':')[2]}", "secret", b"\0" * 32)
        made = LeaseRenewer(list, lambda: access, lambda *_: None, lambda: 0.0)
        with pytest.raises(BadSignature):
            await asyncio.to_thread(made.once, access, LEASES)
