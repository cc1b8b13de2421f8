// Written by scripts/node_errors.py; docs/errors.md says what each error means.
/** The classes of errors, each below its base. */
import { type ErrorClass, table } from "./mesh_error.js";

/** Each class with its code. */
export interface Errors {
  Internal: ErrorClass<"internal">;
  Unreachable: ErrorClass<"unreachable">;
  PeerRestarted: ErrorClass<"peer_restarted">;
  RegistryUnreachable: ErrorClass<"registry_unreachable">;
  DeadlineExceeded: ErrorClass<"deadline_exceeded">;
  UnknownAgent: ErrorClass<"unknown_agent">;
  UnknownSkill: ErrorClass<"unknown_skill">;
  BadArguments: ErrorClass<"bad_arguments">;
  TooLarge: ErrorClass<"too_large">;
  SkillFailed: ErrorClass<"skill_failed">;
  Rejected: ErrorClass<"rejected">;
  HopLimit: ErrorClass<"hop_limit">;
  Denied: ErrorClass<"denied">;
  Unauthorized: ErrorClass<"unauthorized">;
  NameTaken: ErrorClass<"name_taken">;
  Revoked: ErrorClass<"revoked">;
  BadChain: ErrorClass<"bad_chain">;
  BadSignature: ErrorClass<"bad_signature">;
  BadInvitation: ErrorClass<"bad_invitation">;
  WrongMesh: ErrorClass<"wrong_mesh">;
  MembershipExpired: ErrorClass<"membership_expired">;
  Overloaded: ErrorClass<"busy">;
  BudgetExceeded: ErrorClass<"budget_exceeded">;
  DiskFull: ErrorClass<"disk_full">;
  Unavailable: ErrorClass<"unavailable">;
  OutcomeUnknown: ErrorClass<"outcome_unknown">;
  Cancelled: ErrorClass<"canceled">;
  Expired: ErrorClass<"expired">;
  AttemptsExhausted: ErrorClass<"attempts_exhausted">;
  StaleFence: ErrorClass<"stale_fence">;
  Conflict: ErrorClass<"conflict">;
  AuditBroken: ErrorClass<"audit_broken">;
  NotFound: ErrorClass<"not_found">;
  BadRequest: ErrorClass<"bad_request">;
  Unprocessable: ErrorClass<"invalid">;
  UnknownType: ErrorClass<"unknown_type">;
  CursorExpired: ErrorClass<"cursor_expired">;
  Replaced: ErrorClass<"replaced">;
  AlreadyRunning: ErrorClass<"already_running">;
  UpgradeNeeded: ErrorClass<"upgrade_needed">;
  AlreadyDone: ErrorClass<"already_done">;
  ModelFailed: ErrorClass<"model_failed">;
  MissingExtra: ErrorClass<"missing_extra">;
  ConfigError: ErrorClass<"bad_config">;
}

/** A row: class, sentence; where not as usual: code, base, whether to retry or unknown. */
export const errors = table<Errors>(`Internal|Something broke inside the mesh.
Unreachable|The agent cannot be reached.|||retry
PeerRestarted|The agent restarted while it held the call.||Unreachable|unknown
RegistryUnreachable|The registry cannot be reached.||Unreachable|retry
DeadlineExceeded|The deadline passed before an answer came.|||unknown
UnknownAgent|No agent of that name is in the mesh.
UnknownSkill|The agent has no such skill.
BadArguments|The arguments do not fit the skill's schema.
TooLarge|The message is larger than its bound.
SkillFailed|The skill failed.
Rejected|The work was refused before it started.
HopLimit|The call passed through too many agents.||Rejected
Denied|This is not allowed.
Unauthorized|A valid credential is needed.||Denied
NameTaken|The name is taken by another key.||Denied
Revoked|The owner has revoked this member.||Denied
BadChain|The membership does not lead to the mesh's owner.||Denied
BadSignature|The signature is not valid.||Denied
BadInvitation|The invitation is unknown, used or expired.||Denied
WrongMesh|This belongs to another mesh.||Denied
MembershipExpired|The membership has expired.||Denied
Overloaded|Too much at once; try again later.|busy||retry
BudgetExceeded|The budget for the model is spent.
DiskFull|The registry's disk is nearly full; new work is refused.|||retry
Unavailable|The service is not ready.|||retry
OutcomeUnknown|It is not known whether this was done; retry with the same key only.||Unavailable|retryunknown
Cancelled|The work was canceled.|canceled
Expired|The task's deadline passed before it was done.
AttemptsExhausted|The task was tried as often as it may be.
StaleFence|The lease on this task is not held any more.
Conflict|This conflicts with what is already there.
AuditBroken|The audit log does not hold. Keep a copy of the registry's folder, and find out who can write there.
NotFound|There is no such thing.
BadRequest|The request is malformed.
Unprocessable|A value in the request is not allowed.|invalid|BadRequest
UnknownType|This message type is not known here.||BadRequest
CursorExpired|The cursor is too old; start the list again.
Replaced|Another process logged in under this name.
AlreadyRunning|It is already running.
UpgradeNeeded|The versions do not fit; upgrade the older side.
AlreadyDone|This was already done; its answer is not kept any more.
ModelFailed|The model did not answer.
MissingExtra|An optional part is not installed.
ConfigError|A setting cannot be used.|bad_config`);
