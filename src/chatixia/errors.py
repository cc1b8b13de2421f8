"""The one error tree. An error keeps its code across every wire of the mesh.

    MeshError
     +-- Unreachable (ConnectionError)      no way to the agent
     |    +-- PeerRestarted                 it came back as a new process
     +-- DeadlineExceeded (TimeoutError)
     +-- UnknownAgent  UnknownSkill  BadArguments  TooLarge
     +-- SkillFailed                        the skill raised
     +-- Rejected                           refused before start
     +-- Denied                             no credential, or policy says no
     |    +-- Unauthorized  NameTaken  Revoked  Untrusted  Expired
     +-- Overloaded                         code ``busy``
     +-- Cancelled                          code ``canceled``
     +-- Conflict  NotFound  BadRequest  Unavailable  UsageError ...

``outcome`` is *definite* (nothing happened) or *unknown* (it may have happened; only the same
idempotency key may be retried; tasks.md section 3).
"""

from __future__ import annotations

from typing import Any, ClassVar, Final, Literal

import msgspec

Outcome = Literal["definite", "unknown"]
MAX_SENTENCE: Final = 1024
MAX_CODE: Final = 64
MAX_NAME: Final = 128


NO_WAIT: Final = 0.0
"""Nobody can say how long. It is left out of JSON by what it is: another 0.0 would be written."""


class WireError(msgspec.Struct, omit_defaults=True, frozen=True):
    """An error as every wire carries it.

    ``code`` is a key of :data:`TABLE`; ``message`` one sentence of at most 1,024 characters;
    ``retry_after``: seconds to wait before the next try, 0 where nobody can say.
    """

    code: str
    message: str = ""
    retryable: bool = False
    outcome: Outcome = "definite"
    agent: str | None = None
    via: str | None = None
    retry_after: float = NO_WAIT


class MeshError(Exception):
    """Base of every error that the mesh reports.

    Attributes: ``code``, ``retryable``, ``outcome``, ``agent`` (whom it concerns), ``via``
    (the tier that carried the call, if any), ``retry_after`` (seconds to wait before the next
    try; 0 where nobody can say).
    """

    code: ClassVar[str] = "internal"
    retry: ClassVar[bool] = False
    status: ClassVar[int] = 500
    exit: ClassVar[int] = 1
    sentence: ClassVar[str] = "Something broke inside the mesh."
    default_outcome: ClassVar[Outcome] = "definite"
    by_call = False
    """Whether a call that was made here raised it: a skill that passes it on had begun by then."""

    def __init__(
        self,
        message: str = "",
        *,
        agent: str | None = None,
        via: str | None = None,
        retryable: bool | None = None,
        outcome: Outcome | None = None,
        retry_after: float = 0.0,
    ) -> None:
        self.message = str(message or self.sentence)[:MAX_SENTENCE]
        self.agent = agent
        self.via = via
        self.retryable = self.retry if retryable is None else retryable
        self.outcome: Outcome = outcome or self.default_outcome
        self.retry_after = retry_after
        super().__init__(self.message)

    def to_wire(self) -> WireError:
        """This error as a :class:`WireError` that every wire takes.

        Never raises, whatever was put into it or left out: an error that cannot be told keeps its
        caller waiting to the deadline.
        """
        own = vars(self)
        return WireError(
            _sendable(self.code, MAX_CODE) or MeshError.code,
            _sendable(own.get("message") or self.sentence, MAX_SENTENCE),
            bool(own.get("retryable", self.retry)),
            "definite" if own.get("outcome", self.default_outcome) == "definite" else "unknown",
            _sendable(own.get("agent") or "", MAX_NAME) or None,
            _sendable(own.get("via") or "", MAX_NAME) or None,
            _seconds(own.get("retry_after", 0.0)),
        )


def _sendable(value: object, most: int) -> str:
    """``value`` as text that can be encoded: a lone surrogate becomes a question mark."""
    try:
        text = str(value)[:most]
    except Exception:  # noqa: BLE001 - a __str__ of somebody's own
        text = f"({type(value).__name__})"[:most]
    return text.encode(errors="replace").decode()


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, int | float) and 0 < value < 86_400 else NO_WAIT


class Internal(MeshError):
    """A defect of ours; the log has the rest."""


class Unreachable(MeshError, ConnectionError):
    """No path to the agent before the deadline, or it is gone."""

    code, retry, status, exit = "unreachable", True, 503, 3
    sentence = "The agent cannot be reached."


class PeerRestarted(Unreachable):
    """The agent came back as a new process while the call was in flight."""

    code, retry = "peer_restarted", False
    sentence = "The agent restarted while it held the call."
    default_outcome: ClassVar[Outcome] = "unknown"


class RegistryUnreachable(Unreachable):
    """The registry does not answer. ``refused``: its host does, and refuses the connection."""

    code = "registry_unreachable"
    refused = False
    sentence = "The registry cannot be reached."


class DeadlineExceeded(MeshError, TimeoutError):
    """The deadline passed before the answer came."""

    code, status, exit = "deadline_exceeded", 504, 5
    sentence = "The deadline passed before an answer came."
    default_outcome: ClassVar[Outcome] = "unknown"


class UnknownAgent(MeshError):
    """No agent of that name is in the mesh."""

    code, status, exit = "unknown_agent", 404, 1
    sentence = "No agent of that name is in the mesh."


class UnknownSkill(MeshError):
    """The agent does not have that skill."""

    code, status, exit = "unknown_skill", 404, 1
    sentence = "The agent has no such skill."


class BadArguments(MeshError):
    """The arguments do not fit the skill's schema."""

    code, status, exit = "bad_arguments", 422, 2
    sentence = "The arguments do not fit the skill's schema."


class TooLarge(MeshError):
    """A message or body above its bound."""

    code, status, exit = "too_large", 413, 1
    sentence = "The message is larger than its bound."


class SkillFailed(MeshError):
    """The skill raised, or its result could not be encoded."""

    code, status, exit = "skill_failed", 502, 1
    sentence = "The skill failed."


class Rejected(MeshError):
    """Refused before the skill started."""

    code, status, exit = "rejected", 409, 1
    sentence = "The work was refused before it started."


class HopLimit(Rejected):
    """The path of the call is too long, or comes round to an agent too often."""

    code = "hop_limit"
    sentence = "The call passed through too many agents."


class Denied(MeshError):
    """Known, and not allowed."""

    code, status, exit = "denied", 403, 4
    sentence = "This is not allowed."


class Unauthorized(Denied):
    """No credential, or one that is not valid."""

    code, status = "unauthorized", 401
    sentence = "A valid credential is needed."


class NameTaken(Denied):
    """The name belongs to another key."""

    code, status = "name_taken", 409
    sentence = "The name is taken by another key."


class Revoked(Denied):
    """The owner has revoked this member."""

    code = "revoked"
    sentence = "The owner has revoked this member."


class Untrusted(Denied):
    """The agent takes nobody whom the registry let in, and no work that nobody proved."""

    code = "untrusted"
    sentence = "This agent takes only members whom an owner let in itself (`trust: owner`)."


class BadChain(Denied):
    """A membership chain that does not lead to the mesh's owner."""

    code = "bad_chain"
    sentence = "The membership does not lead to the mesh's owner."


class BadSignature(Denied):
    """A signature that is not valid, or is valid for other bytes."""

    code = "bad_signature"
    sentence = "The signature is not valid."


class BadInvitation(Denied):
    """An invitation that is unknown, used, expired or for another name."""

    code = "bad_invitation"
    sentence = "The invitation is unknown, used or expired."


class WrongMesh(Denied):
    """A key, record or join string of another mesh, or of another registry."""

    code = "wrong_mesh"
    sentence = "This belongs to another mesh."


class MembershipExpired(Denied):
    """The record's time is over, or membership was not confirmed in time."""

    code = "membership_expired"
    sentence = "The membership has expired."


class Overloaded(MeshError):
    """A bound is reached; nothing happened; try later."""

    code, retry, status, exit = "busy", True, 429, 1
    sentence = "Too much at once; try again later."


class BudgetExceeded(MeshError):
    """What a model may spend is spent: turns, tokens, money or time."""

    code, status, exit = "budget_exceeded", 429, 1
    sentence = "The budget for the model is spent."


class DiskFull(MeshError):
    """The registry's disk is below its floor; new work is refused."""

    code, retry, status, exit = "disk_full", True, 503, 1
    sentence = "The registry's disk is nearly full; new work is refused."


class Unavailable(MeshError):
    """The service is starting or stopping, or its store failed."""

    code, retry, status, exit = "unavailable", True, 503, 3
    sentence = "The service is not ready."


class OutcomeUnknown(Unavailable):
    """A commit whose fate is not known; retry with the same key only."""

    code = "outcome_unknown"
    sentence = "It is not known whether this was done; retry with the same key only."
    default_outcome: ClassVar[Outcome] = "unknown"


class Cancelled(MeshError):
    """Cancelled by the caller or an operator."""

    code, status, exit = "canceled", 409, 1
    sentence = "The work was canceled."


class Expired(MeshError):
    """A task whose deadline passed in the queue."""

    code, status, exit = "expired", 504, 5
    sentence = "The task's deadline passed before it was done."


class AttemptsExhausted(MeshError):
    """A task that was tried as often as it may be."""

    code, status, exit = "attempts_exhausted", 502, 1
    sentence = "The task was tried as often as it may be."


class StaleFence(MeshError):
    """A lease that is not held any more."""

    code, status, exit = "stale_fence", 409, 1
    sentence = "The lease on this task is not held any more."


class Conflict(MeshError):
    """The same key with another content, or a change that the state forbids."""

    code, status, exit = "conflict", 409, 1
    sentence = "This conflicts with what is already there."


class AuditBroken(MeshError):
    """The audit log is not what it was: a line was changed, taken out or put in."""

    code, status, exit = "audit_broken", 409, 1
    sentence = (
        "The audit log does not hold. Keep a copy of the registry's folder, and find out who can"
        " write there."
    )


class NotFound(MeshError):
    """No such thing."""

    code, status, exit = "not_found", 404, 1
    sentence = "There is no such thing."


class BadRequest(MeshError):
    """Malformed input: not JSON, a wrong type, a missing field."""

    code, status, exit = "bad_request", 400, 2
    sentence = "The request is malformed."


class Unprocessable(BadRequest):
    """Well-formed input with a value that is not allowed."""

    code, status = "invalid", 422
    sentence = "A value in the request is not allowed."


class UnknownType(BadRequest):
    """A message type that this side does not know."""

    code = "unknown_type"
    sentence = "This message type is not known here."


class CursorExpired(MeshError):
    """A cursor older than what is kept."""

    code, status, exit = "cursor_expired", 410, 1
    sentence = "The cursor is too old; start the list again."


class Replaced(MeshError):
    """A second login of the same id took over."""

    code, status, exit = "replaced", 409, 1
    sentence = "Another process logged in under this name."


class AlreadyRunning(MeshError):
    """A running process holds the lock."""

    code, status, exit = "already_running", 409, 2
    sentence = "It is already running."


class UpgradeNeeded(MeshError):
    """The two sides share no protocol version."""

    code, status, exit = "upgrade_needed", 426, 1
    sentence = "The versions do not fit; upgrade the older side."


class AlreadyDone(MeshError):
    """A duplicate of work whose answer is not kept any more."""

    code, status, exit = "already_done", 409, 1
    sentence = "This was already done; its answer is not kept any more."


class ModelFailed(MeshError):
    """The provider of a model refused, failed or went silent, or its answer cannot be used."""

    code, status, exit = "model_failed", 502, 1
    sentence = "The model did not answer."


class MissingExtra(MeshError):
    """An optional part that is not installed."""

    code, status, exit = "missing_extra", 501, 2
    sentence = "An optional part is not installed."


class ConfigError(MeshError):
    """A setting, file or manifest that cannot be used; a refusal to start."""

    code, status, exit = "bad_config", 500, 2
    sentence = "A setting cannot be used."


def _tree(root: type[MeshError]) -> list[type[MeshError]]:
    """Every error of this module below ``root``; an application's own subclasses are not ours."""
    defined = (sub for sub in root.__subclasses__() if sub.__module__ == __name__)
    return [leaf for sub in defined for leaf in (sub, *_tree(sub))]


TABLE: Final[dict[str, type[MeshError]]] = {kind.code: kind for kind in _tree(MeshError)}
"""code -> class; the source of HTTP statuses, exit codes and the docs."""


def from_wire(error: WireError) -> MeshError:
    """The error at the far end of a wire, as the same class; an unknown code stays readable.

    A ``retry_after`` that is longer than a day counts as none.
    """
    kind = TABLE.get(error.code)
    if kind is None:
        return _foreign(error)
    return kind(
        error.message,
        agent=error.agent,
        via=error.via,
        retryable=error.retryable,
        outcome=error.outcome,
        retry_after=_seconds(error.retry_after),
    )


def _foreign(error: WireError) -> MeshError:
    error_of_peer = MeshError(
        error.message,
        agent=error.agent,
        via=error.via,
        retryable=error.retryable,
        outcome=error.outcome,
        retry_after=_seconds(error.retry_after),
    )
    error_of_peer.__dict__["code"] = error.code[:MAX_CODE]
    return error_of_peer


def problem(error: MeshError, instance: str = "") -> dict[str, Any]:
    """``error`` as an RFC 9457 problem document with our ``code``."""
    wire = error.to_wire()
    body: dict[str, Any] = {
        "type": f"urn:chatixia:error:{wire.code}",
        "title": type(error).sentence,
        "status": error.status,
        "detail": wire.message,
        "code": wire.code,
        "retryable": wire.retryable,
        "outcome": wire.outcome,
    }
    if wire.retry_after:
        body["retry_after"] = wire.retry_after
    return body | ({"instance": instance} if instance else {})
