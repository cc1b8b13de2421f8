/** What a program asks seldom: methods of a mesh and of a request, whose code is loaded with the first call of one. */
import type { Calls } from "./calls.js";
import { type CallOptions, payloadOf, type Reply } from "./options.js";
import type { Task } from "./task.js";

const VERB_S = 10;

/** What a command gives that is nobody's request, whoever asks. */
async function value<Value>(
  calls: Calls,
  type: string,
  payload: object,
  seconds = VERB_S,
): Promise<Value> {
  return (await calls.sidecar.ask({ type, payload }, seconds)).value as Value;
}

/** Call `skill` of whoever has it and can be reached. */
export async function any(
  calls: Calls,
  skill: string,
  args: object = {},
  options: CallOptions = {},
): Promise<unknown> {
  return (await calls.call("any", payloadOf({ skill, args }, options), options)).value;
}

/** A task as the registry has it now. */
export function task(calls: Calls, taskId: string): Promise<Task> {
  return value(calls, "task", { task_id: taskId });
}

/** The value that a task ends with; throws the error that it ends with. */
export async function result(calls: Calls, taskId: string, timeout?: number): Promise<unknown> {
  return (await import("./task.js")).result(calls, taskId, timeout);
}

/** A round trip; opens a link if there is none. */
export function ping(calls: Calls, target: string, timeout = 5): Promise<Omit<Reply, "value">> {
  return value(calls, "ping", { target, timeout }, timeout);
}

/** A page of who there is; its `next` goes into `cursor`. */
export function agents(
  calls: Calls,
  query: { skill?: string; limit?: number; cursor?: string } = {},
): Promise<unknown> {
  return value(calls, "agents", query);
}

/** How the sidecar is. */
export function status(calls: Calls): Promise<Record<string, unknown>> {
  return value(calls, "status", {});
}

/** Any other verb of the registry that a login may use. */
export async function verb(
  calls: Calls,
  name: string,
  request: object = {},
  timeout = VERB_S,
): Promise<unknown> {
  return (await calls.command("verb", { name, request, timeout }, timeout)).value;
}
