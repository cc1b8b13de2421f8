/** Keeps a connection to the sidecar: numbers commands, ends each once, connects again. */
import { type Artifact, encode, remove } from "./artifact.js";
import { errors } from "./errors.js";
import { type Hear, type Line, open } from "./line.js";
import { byCall, fromWire, MeshError, type Outcome } from "./mesh_error.js";
import { type Command, type Event, MAX_LINE, type Result, type Welcome, type WireFile } from "./wire.js";

const HELLO_S = 5;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;
/** How long past its deadline a command is left to a sidecar that says nothing. */
const LATE_MS = 250;
const MAX_UNSENT = 1024;
const UNKNOWN: { outcome: Outcome } = { outcome: "unknown" };

/** What a command may be sent with. */
export interface AskOptions {
  signal?: AbortSignal | undefined;
  hear?: Hear | undefined;
  /** Throws where it may not be sent any more. */
  begin?: () => void;
  /** Told the number of the command once it is sent. */
  sent?: (id: number) => void;
}

interface Pending {
  until: number;
  hear: Hear | undefined;
  end(error: unknown, result?: Result): void;
}

/** Who hears what happens to the connection. */
export interface Owner {
  hello(): Command["payload"];
  event(event: Event): void;
  connected(): unknown;
  lost(): void;
  /** The sidecar will not have this program: no other connection is tried. */
  refused(error: MeshError): unknown;
}

export class Sidecar {
  welcome: Welcome = { name: "", version: 0 };
  readonly #open = new Map<number, Pending>();
  readonly #waiting = new Set<() => void>();
  readonly #path: string;
  readonly #owner: Owner;
  #connection: Line | undefined;
  /** The connection, once hello was answered. */
  #line: Line | undefined;
  #numbers = 0;
  #refusal: MeshError | undefined;
  #stopped = false;
  #sweep: NodeJS.Timeout | undefined;

  constructor(path: string, owner: Owner) {
    this.#path = path;
    this.#owner = owner;
  }

  /** Stay connected, until `close` or a refusal. */
  async stay(): Promise<void> {
    for (let since = performance.now(); !this.#stopped; ) {
      try {
        const line = await open(this.#path, (event, bytes) => this.#receive(line, event, bytes));
        this.#connection = line;
        if (this.#stopped) return line.close();
        await this.#greet(line);
        await line.ended;
        since = performance.now();
        this.#lost();
      } catch (error) {
        if (error instanceof MeshError && !error.retryable) return this.#refuse(error);
        // What comes back is found with little more than an eighth of its absence.
        await this.#woken(Math.min(LONGEST_PAUSE_MS, Math.max(FIRST_PAUSE_MS, (performance.now() - since) / 8)));
      }
    }
  }

  #greet(line: Line): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(line.close, HELLO_S * 1000);
      const id = this.#register(Infinity, undefined, (error, result) => {
        clearTimeout(late);
        if (!result) {
          line.close();
          return reject(error);
        }
        this.#greeted(line, result.value as Welcome);
        resolve();
      });
      void line.ended.then(() => this.#open.get(id)?.end(new Error("The sidecar hung up.")));
      line.send(encode({ type: "hello", id, payload: this.#owner.hello() })[0]);
    });
  }

  /** Requests may follow the answer to hello in the same read, and belong to this line. */
  #greeted(line: Line, welcome: Welcome): void {
    this.welcome = welcome;
    this.#line = line;
    this.#refusal = undefined;
    this.#wake();
    this.#owner.connected();
  }

  #refuse(error: MeshError): void {
    this.#refusal = error;
    this.#wake();
    this.#owner.refused(error);
  }

  #lost(): void {
    this.#line = undefined;
    this.#endAll("The sidecar ended while it held this.");
    this.#owner.lost();
  }

  #wake(): void {
    for (const each of this.#waiting) each();
  }

  #endAll(why: string): void {
    for (const each of this.#open.values()) each.end(new errors.Unavailable(why, UNKNOWN));
  }

  /** Hang up; what is open ends. */
  close(): void {
    this.#stopped = true;
    this.#connection?.close();
    this.#line = undefined;
    this.#endAll("This process is stopping.");
    this.#wake();
  }

  #receive(line: Line, event: Event, bytes: number): void {
    const command = this.#open.get(("id" in event && event.id) || 0);
    if (event.type === "result") command?.end(undefined, event.payload ?? {});
    else if (event.type === "error") this.#failed(command, fromWire(event.payload));
    else if (event.type === "item" || event.type === "progress") command?.hear?.(event, bytes);
    else if (line === this.#line) this.#owner.event(event);
  }

  #failed(command: Pending | undefined, error: MeshError): void {
    if (command) command.end(error);
    else console.error(`chatixia: the sidecar says: ${error.message}`);
  }

  /** Wait for a connection, at most so many seconds. */
  async ready(seconds: number, signal?: AbortSignal): Promise<Line> {
    if (!this.#line && !this.#refusal && !this.#stopped) {
      if (this.#waiting.size >= MAX_UNSENT) throw new errors.Overloaded("Too many calls wait for the sidecar.");
      await this.#woken(seconds * 1000, signal);
      signal?.throwIfAborted();
    }
    if (this.#line) return this.#line;
    const error = this.#refusal ?? new errors.Unavailable(`No sidecar answers at ${this.#path}.`);
    byCall.add(error);
    throw error;
  }

  /** Until there is news of the connection, or the milliseconds are over. */
  #woken(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", end);
        this.#waiting.delete(end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      signal?.addEventListener("abort", end);
      this.#waiting.add(end);
    });
  }

  /** Send a command; its result, its error, or `DeadlineExceeded` after so many seconds. */
  ask(command: Command, seconds: number, options: AskOptions = {}): Promise<Result> {
    const until = performance.now() + seconds * 1000;
    if (this.#line && !options.signal?.aborted) {
      const [text, artifacts] = encode(command);
      if (!artifacts.length) return this.#send(this.#line, text, until, options);
    }
    return this.#askSlowly(command, until, options);
  }

  /** The same for one with artifacts, or where there is no connection yet. */
  async #askSlowly(command: Command, until: number, options: AskOptions): Promise<Result> {
    options.signal?.throwIfAborted();
    const line = await this.ready((until - performance.now()) / 1000, options.signal);
    const files = await this.lend(encode(command)[1]);
    if (files.length) command.payload = { ...command.payload, artifacts: files };
    try {
      return await this.#send(line, encode(command)[0], until, options);
    } finally {
      remove(files);
    }
  }

  /** Put artifacts into the folder that both see. */
  lend(artifacts: Artifact[]): Promise<WireFile[]> {
    return Promise.all(artifacts.map((one) => one.lend(this.welcome.folder ?? "")));
  }

  #send(line: Line, text: string, until: number, options: AskOptions): Promise<Result> {
    const { signal, hear, begin, sent } = options;
    return new Promise((resolve, reject) => {
      begin?.();
      const id = this.#register(until, hear, (error, result) => {
        signal?.removeEventListener("abort", leave);
        if (result) return resolve(result);
        if (error instanceof MeshError) byCall.add(error);
        reject(error);
      });
      const leave = (): void => this.#leave(id, signal?.reason);
      const whole = `${text.slice(0, -1)},"id":${id}}`;
      if (Buffer.byteLength(whole) >= MAX_LINE) {
        return this.#open.get(id)?.end(new errors.TooLarge(`A line has at most ${MAX_LINE} bytes.`));
      }
      signal?.addEventListener("abort", leave);
      line.send(whole);
      sent?.(id);
    });
  }

  #register(until: number, hear: Hear | undefined, end: Pending["end"]): number {
    const id = ++this.#numbers;
    const once: Pending["end"] = (...ended) => {
      if (this.#open.delete(id)) end(...ended);
    };
    this.#open.set(id, { until, hear, end: once });
    this.#sweep ??= setInterval(() => this.#expire(), LATE_MS).unref();
    return id;
  }

  /** That command is not wanted any more; it ends with `reason` here. */
  #leave(id: number, reason: unknown): void {
    this.#open.get(id)?.end(reason);
    this.tell({ type: "cancel", payload: { call: id } });
  }

  /** Send a command that nothing comes back of. */
  tell(command: Command): void {
    this.write(encode(command)[0]);
  }

  /** Send a line; it is lost where there is no connection. */
  write(text: string): void {
    this.#line?.send(text);
  }

  #expire(): void {
    const late = performance.now() - LATE_MS;
    for (const [id, command] of this.#open) {
      if (command.until < late) this.#leave(id, new errors.DeadlineExceeded());
    }
    if (this.#open.size) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }
}
