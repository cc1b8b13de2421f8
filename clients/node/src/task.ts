/** A task of the registry's queue, watched to its end; loaded with the first that is. */
import { Calls } from "./calls.js";
import { errors } from "./errors.js";
import { fromWire, toWire, type WireError } from "./mesh_error.js";
import { type Stream, stream } from "./stream.js";
import type { Result, WireFile } from "./wire.js";

const WATCH_S = 300;

/** A value with its artifacts, as a task holds it. */
interface Packed {
  $artifacts: WireFile[];
  value: unknown;
}

/** A task as the registry has it. */
export interface Task {
  id: string;
  state: string;
  skill?: string;
  target_agent_id?: string;
  assigned_agent_id?: string;
  result?: { plain?: unknown } | null;
  error?: WireError | null;
  [field: string]: unknown;
}

/** Each step of a task; what it returns is the task as it ended. */
export function watch(calls: Calls, task_id: string, timeout = WATCH_S): Stream<unknown, Task> {
  const end = ({ value }: Result): Task => (value as { task: Task }).task;
  const anybody = new Calls(calls.sidecar); // for a watch is nobody's request
  return stream(anybody, "watch", { task_id, timeout }, {}, end);
}

/** The value that a task ends with; throws the error that it ends with. */
export async function result(calls: Calls, taskId: string, timeout?: number): Promise<unknown> {
  const steps = watch(calls, taskId, timeout);
  for (;;) {
    const step = await steps.next();
    if (step.done) return taskValue(step.value, calls);
  }
}

function taskValue(task: Task, calls: Calls): unknown {
  if (task.state === "completed") {
    const plain = (task.result?.plain ?? null) as Packed | null;
    const isPacked = plain instanceof Object && Object.keys(plain)[0] === "$artifacts";
    return isPacked ? calls.decode(plain.value, plain.$artifacts) : plain;
  }
  const wire = task.error ?? toWire(new errors.SkillFailed(`The task ${task.id} is ${task.state}.`));
  const agent = wire.agent || task.assigned_agent_id || task.target_agent_id || null;
  throw fromWire({ ...wire, agent, via: wire.via || "queue, plain" });
}
