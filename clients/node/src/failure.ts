/** What becomes of what a skill throws; loaded with the first that does. */
import { MAX_RESULT, Unsendable } from "./answer.js";
import { errors } from "./errors.js";
import { byCall, MeshError } from "./mesh_error.js";

/** The answer of one whose `skill` of `agent` threw: of an error that is none of the mesh's the class alone. */
export function failure(agent: string, skill: string, error: unknown): MeshError {
  const kind = (error as Error | undefined)?.constructor?.name ?? typeof error;
  if (error instanceof errors.SkillFailed) {
    const told = error.message === error.code ? "The skill failed." : error.message;
    if (error.constructor !== errors.SkillFailed) error.message = `${kind}: ${told}`;
    return error;
  }
  if (error instanceof MeshError) {
    if (byCall.has(error)) error.outcome = "unknown";
    return error;
  }
  if (error instanceof Unsendable) {
    return new errors.SkillFailed(`The result of ${skill} ${reason(error.cause)}.`);
  }
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  const place = /^ {4}at .*$/m.exec(stack)?.[0].trim() ?? "";
  console.error(`chatixia: ${skill} failed with ${kind} ${place}`);
  const text = `The skill ${skill} of ${agent} failed with ${kind}; see the agent's log.`;
  return new errors.SkillFailed(text, { agent });
}

function reason(why: unknown): string {
  if (typeof why !== "number") return `cannot be sent: ${(why as Error).message}`;
  const cure = "Let it `yield` pieces, to callers that stream";
  return `has ${why} bytes or more; an answer takes ${MAX_RESULT}. ${cure}`;
}
