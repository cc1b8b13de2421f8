/** The request that a skill serves, and the calls that it makes on that request's behalf. */
import type { Answer } from "./answer.js";
import { Calls } from "./calls.js";
import type { AskOptions, Sidecar } from "./sidecar.js";
import type { RequestPayload, Result } from "./wire.js";

export class Context extends Calls {
  readonly #answer: Answer;

  /** @internal */
  constructor(
    sidecar: Sidecar,
    answer: Answer,
    /** The request as the sidecar told it. */
    readonly request: RequestPayload,
  ) {
    super(sidecar);
    this.#answer = answer;
  }

  /** Who asks, proved by its key. */
  get caller(): string {
    return this.request.caller;
  }

  /** Everyone who caused it, the caller last. */
  get path(): string[] {
    return this.request.path ?? [];
  }

  /** Aborted when nobody waits for the answer any more. */
  get signal(): AbortSignal {
    return this.#answer.signal;
  }

  /** Seconds until the deadline; infinite without one. */
  get remaining(): number {
    return this.#answer.remaining;
  }

  /** The same for every try of the same work. */
  get idempotencyKey(): string {
    return this.request.key || this.request.request_id || "";
  }

  /** Say how far it is, from 0 to 1. */
  progress(fraction: number, note = ""): void {
    this.#answer.say("progress", { fraction, note });
  }

  /** @internal A command that this request caused; none once it is over. */
  override command(
    type: string,
    payload: object,
    seconds: number,
    options?: AskOptions,
  ): Promise<Result> {
    return this.#answer.ask(type, payload, seconds, options);
  }
}
