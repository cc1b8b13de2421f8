/** What calls can be told, and what they give. Times in seconds. */
import type { Event } from "./wire.js";

const CALL_S = 30;

/** Options of a call. */
export interface CallOptions {
  timeout?: number;
  /** It may run twice, so it is asked again after a break. */
  idempotent?: boolean;
  key?: string;
  queue?: "auto" | "never" | "only";
  /** How long it may wait for a link, 0 for as long as is usual. */
  reach?: number;
  /** Aborting cancels the far skill, and rejects with the signal's reason. */
  signal?: AbortSignal;
  onProgress?: (fraction: number | null, note: string) => void;
  /** What a far model does meanwhile: an AgentEvent of the protocol. */
  onEvent?: (event: unknown) => void;
}

/** Options of a question in free text. */
export interface QuestionOptions extends CallOptions {
  /** The conversation that it goes on with. */
  session?: string;
  /** A JSON Schema that the answer fits. */
  returns?: object;
}

/** Options of a task. `deadline`: from now. */
export interface TaskOptions {
  /** The same key with the same content is the same task. */
  key?: string;
  deadline?: number;
  priority?: number;
  maxAttempts?: number;
  retryOf?: string;
}

/** An answer, and how it came. `ms`: milliseconds. */
export interface Reply<Value = unknown> {
  value: Value;
  via: string;
  ms: number;
  agent: string;
}

/** A payload that says how many seconds its command may take. */
export type Timed = { timeout: number } & Record<string, unknown>;

/** The payload of a call: what is its own, and the options that the socket knows; functions are no JSON. */
export function payloadOf(own: object, options: CallOptions): Timed {
  const { timeout = CALL_S, onProgress, onEvent } = options;
  const progress = onProgress || onEvent ? true : undefined;
  return { ...options, ...own, timeout, signal: undefined, progress };
}

/** Tell whoever asked how far it is, where an event says that. */
export function advance(said: Event, options: CallOptions): void {
  if (said.type !== "progress") return;
  const { payload } = said;
  if (payload.event !== undefined) options.onEvent?.(payload.event);
  else options.onProgress?.(payload.fraction ?? null, payload.note ?? "");
}
