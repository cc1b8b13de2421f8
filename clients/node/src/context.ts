/** The request that a skill serves: its answer, and the calls that it makes on that request's behalf. */
import { type Artifact, encode, remove } from "./artifact.js";
import { Calls } from "./calls.js";
import { errors } from "./errors.js";
import { type MeshError, toWire } from "./mesh_error.js";
import type { AskOptions, Sidecar } from "./sidecar.js";
import { ITEM_COST, MAX_LINE, type RequestPayload, type Result, type WireFile, WINDOW } from "./wire.js";

/** How long a file of an answer stays where it can be pulled. */
const LENT_MS = 60_000;
const MAX_RESULT = MAX_LINE - 64 * 1024;
/** Commands that are nobody's request. */
const UNCAUSED = new Set(["fetch", "task", "watch", "ping", "agents", "status"]);

export class Context extends Calls {
  readonly #sidecar: Sidecar;
  readonly #number: number;
  readonly #ends: number;
  readonly #controller = new AbortController();
  #room: number;
  #refill: () => void = () => undefined;
  #isOver = false;
  readonly #lentFiles: WireFile[] = [];

  /** @internal */
  constructor(
    sidecar: Sidecar,
    number: number,
    /** The request as the sidecar told it. */
    readonly request: RequestPayload,
  ) {
    super(sidecar);
    this.#sidecar = sidecar;
    this.#number = number;
    this.#room = request.credit ?? WINDOW;
    this.#ends = request.deadline_ms ? performance.now() + request.deadline_ms : Infinity;
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
    return this.#controller.signal;
  }

  /** Seconds until the deadline; infinite without one. */
  get remaining(): number {
    return Math.max(0, (this.#ends - performance.now()) / 1000);
  }

  /** The same for every try of the same work. */
  get idempotencyKey(): string {
    return this.request.key || this.request.request_id || "";
  }

  /** Say how far it is, from 0 to 1. */
  progress(fraction: number, note = ""): void {
    if (!this.#isOver) this.tell({ type: "progress", for: this.#number, payload: { fraction, note } });
  }

  /** @internal Whether it has its answer, or nobody waits for one. */
  get over(): boolean {
    return this.#isOver;
  }

  /** @internal Its skill has ended: what it lent can be pulled for a while. */
  end(): void {
    if (this.#lentFiles.length) setTimeout(remove, LENT_MS, this.#lentFiles).unref();
  }

  /** @internal */
  grant(bytes: number): void {
    this.#room += bytes;
    this.#refill();
  }

  /** @internal */
  cancel(): void {
    this.#isOver = true;
    this.#controller.abort();
    this.#refill();
  }

  /** @internal Send an item, once there is room for it. False where nobody wants it any more. */
  async item(item: unknown): Promise<boolean> {
    while (this.#room <= 0 && !this.#isOver) {
      await new Promise<void>((resolve) => void (this.#refill = resolve));
    }
    this.#room -= ITEM_COST + (await this.#answer("item", "item", item));
    return !this.#isOver;
  }

  /** @internal */
  async reply(value: unknown): Promise<void> {
    await this.#answer("reply", "value", value);
    this.#isOver = true;
  }

  /** @internal */
  fail(error: MeshError): void {
    if (!this.#isOver) this.tell({ type: "fail", for: this.#number, payload: { ...toWire(error) } });
    this.#isOver = true;
  }

  /** Send a value, its artifacts lent; its bytes as JSON. */
  async #answer(type: string, field: string, value: unknown): Promise<number> {
    const [text, artifacts] = this.#encoded(value);
    const files = artifacts.length ? `,"artifacts":${await this.#lent(artifacts)}` : "";
    const line = `{"type":"${type}","for":${this.#number},"payload":{"${field}":${text}${files}}}`;
    if (!this.#isOver) this.#sidecar.write(line);
    return Buffer.byteLength(text);
  }

  #encoded(value: unknown): [string, Artifact[]] {
    const result = `The result of ${this.request.skill ?? ""}`;
    let found: [string, Artifact[]];
    try {
      found = encode(value);
    } catch (error) {
      throw new errors.SkillFailed(`${result} cannot be sent: ${(error as Error).message}.`);
    }
    const bytes = Buffer.byteLength(found[0]);
    if (bytes <= MAX_RESULT) return found;
    const cure = "Let it `yield` pieces, to callers that stream.";
    throw new errors.SkillFailed(`${result} has ${bytes} bytes or more; an answer takes ${MAX_RESULT}. ${cure}`);
  }

  async #lent(artifacts: Artifact[]): Promise<string> {
    const files = await this.#sidecar.lend(artifacts);
    this.#lentFiles.push(...files);
    return JSON.stringify(files);
  }

  /** @internal A command that this request caused; none once it is over. */
  override command(
    type: string,
    payload: Record<string, unknown>,
    seconds: number,
    options?: AskOptions,
  ): Promise<Result> {
    if (UNCAUSED.has(type)) return super.command(type, payload, seconds, options);
    const command = { type, for: this.#number, payload };
    return this.#sidecar.ask(command, seconds, { ...options, begin: () => this.#begin() });
  }

  #begin(): void {
    if (this.#isOver) throw new errors.Cancelled("The request that made this call is over.");
  }
}
