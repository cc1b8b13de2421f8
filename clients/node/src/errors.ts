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
  Untrusted: ErrorClass<"untrusted">;
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

/**
 * A base, and what is below it: with its code where that is not as usual, + where it may be tried
 * again, ? for an unknown outcome.
 */
export const errors = table<Errors>(`MeshError Internal Unreachable+ DeadlineExceeded? UnknownAgent UnknownSkill BadArguments TooLarge SkillFailed Rejected Denied Overloaded=busy+ BudgetExceeded DiskFull+ Unavailable+ Cancelled=canceled Expired AttemptsExhausted StaleFence Conflict AuditBroken NotFound BadRequest CursorExpired Replaced AlreadyRunning UpgradeNeeded AlreadyDone ModelFailed MissingExtra ConfigError=bad_config
Unreachable PeerRestarted? RegistryUnreachable+
Rejected HopLimit
Denied Unauthorized NameTaken Revoked Untrusted BadChain BadSignature BadInvitation WrongMesh MembershipExpired
Unavailable OutcomeUnknown+?
BadRequest Unprocessable=invalid UnknownType`);
