"""The one table of verbs: it feeds the WebSocket, the REST routes and OpenAPI (tasks.md section 8).

A REST request builds its struct from path, query and JSON body together; the WebSocket sends
the struct as ``verb.body``. ``callers`` names the principals that may call it; each handler still
checks what the caller may touch.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from . import audit as a
from . import pairing as p
from . import registry as r
from . import tasks as t
from . import trust as u

CallerKind = Literal["open", "agent", "client", "machine", "owner", "key", "person"]
Method = Literal["GET", "POST", "DELETE"]

MEMBERS: Final[tuple[CallerKind, ...]] = ("agent", "client", "machine", "owner", "key", "person")
WORKERS: Final[tuple[CallerKind, ...]] = ("agent", "key")
SUBMITTERS: Final[tuple[CallerKind, ...]] = ("agent", "client", "key", "person")
OPERATORS: Final[tuple[CallerKind, ...]] = ("owner", "person")


class Verb(msgspec.Struct, frozen=True):
    """One verb. ``path`` may hold ``{field}`` of the request.

    A name that ends in ``.described`` is a described route whose answer has the described form;
    the verb without that ending is the same in ours.

    ``limit``: bytes of a request body. ``ws``: also over the WebSocket. ``waits``: over REST the
    query's ``wait`` (seconds) lets it answer when the task has ended. ``streams``: over REST
    it answers ``Accept: text/event-stream`` with the task's events. ``audited``: callers of whom
    each run is a line of the audit log; ``target``: the request's field that says what it concerns,
    where the handler does not.
    """

    name: str
    request: type[msgspec.Struct]
    reply: Any
    callers: tuple[CallerKind, ...]
    method: Method
    path: str
    errors: tuple[str, ...] = ()
    limit: int = 64 * 1024
    ws: bool = True
    status: int = 200
    summary: str = ""
    waits: bool = False
    streams: bool = False
    audited: tuple[CallerKind, ...] = ()
    target: str = ""


_BIG: Final = t.MAX_PAYLOAD + 64 * 1024

TABLE: Final[tuple[Verb, ...]] = (
    Verb("health", r.Nothing, r.HealthReply, ("open",), "GET", "/healthz", ws=False),
    Verb(
        "ready", r.Nothing, r.HealthReply, ("open",), "GET", "/readyz", ("unavailable",), ws=False
    ),
    Verb(
        "nonce",
        r.NonceRequest,
        r.RegistryProof,
        ("open",),
        "POST",
        "/api/nonce",
        ("busy",),
        ws=False,
    ),
    Verb(
        "token",
        r.TokenRequest,
        r.Token,
        ("open",),
        "POST",
        "/api/token",
        ("unauthorized", "revoked", "busy"),
        ws=False,
    ),
    Verb(
        "join.begin",
        u.JoinBegin,
        u.JoinOffer,
        ("open",),
        "POST",
        "/api/join/begin",
        ("bad_invitation", "busy"),
        ws=False,
    ),
    Verb(
        "join",
        u.Join,
        u.Joined,
        ("open",),
        "POST",
        "/api/join",
        ("bad_invitation", "bad_chain", "bad_signature", "name_taken", "busy"),
        ws=False,
        audited=("open",),
    ),
    Verb(
        "login.redeem",
        r.Redeem,
        r.Session,
        ("open",),
        "POST",
        "/api/login/redeem",
        ("unauthorized", "busy"),
        ws=False,
        audited=("open",),
    ),
    Verb(
        "login.create", r.Nothing, r.LoginLink, ("owner",), "POST", "/api/login", audited=("owner",)
    ),
    Verb(
        "login.end",
        r.Nothing,
        u.Done,
        ("person",),
        "POST",
        "/api/login/end",
        ws=False,
        audited=("person",),
    ),
    Verb("session", r.Nothing, r.Session, MEMBERS, "GET", "/api/session"),
    Verb("status", r.Nothing, r.StatusReply, MEMBERS, "GET", "/api/status"),
    Verb("config", r.Nothing, r.IceConfig, MEMBERS, "GET", "/api/config"),
    Verb(
        "serial",
        r.Serial,
        r.Serial,
        ("agent", "client", "machine", "owner"),
        "GET",
        "/api/serials/{id}",
    ),
    Verb(
        "invite.put",
        u.Invite,
        u.Done,
        ("owner",),
        "POST",
        "/api/invitations",
        ("bad_chain", "bad_signature", "conflict", "name_taken"),
        audited=("owner",),
    ),
    Verb(
        "invite.get",
        u.InviteRef,
        u.Invitation,
        ("owner",),
        "GET",
        "/api/invitations/{key}",
        ("not_found",),
    ),
    Verb(
        "invite.end",
        u.InviteEnd,
        u.InviteEnd,
        ("owner",),
        "POST",
        "/api/invitations/{names}/end",
        audited=("owner",),
        target="names",
    ),
    Verb(
        "revoke",
        u.Revoke,
        u.Done,
        ("owner",),
        "POST",
        "/api/revocations",
        ("bad_signature", "bad_chain", "not_found"),
        audited=("owner",),
    ),
    Verb(
        "leave",
        r.Nothing,
        u.Done,
        ("machine", "agent"),
        "POST",
        "/api/leave",
        audited=("machine", "agent"),
    ),
    Verb(
        "codes.create",
        r.Nothing,
        p.CodeCreated,
        OPERATORS,
        "POST",
        "/api/codes",
        ("busy",),
        status=201,
        audited=OPERATORS,
    ),
    Verb(
        "pairings.begin",
        p.PairBegin,
        p.PairAnswer,
        ("open",),
        "POST",
        "/api/pairings",
        ("bad_invitation", "bad_signature", "invalid", "name_taken", "busy"),
        ws=False,
        audited=("open",),
    ),
    Verb(
        "pairings.wait",
        p.PairWait,
        p.PairAnswer,
        ("open",),
        "POST",
        "/api/pairings/{id}/wait",
        ("bad_signature", "not_found", "busy"),
        ws=False,
    ),
    Verb("pairings.list", p.PairingsQuery, p.Pairings, OPERATORS, "GET", "/api/pairings"),
    Verb(
        "pairings.approve",
        p.PairApprove,
        u.Done,
        ("owner",),
        "POST",
        "/api/pairings/{id}/approve",
        ("bad_chain", "conflict", "name_taken", "not_found", "revoked"),
        audited=("owner",),
    ),
    Verb(
        "pairings.reject",
        p.PairingRef,
        u.Done,
        OPERATORS,
        "POST",
        "/api/pairings/{id}/reject",
        ("conflict", "not_found"),
        audited=OPERATORS,
    ),
    Verb(
        "keys.create",
        r.KeyCreate,
        r.KeyCreated,
        ("owner",),
        "POST",
        "/api/keys",
        ("name_taken", "invalid"),
        status=201,
        audited=("owner",),
        target="name",
    ),
    Verb("keys.list", r.KeysQuery, r.Keys, ("owner",), "GET", "/api/keys"),
    Verb(
        "keys.revoke",
        r.KeyRef,
        u.Done,
        ("owner",),
        "POST",
        "/api/keys/{id}/revoke",
        ("not_found",),
        audited=("owner",),
        target="id",
    ),
    Verb("agents.list", r.AgentQuery, r.Agents, MEMBERS, "GET", "/api/agents", ("cursor_expired",)),
    Verb(
        "agents.list.described",
        r.AgentQueryAll,
        list[r.AgentRecord],
        MEMBERS,
        "GET",
        "/api/registry/agents",
        ws=False,
    ),
    Verb(
        "agents.get",
        r.AgentRef,
        r.AgentRecord,
        MEMBERS,
        "GET",
        "/api/registry/agents/{agent_id}",
        ("not_found",),
    ),
    Verb(
        "agents.register",
        r.RegisterAgent,
        u.Done,
        ("agent", "key"),
        "POST",
        "/api/registry/agents",
        ("denied", "name_taken", "invalid"),
        ws=False,
    ),
    Verb(
        "agents.remove",
        r.AgentRef,
        u.Done,
        ("agent", "key", "owner", "person"),
        "DELETE",
        "/api/registry/agents/{agent_id}",
        ("not_found", "denied"),
        audited=OPERATORS,
        target="agent_id",
    ),
    Verb(
        "agents.route",
        r.Route,
        r.AgentRecord,
        MEMBERS,
        "GET",
        "/api/registry/route",
        ("unknown_skill",),
    ),
    Verb(
        "heartbeat",
        r.Beat,
        msgspec.defstruct(
            "BeatReply", [("status", str, "ok"), ("pending_tasks", list[t.DescribedTask], [])]
        ),
        ("agent", "key"),
        "POST",
        "/api/hub/heartbeat",
        ("denied",),
        ws=False,
    ),
    Verb(
        "announce",
        r.Announce,
        r.Announced,
        ("agent", "client"),
        "POST",
        "/api/announcements",
        ("busy",),
        limit=128 * 1024,
    ),
    Verb(
        "announce.received",
        r.AnnounceReceived,
        u.Done,
        ("agent",),
        "POST",
        "/api/announcements/{id}/received",
    ),
    Verb("topology", r.Nothing, r.Topology, MEMBERS, "GET", "/api/hub/network/topology"),
    Verb(
        "tasks.submit",
        t.Submit,
        t.Submitted,
        SUBMITTERS,
        "POST",
        "/api/hub/tasks",
        (
            "bad_request",
            "invalid",
            "too_large",
            "conflict",
            "busy",
            "disk_full",
            "denied",
            "unknown_agent",
            "hop_limit",
            "already_done",
        ),
        limit=_BIG,
        waits=True,
        audited=("person",),
    ),
    Verb("tasks.list", t.Query, t.Tasks, MEMBERS, "GET", "/api/tasks", ("cursor_expired",)),
    Verb(
        "tasks.list.described",
        t.QueryAll,
        list[t.DescribedTask],
        MEMBERS,
        "GET",
        "/api/hub/tasks/all",
        ("cursor_expired",),
        ws=False,
    ),
    Verb(
        "tasks.get",
        t.Ref,
        t.Task,
        MEMBERS,
        "GET",
        "/api/tasks/{task_id}",
        ("not_found", "denied"),
        waits=True,
        audited=("person",),
        target="task_id",
    ),
    Verb(
        "tasks.get.described",
        t.Ref,
        t.DescribedTask,
        MEMBERS,
        "GET",
        "/api/hub/tasks/{task_id}",
        ("not_found", "denied"),
        ws=False,
        waits=True,
        audited=("person",),
        target="task_id",
    ),
    Verb(
        "tasks.watch",
        t.Watch,
        t.Task,
        MEMBERS,
        "GET",
        "/api/tasks/{task_id}/watch",
        ("not_found", "denied"),
        streams=True,
        audited=("person",),
        target="task_id",
    ),
    Verb(
        "tasks.cancel",
        t.Cancel,
        t.Ended,
        (*SUBMITTERS, "owner"),
        "POST",
        "/api/tasks/{task_id}/cancel",
        ("not_found", "denied", "conflict"),
        audited=OPERATORS,
        target="task_id",
    ),
    Verb(
        "tasks.update",
        t.Update,
        u.Done,
        WORKERS,
        "POST",
        "/api/hub/tasks/{task_id}",
        ("not_found", "denied", "stale_fence", "invalid", "canceled"),
        limit=_BIG,
        ws=False,
    ),
    Verb("tasks.claim", t.Claim, t.Grants, WORKERS, "POST", "/api/tasks/claim", ("denied",)),
    Verb(
        "tasks.started",
        t.Held,
        u.Done,
        WORKERS,
        "POST",
        "/api/tasks/{task_id}/started",
        ("stale_fence", "canceled", "not_found"),
    ),
    Verb("tasks.renew", t.Renew, t.Renewed, WORKERS, "POST", "/api/tasks/renew"),
    Verb(
        "tasks.progress",
        t.Report,
        u.Done,
        WORKERS,
        "POST",
        "/api/tasks/{task_id}/progress",
        ("stale_fence", "canceled", "not_found"),
        limit=_BIG,
    ),
    Verb(
        "tasks.complete",
        t.Complete,
        t.Ended,
        WORKERS,
        "POST",
        "/api/tasks/{task_id}/complete",
        ("stale_fence", "canceled", "too_large", "not_found"),
        limit=_BIG,
    ),
    Verb(
        "tasks.fail",
        t.Fail,
        t.Ended,
        WORKERS,
        "POST",
        "/api/tasks/{task_id}/fail",
        ("stale_fence", "canceled", "not_found"),
    ),
    Verb(
        "tasks.release",
        t.Held,
        t.Ended,
        WORKERS,
        "POST",
        "/api/tasks/{task_id}/release",
        ("stale_fence", "not_found"),
    ),
    Verb("audit.list", a.AuditQuery, a.AuditPage, OPERATORS, "GET", "/api/audit"),
    Verb("watch", r.WatchAll, r.Watching, OPERATORS, "GET", "/api/events", ("cursor_expired",)),
)

BY_NAME: Final[dict[str, Verb]] = {verb.name: verb for verb in TABLE}
