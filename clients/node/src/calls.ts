/** What a program asks of the mesh: in its own name, or on behalf of the request that it serves. */
import { type Courier, decode } from "./artifact.js";
import { AgentHandle, type Anything, type Skills } from "./handle.js";
import { advance, type CallOptions, common, type Reply, type TaskOptions } from "./options.js";
import type { AskOptions, Sidecar } from "./sidecar.js";
import { type Stream, stream } from "./stream.js";
import { type Task, taskValue } from "./task.js";
import type { Command, Result, WireFile } from "./wire.js";

const FETCH_S = 3600;
const VERB_S = 10;
const SUBMIT_S = 60;
const WATCH_S = 300;

/** A payload that says how many seconds its command may take. */
export type Timed = { timeout: number } & Record<string, unknown>;

export class Calls implements Courier {
  readonly #sidecar: Sidecar;

  /** @internal */
  constructor(sidecar: Sidecar) {
    this.#sidecar = sidecar;
  }

  /** One agent. `options` hold for each call. */
  agent<S extends Skills<S> = Anything>(name: string, options: CallOptions = {}): AgentHandle<S> {
    return new AgentHandle<S>(this, name, options);
  }

  /** Call `skill` of whoever has it and can be reached. */
  async any(skill: string, args: object = {}, options: CallOptions = {}): Promise<unknown> {
    return (await this.call("any", { skill, args, ...common(options) }, options)).value;
  }

  /** Put a task into the registry's queue, for `target`, or for any with `skill`; its id. */
  async submit(
    target: string,
    skill: string,
    args: object = {},
    options: TaskOptions = {},
  ): Promise<string> {
    const { key, deadline, priority, maxAttempts: max_attempts, retryOf: retry_of } = options;
    const payload = { target, skill, args, key, deadline, priority, max_attempts, retry_of };
    const { value } = await this.command("submit", payload, SUBMIT_S);
    return (value as { task_id: string }).task_id;
  }

  /** A task as the registry has it now. */
  async task(taskId: string): Promise<Task> {
    return (await this.command("task", { task_id: taskId }, VERB_S)).value as Task;
  }

  /** Each step of a task; the generator returns the task as it ended. */
  watch(taskId: string, timeout = WATCH_S): Stream<unknown, Task> {
    const end = (result: Result): Task => (result.value as { task: Task }).task;
    return stream(this, "watch", { task_id: taskId, timeout }, {}, end);
  }

  /** The value that a task ends with; throws the error that it ends with. */
  async result(taskId: string, timeout = WATCH_S): Promise<unknown> {
    const steps = this.watch(taskId, timeout);
    for (;;) {
      const step = await steps.next();
      if (step.done) return taskValue(step.value, this);
    }
  }

  /** A round trip; opens a link if there is none. */
  async ping(target: string, timeout = 5): Promise<Omit<Reply, "value">> {
    const { value } = await this.command("ping", { target, timeout }, timeout);
    return value as Omit<Reply, "value">;
  }

  /** A page of who there is; its `next` goes into `cursor`. */
  async agents(query: { skill?: string; limit?: number; cursor?: string } = {}): Promise<unknown> {
    return (await this.command("agents", query, VERB_S)).value;
  }

  /** How the sidecar is. */
  async status(): Promise<Record<string, unknown>> {
    return (await this.command("status", {}, VERB_S)).value as Record<string, unknown>;
  }

  /** Any other verb of the registry that a login may use. */
  async verb(name: string, request: object = {}, timeout = VERB_S): Promise<unknown> {
    return (await this.command("verb", { name, request, timeout }, timeout)).value;
  }

  /** @internal */
  async fetch(ref: string): Promise<string> {
    const result = await this.command("fetch", { ref, timeout: FETCH_S }, FETCH_S);
    return (result.value as { path: string }).path;
  }

  /** @internal */
  release(ref: string): void {
    this.tell({ type: "release", payload: { ref } });
  }

  /** @internal A command that calls, with its artifacts in their places. */
  async call(
    type: string,
    payload: Timed,
    options: CallOptions,
  ): Promise<Reply> {
    const result = await this.command(type, payload, payload.timeout, {
      signal: options.signal,
      hear: (event) => {
        if (event.type === "progress") advance(event.payload, options);
      },
    });
    const { via = "", ms = 0, agent = "" } = result;
    return { value: this.decode(result.value ?? null, result.artifacts), via, ms, agent };
  }

  /** @internal A command as it stands. */
  command(
    type: string,
    payload: Record<string, unknown>,
    seconds: number,
    options?: AskOptions,
  ): Promise<Result> {
    return this.#sidecar.ask({ type, payload }, seconds, options);
  }

  /** @internal */
  tell(command: Command): void {
    this.#sidecar.tell(command);
  }

  /** @internal */
  decode(value: unknown, files: WireFile[] | undefined): unknown {
    return decode(value, files, this);
  }
}
