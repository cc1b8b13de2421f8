// Written by scripts/node_errors.py; docs/errors.md says what each error means.
/** What an error without a message says, once a program has imported this module. */
import { type ErrorClass, MeshError, TABLE } from "./mesh_error.js";

/** The sentence of each code. */
export const sentences: Readonly<Record<string, string>> = {
  internal: "Something broke inside the mesh.",
  unreachable: "The agent cannot be reached.",
  peer_restarted: "The agent restarted while it held the call.",
  registry_unreachable: "The registry cannot be reached.",
  deadline_exceeded: "The deadline passed before an answer came.",
  unknown_agent: "No agent of that name is in the mesh.",
  unknown_skill: "The agent has no such skill.",
  bad_arguments: "The arguments do not fit the skill's schema.",
  too_large: "The message is larger than its bound.",
  skill_failed: "The skill failed.",
  rejected: "The work was refused before it started.",
  hop_limit: "The call passed through too many agents.",
  denied: "This is not allowed.",
  unauthorized: "A valid credential is needed.",
  name_taken: "The name is taken by another key.",
  revoked: "The owner has revoked this member.",
  untrusted: "This agent takes only members whom an owner let in itself (`trust: owner`).",
  bad_chain: "The membership does not lead to the mesh's owner.",
  bad_signature: "The signature is not valid.",
  bad_invitation: "The invitation is unknown, used or expired.",
  wrong_mesh: "This belongs to another mesh.",
  membership_expired: "The membership has expired.",
  busy: "Too much at once; try again later.",
  budget_exceeded: "The budget for the model is spent.",
  disk_full: "The registry's disk is nearly full; new work is refused.",
  unavailable: "The service is not ready.",
  outcome_unknown: "It is not known whether this was done; retry with the same key only.",
  canceled: "The work was canceled.",
  expired: "The task's deadline passed before it was done.",
  attempts_exhausted: "The task was tried as often as it may be.",
  stale_fence: "The lease on this task is not held any more.",
  conflict: "This conflicts with what is already there.",
  audit_broken: "The audit log does not hold. Keep a copy of the registry's folder, and find out who can write there.",
  not_found: "There is no such thing.",
  bad_request: "The request is malformed.",
  invalid: "A value in the request is not allowed.",
  unknown_type: "This message type is not known here.",
  cursor_expired: "The cursor is too old; start the list again.",
  replaced: "Another process logged in under this name.",
  already_running: "It is already running.",
  upgrade_needed: "The versions do not fit; upgrade the older side.",
  already_done: "This was already done; its answer is not kept any more.",
  model_failed: "The model did not answer.",
  missing_extra: "An optional part is not installed.",
  bad_config: "A setting cannot be used.",
};

for (const [code, sentence] of Object.entries(sentences)) {
  (TABLE.get(code) as ErrorClass).sentence = sentence;
}
MeshError.sentence = "Something broke inside the mesh.";
