/** What a program asks of the mesh: in its own name, or on behalf of the request that it serves. */
import { AgentHandle, type Anything, type Skills } from "./handle.js";
import {
  advance,
  type CallOptions,
  type Reply,
  type TaskOptions,
  type Timed,
} from "./options.js";
import type { AskOptions, Sidecar } from "./sidecar.js";
import type { Stream } from "./stream.js";
import type { Task } from "./task.js";
import type { Result, WireFile } from "./wire.js";

const SUBMIT_S = 60;

/** What all that is in rare.ts is as a method. */
type Methods<M> = {
  [K in keyof M]: M[K] extends (calls: Calls, ...args: infer A) => infer R ? (...args: A) => R : never;
};
type Rare = typeof import("./rare.js");

export interface Calls extends Methods<Rare> {}
export class Calls {
  /** @internal */
  constructor(/** @internal */ readonly sidecar: Sidecar) {}

  /** One agent. `options` hold for each call. */
  agent<S extends Skills<S> = Anything>(name: string, options: CallOptions = {}): AgentHandle<S> {
    return new AgentHandle<S>(this, name, options);
  }

  /** Put a task into the registry's queue, for `target`, or for any with `skill`; its id. */
  async submit(
    target: string,
    skill: string,
    args: object = {},
    options: TaskOptions = {},
  ): Promise<string> {
    const { maxAttempts: max_attempts, retryOf: retry_of, ...others } = options;
    const payload = { ...others, target, skill, args, max_attempts, retry_of };
    const { value } = await this.command("submit", payload, SUBMIT_S);
    return (value as { task_id: string }).task_id;
  }

  /** Each step of a task; the generator returns the task as it ended. */
  async *watch(taskId: string, timeout?: number): Stream<unknown, Task> {
    return yield* (await import("./task.js")).watch(this, taskId, timeout);
  }

  /** @internal A command that calls, with its artifacts in their places. */
  async call(type: string, payload: Timed, options: CallOptions): Promise<Reply> {
    const result = await this.command(type, payload, payload.timeout, {
      signal: options.signal,
      hear: (event) => advance(event, options),
    });
    const { via = "", ms = 0, agent = "" } = result;
    return { value: await this.decode(result.value ?? null, result.artifacts), via, ms, agent };
  }

  /** @internal A command as it stands; in a request one that this caused. */
  command(type: string, payload: object, seconds: number, options?: AskOptions): Promise<Result> {
    return this.sidecar.ask({ type, payload }, seconds, options);
  }

  /** @internal A value with the artifacts in it; a promise where there are any. */
  decode(value: unknown, files: WireFile[] | undefined): unknown {
    return files?.length
      ? import("./artifact.js").then(({ decode }) => decode(value, files, this))
      : value;
  }
}

const RARE: (keyof Rare)[] = ["any", "task", "result", "ping", "agents", "status", "verb"];
for (const name of RARE) {
  Calls.prototype[name] = async function (this: Calls, ...args: unknown[]) {
    const rare: object = await import("./rare.js");
    return (rare as Record<string, (...all: unknown[]) => unknown>)[name]!(this, ...args);
  } as never;
}
