/** A task of the registry's queue, and what its end means. */
import { errors } from "./errors.js";
import { fromWire, toWire, type WireError } from "./mesh_error.js";

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
export function taskValue(task: Task): unknown {
  if (task.state === "completed") return task.result?.plain ?? null;
  const wire = task.error ?? toWire(new errors.SkillFailed(`The task ${task.id} is ${task.state}.`));
  const agent = wire.agent || task.assigned_agent_id || task.target_agent_id || null;
  throw fromWire({ ...wire, agent, via: wire.via || "queue, plain" });
}
