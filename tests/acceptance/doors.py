"""The doors of a running registry as a stranger with a socket meets them, and what bad input costs.

A door takes one damaged message (``bad``) and serves a good request (``good``); both raise
AssertionError when the answer is neither an error nor a clean close.
"""

from __future__ import annotations

import contextlib
import json
import socket
from pathlib import Path
from typing import Any, Protocol

import msgspec
import psutil
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from chatixia.assembly.membership.enrol import Credentials, enrol
from chatixia.assembly.profile.profile import Profile
from chatixia.assembly.remote.rest import RegistryClient
from chatixia.wire import signed
from chatixia.wire.registry import KeyCreate, Nothing
from chatixia.wire.signaling import MAX_SIGNAL
from chatixia.world import REAL
from tests.until import until_sync

HANG = 10.0
MIB = 1024 * 1024
CLEAN = (1002, 1003, 1007, 1008, 1009, 1013)
"""Close codes that say what was wrong. 1000 says that nothing was, which a server that broke over
a message says, too; 1006 is a broken line and 1011 a broken server."""


class Door(Protocol):
    """One way in."""

    samples: list[dict[str, Any]]
    refusals: int

    def bad(self, which: int, data: bytes) -> None: ...
    def good(self) -> None: ...
    def close(self) -> None: ...


class Cost:
    """What a process holds: memory and descriptors, against what it held when this was made."""

    def __init__(self, pid: int) -> None:
        self.process = psutil.Process(pid)
        self.rss, self.fds = self.process.memory_info().rss, self.process.num_fds()

    def settled(self, remembered: float = 0.0) -> None:
        """Assert that both come back: within the larger of 5 % and 8 MiB, and to the number.
        ``remembered``: seconds for which the process declares to keep something of a peer."""
        allowed = self.rss + max(self.rss // 20, 8 * MIB)
        seen = (0, 0)

        def back() -> bool:
            nonlocal seen
            seen = self.process.memory_info().rss, self.process.num_fds()
            return seen[0] <= allowed and seen[1] <= self.fds

        try:
            until_sync(back, remembered + HANG, pause=0.1, what="what it held")
        except AssertionError as error:
            told = f"{self.rss} bytes and {self.fds} files before, then {seen}"
            raise AssertionError(told) from error


def api_key(home: Path, name: str) -> str:
    """A new key for a key-less client."""
    with RegistryClient.owner(Profile.open(home=home)) as rest:
        return str(rest.call("keys.create", KeyCreate(name)).key)


class Http:
    """Raw HTTP/1.1 on a connection that is kept while the registry keeps it."""

    proof = "X-API-Key"

    def __init__(self, port: int, key: str) -> None:
        self.port, self.key, self.refusals = port, key, 0
        self.line: socket.socket | None = None
        self.rest = b""

    def dial(self) -> socket.socket:
        if self.line is None:
            self.line = socket.create_connection(("127.0.0.1", self.port), HANG)
            self.rest = b""
        return self.line

    def head(self, method: str, path: str, **headers: str) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"{self.proof}: {self.key}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode()

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, Any]:
        """Status and JSON of one request; 0 if the registry closed without an answer."""
        headers = {"Content_Type": "application/json", **headers}
        head = self.head(method, path, **headers, Content_Length=str(len(body)))
        for again in (False, True):  # an idle connection may have been closed meanwhile
            fresh = self.line is None
            try:
                self.dial().sendall(head + body)
            except OSError:
                self.close()
            status, said = self.answer()
            if status or fresh or again:
                break
        return status, said

    def answer(self) -> tuple[int, Any]:
        """The next answer on the line."""
        try:
            while b"\r\n\r\n" not in self.rest:
                self.more()
            head, _, self.rest = self.rest.partition(b"\r\n\r\n")
            fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
            size = int(fields.get(b"content-length", b"0"))
            while len(self.rest) < size:
                self.more()
        except ConnectionError:
            self.close()
            return 0, None
        body, self.rest = self.rest[:size], self.rest[size:]
        if fields.get(b"connection") == b"close":
            self.close()
        is_json = b"json" in fields.get(b"content-type", b"")
        return int(head.split()[1]), json.loads(body) if is_json and body else None

    def more(self) -> None:
        data = self.line.recv(65_536) if self.line else b""
        if not data:
            raise ConnectionError
        self.rest += data

    def refused(self, status: int, said: Any) -> None:
        """Assert: a refusal with a code and a sentence, or the harmless was served."""
        assert status in (0, 200, 201) or 400 <= status < 500 or status == 503, (status, said)
        self.refusals += status not in (200, 201)
        if status >= 400 and said is not None:
            assert said["code"] != "internal", said
            assert said["detail"], said

    def close(self) -> None:
        if self.line is not None:
            self.line.close()
            self.line = None


class Verbs(Http):
    """The verbs that take a body, and HTTP itself."""

    paths = (
        "/api/hub/tasks",
        "/api/tasks/claim",
        "/api/tasks/renew",
        "/api/tasks/t1/complete",
        "/api/tasks/t1/fail",
        "/api/tasks/t1/progress",
        "/api/registry/agents",
        "/api/nonce",
        "/api/join/begin",
        "/api/tasks/t1/cancel",
    )
    samples = [
        {"skill": "x", "payload": {"plain": {"a": 1}}, "priority": 1, "ttl": 5.0, "path": ["a"]},
        {"claim_id": "c1", "limit": 1, "skills": ["x"]},
        {"leases": [{"task_id": "t", "fence": "1.1"}]},
        {"fence": "1.1", "result": {"plain": [1, "x"]}},
        {"fence": "1.1", "error": {"code": "skill_failed", "message": "x", "retryable": False}},
        {"fence": "1.1", "n": 1, "fraction": 0.5, "note": "x", "item": {"a": 1}},
        {"agent_id": "bad", "hostname": "h", "port": 80, "capabilities": {"skills": ["x"]}},
        {"nonce": "AAAA"},
        {"key": "0123456789abcdef", "nonce": "AAAA"},
        {"reason": "x"},
    ]

    def __init__(self, port: int, key: str) -> None:
        super().__init__(port, key)
        self.turn = 0

    def bad(self, which: int, data: bytes) -> None:
        self.turn += 1
        if self.turn % 5 == 0:
            self.raw(data)
        else:
            self.refused(*self.ask("POST", self.paths[which], data))

    def raw(self, data: bytes) -> None:
        """Damage below JSON: bytes that are no HTTP, half a request, a lying head."""
        self.close()
        ways = (
            data + b"\r\n\r\n",
            self.head("POST", "/api/hub/tasks", Content_Length=str(len(data) + 9)) + data,
            self.head("POST", "/api/hub/tasks", Content_Length="-1") + data,
            self.head("POST", "/api/hub/tasks", Transfer_Encoding="chunked") + b"zz\r\n" + data,
            self.head("GET", "/api/tasks?limit=x&cursor=%ff%00", Accept="x" * 900),
            self.head("B" * 40, "/api/tasks") + data,
        )
        line = self.dial()
        with contextlib.suppress(OSError):
            line.sendall(ways[self.turn // 5 % len(ways)])
            line.shutdown(socket.SHUT_WR)
        status, said = self.answer()
        self.refused(status, said if isinstance(said, dict) else None)
        self.close()

    def good(self) -> None:
        status, said = self.ask("GET", "/api/status")
        assert status == 200 and said["mesh"], (status, said)


class Owner(Http):
    """The verbs that only the owner may call."""

    proof = "Authorization"
    paths = (
        "/api/invitations",
        "/api/invitations/worker/end",
        "/api/revocations",
        "/api/keys",
        "/api/keys/0000/revoke",
        "/api/login",
        "/api/tasks/t1/cancel",
    )
    record: dict[str, Any] = {"b": "AAAA", "s": "AAAA"}
    samples = [
        {"record": record, "signer": [record], "uses": 1},
        {"reason": "x"},
        {"statement": record, "signer": [record]},
        {"name": "bad key", "namespace": ""},
        {"reason": "x"},
        {"reason": "x"},
        {"reason": "x"},
    ]

    def __init__(self, port: int, home: Path) -> None:
        super().__init__(port, "")
        self.profile = Profile.open(home=home)
        self.login()

    def login(self) -> None:
        """A fresh token: it is short-lived, and a storm may be long."""
        with RegistryClient.owner(self.profile) as rest:
            rest.call("status", Nothing())
            self.key = f"Bearer {rest._token}"

    def bad(self, which: int, data: bytes) -> None:
        self.refused(*self.ask("POST", self.paths[which], data))

    def good(self) -> None:
        self.login()
        status, said = self.ask("GET", "/api/keys")
        assert status == 200 and "keys" in said, (status, said)


class Beat(Http):
    """The described heartbeat of a key-less agent."""

    samples = [
        {
            "agent_id": "beat",
            "hostname": "h",
            "ip": "127.0.0.1",
            "port": 80,
            "status": "idle",
            "mode": "cli",
            "skills_count": 1,
            "goals_count": 0,
            "uptime_seconds": 1.5,
            "skill_names": ["x", "y"],
            "sidecar_peer_id": "beat",
        }
    ]

    def bad(self, which: int, data: bytes) -> None:
        self.refused(*self.ask("POST", "/api/hub/heartbeat", data))

    def good(self) -> None:
        body = json.dumps(self.samples[0]).encode()
        status, said = self.ask("POST", "/api/hub/heartbeat", body)
        assert (status, said["status"]) == (200, "ok"), (status, said)


class Ws:
    """The registry's WebSocket, before and after login."""

    samples = [
        {"type": "verb", "id": "1", "verb": "tasks.submit", "body": {"skill": "x", "ttl": 5}},
        {"type": "verb", "id": "2", "verb": "tasks.list", "body": {"state": "failed", "limit": 9}},
        {
            "type": "offer",
            "target_id": "nobody",
            "sdp": "v=0",
            "attempt": 1,
            "nonce": "AAAA",
            "versions": [1],
            "chain": [{"b": "AA", "s": "AA"}],
            "sig": "AAAA",
        },
        {"type": "answer", "target_id": "nobody", "sdp": "v=0", "attempt": 1},
        {"type": "ice_candidate", "target_id": "nobody", "candidate": "candidate:1", "attempt": 1},
        {"type": "connect", "target_id": "nobody", "restart": True},
        {"type": "heartbeat", "slots": 3, "skills": [{"name": "x", "parameters": {"a": 1}}]},
        {"type": "links", "links": [{"peer": "x", "tier": "direct", "rtt_ms": 1.5}]},
        {"type": "error", "code": "x", "message": "y", "target_id": "nobody"},
    ]

    def __init__(self, port: int, home: Path) -> None:
        self.url = f"ws://127.0.0.1:{port}/ws"
        self.profile = Profile.open(home=home)
        # A login replaces the one before of the same id, so each kind of line has its own.
        self.ids = [enrol(self.profile, "", "client") for _ in range(3)]
        self.line: ClientConnection | None = None
        self.turn = self.refusals = 0

    def dial(self, who: int | None) -> ClientConnection:
        """An open socket, logged in as one of the ids or as nobody."""
        opening = connect(self.url, compression=None, max_size=MAX_SIGNAL, proxy=None)
        line: ClientConnection = opening.__enter__()
        challenge = json.loads(line.recv(HANG))
        if who is not None:
            line.send(json.dumps(self.register(challenge, self.ids[who])))
            while json.loads(line.recv(HANG))["type"] != "welcome":
                pass
        return line

    def register(self, challenge: dict[str, Any], who: Credentials) -> dict[str, Any]:
        """A signed login frame."""
        me, mine = who.me(), REAL.token(16)
        data = signed.login(
            mesh=me.mesh,
            peer_id=me.id,
            incarnation=me.incarnation,
            nonce=signed.unb64(challenge["nonce"]),
            my_nonce=mine,
        )
        return {
            "type": "register",
            "peer_id": me.id,
            "incarnation": me.incarnation,
            "chain": msgspec.to_builtins(me.chain),
            "nonce": signed.b64(mine),
            "sig": signed.b64(me.sign(signed.LOGIN, data)),
        }

    def bad(self, which: int, data: bytes) -> None:
        self.turn += 1
        if self.turn % 10 == 0:
            self.before_login(data)
        elif self.turn % 10 == 5:
            self.below(data)
        else:
            self.after_login(data)

    def after_login(self, data: bytes) -> None:
        if self.line is None:
            self.line = self.dial(0)
        self.say(self.line, data, True)
        while self.line and self.heard(self.line).get("id") != str(self.turn):
            pass

    def say(self, line: ClientConnection, data: bytes, text: bool) -> None:
        """The bad message and a ping after it, whose pong says that both were read."""
        with contextlib.suppress(ConnectionClosed):  # heard will say how
            line.send(data, text=text)
            line.send(json.dumps({"type": "ping", "id": str(self.turn)}))

    def before_login(self, data: bytes) -> None:
        line = self.dial(None)
        self.say(line, data, self.turn % 20 == 0)
        said = self.heard(line)
        assert said.get("type") in ("error", None), said
        line.close()

    def below(self, data: bytes) -> None:
        """Damage below messages: unmasked, reserved bits, unknown opcodes, a cut frame."""
        line = self.dial(1 if self.turn % 20 == 5 else None)
        heads = (b"\x81\x05", b"\xf1\x80\0\0\0\0", b"\x8b\x80\0\0\0\0", b"\x01\xfe\xff\xff", b"")
        with contextlib.suppress(OSError):  # closed already, by either end
            line.socket.sendall(heads[self.turn // 10 % len(heads)] + data)
            line.socket.shutdown(socket.SHUT_WR)
        while self.heard(line, ours=True):
            pass
        line.close()

    def heard(self, line: ClientConnection, ours: bool = False) -> dict[str, Any]:
        """The next frame; nothing when the registry closed, which must be clean. ``ours``: it was
        our end that broke off, so it may end without a word."""
        try:
            said: dict[str, Any] = json.loads(line.recv(HANG))
        except ConnectionClosed as closed:
            assert closed.rcvd.code in CLEAN if closed.rcvd else ours, closed
            self.refusals += 1
            if line is self.line:
                self.line = None
            return {}
        if said["type"] == "error":
            self.refusals += 1
            assert said["code"] != "internal" and said["message"], said
        return said

    def good(self) -> None:
        line = self.dial(2)
        line.send(json.dumps({"type": "verb", "id": "g", "verb": "status"}))
        while (said := json.loads(line.recv(HANG))).get("id") != "g":
            assert said["type"] != "error", said
        assert said["body"]["mesh"]
        line.close()

    def close(self) -> None:
        if self.line is not None:
            self.line.close()
        for who in self.ids:
            who.close()
