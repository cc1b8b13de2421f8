/** A task of the registry's queue, and what its end means. */
import { type Courier, decode } from "./artifact.js";
import { errors } from "./errors.js";
import { fromWire, toWire, type WireError } from "./mesh_error.js";
import type { WireFile } from "./wire.js";

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

/** The value that it ended with; throws the error that it ended with. */
export function taskValue(task: Task, courier: Courier): unknown {
  if (task.state === "completed") {
    const plain = (task.result?.plain ?? null) as Packed | null;
    const isPacked = plain instanceof Object && Object.keys(plain)[0] === "$artifacts";
    return isPacked ? decode(plain.value, plain.$artifacts, courier) : plain;
  }
  const wire = task.error ?? toWire(new errors.SkillFailed(`The task ${task.id} is ${task.state}.`));
  const agent = wire.agent || task.assigned_agent_id || task.target_agent_id || null;
  throw fromWire({ ...wire, agent, via: wire.via || "queue, plain" });
}
