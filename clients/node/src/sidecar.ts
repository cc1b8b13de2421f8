/** Keeps a connection to the sidecar: sends commands, tells each its end, connects again. */
import { onAbort } from "./abort.js";
import type { Lent } from "./artifact.js";
import { commandTable, type Pending } from "./commands.js";
import { errors } from "./errors.js";
import { encode, type Lendable } from "./json.js";
import { type Hear, type Line, open } from "./line.js";
import { byCall, fromWire, MeshError } from "./mesh_error.js";
import { type Command, type Event, MAX_LINE, type Result, type Welcome } from "./wire.js";

const HELLO_MS = 5_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;
const MAX_UNSENT = 1024;

/** What a command may be sent with. */
export interface AskOptions {
  signal?: AbortSignal | undefined;
  hear?: Hear | undefined;
  /** Throws where it may not be sent any more. */
  begin?: () => void;
  /** Told the number of the command once it is sent. */
  sent?: (id: number) => void;
}

/** `connect`: a sidecar answers (again); `disconnect`: it is gone; `refused`: it will not have this program. */
export type MeshEvent = "connect" | "disconnect" | "refused";

/** Who hears what happens to the connection. After `refused` no other is tried. */
export interface Owner {
  hello: object;
  event(event: Event): void;
  news(event: MeshEvent, error?: MeshError): void;
}

/** The way to the sidecar. */
export interface Sidecar {
  /** What it said last. */
  readonly welcome: Welcome;
  /** Stay connected, until `close` or a refusal; resolves with the first connection, within so many seconds, or closes. */
  start(seconds: number): Promise<void>;
  /** Send a command; its result, its error, or `DeadlineExceeded` after so many seconds. */
  ask(command: Command, seconds: number, options?: AskOptions): Promise<Result>;
  /** Send a command that nothing comes back of. */
  tell(command: Command): void;
  /** Send a line; it is lost where there is no connection. */
  write(text: string): void;
  /** That command is not wanted any more. */
  leave(id: number): void;
  /** Put artifacts into the folder that both see. */
  lend(artifacts: Lendable[]): Promise<Lent>;
  /** Hang up; what is open ends. */
  close(): void;
}

/** A way to the sidecar at `path`: one closure, for what it shares is private to it, and small when minified. */
export function sidecarAt(path: string, owner: Owner): Sidecar {
  const commands = commandTable((call) => tell({ type: "cancel", payload: { call } }));
  const waiting = new Set<() => void>();
  let welcome: Welcome = { name: "", version: 0 };
  let connection: Line | undefined;
  let line: Line | undefined; // the connection, once hello was answered
  let refusal: MeshError | undefined;
  let isStopped = false;

  const write = (text: string): void => line?.send(text);
  const tell = (command: Command): void => write(encode(command)[0]);
  const wake = (): void => waiting.forEach((each) => each());
  const lost = (why: string): void => {
    line = undefined;
    commands.end(() => new errors.Unavailable(why, { outcome: "unknown" }));
  };

  function receive(from: Line, event: Event, bytes: number): void {
    const command = commands.get((event as { id?: number }).id ?? 0);
    if (event.type === "result") command?.end(undefined, event.payload ?? {});
    else if (event.type === "item" || event.type === "progress") command?.hear?.(event, bytes);
    else if (event.type === "error") {
      const error = fromWire(event.payload);
      if (command) command.end(error);
      else console.error(`chatixia: the sidecar says: ${error.message}`);
    } else if (from === line) owner.event(event);
  }

  /** Say hello; requests may follow the answer in the same read, and belong to this line. */
  function greet(fresh: Line): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(fresh.close, HELLO_MS);
      const end: Pending["end"] = (error, result) => {
        clearTimeout(late);
        if (!result) return reject(error);
        welcome = result.value as Welcome;
        line = fresh;
        refusal = undefined;
        wake();
        owner.news("connect");
        resolve();
      };
      const id = commands.add({ until: Infinity, end });
      fresh.send(encode({ type: "hello", id, payload: owner.hello })[0]);
    });
  }

  async function stay(): Promise<void> {
    for (let since = performance.now(); !isStopped; ) {
      try {
        const fresh: Line = await open(path, (event, bytes) => receive(fresh, event, bytes));
        connection = fresh;
        if (isStopped) return fresh.close();
        const ended = fresh.ended.then(() => lost("The sidecar ended while it held this."));
        await greet(fresh);
        await ended;
        since = performance.now();
        owner.news("disconnect");
      } catch (error) {
        connection?.close();
        if (error instanceof MeshError && !error.retryable) {
          refusal = error;
          wake();
          return owner.news("refused", error);
        }
        // What comes back is found with little more than an eighth of its absence.
        const pause = (performance.now() - since) / 8;
        await woken(Math.min(LONGEST_PAUSE_MS, Math.max(FIRST_PAUSE_MS, pause)));
      }
    }
  }

  /** Until there is news of the connection, or the milliseconds are over. */
  function woken(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        unhear();
        waiting.delete(end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      const unhear = onAbort(signal, end);
      waiting.add(end);
    });
  }

  /** Wait for a connection, at most so many milliseconds. */
  async function ready(ms: number, signal?: AbortSignal): Promise<Line> {
    signal?.throwIfAborted();
    if (!line && !refusal && !isStopped) {
      if (waiting.size >= MAX_UNSENT) throw new errors.Overloaded("Too many calls wait for the sidecar.");
      await woken(ms, signal);
      signal?.throwIfAborted();
    }
    if (line) return line;
    const error = refusal ?? new errors.Unavailable(`No sidecar answers at ${path}; \`chatixia run\` starts one.`);
    byCall.add(error);
    throw error;
  }

  function send(to: Line, text: string, until: number, options: AskOptions): Promise<Result> {
    const { signal, hear, begin, sent } = options;
    return new Promise((resolve, reject) => {
      begin?.();
      const end: Pending["end"] = (error, result) => {
        unhear?.();
        if (result) return resolve(result);
        if (error instanceof MeshError) byCall.add(error);
        reject(error);
      };
      let unhear: (() => void) | undefined;
      const id = commands.add({ until, hear, end });
      const whole = `${text.slice(0, -1)},"id":${id}}`;
      if (Buffer.byteLength(whole) >= MAX_LINE) {
        return commands.get(id)?.end(new errors.TooLarge(`A line has at most ${MAX_LINE} bytes.`));
      }
      unhear = onAbort(signal, () => commands.leave(id, signal?.reason));
      to.send(whole);
      sent?.(id);
    });
  }

  /** Send one with artifacts, or where there is no connection yet. */
  async function askSlowly(command: Command, until: number, options: AskOptions): Promise<Result> {
    const to = await ready(until - performance.now(), options.signal);
    const [text, artifacts] = encode(command);
    if (!artifacts.length) return send(to, text, until, options);
    const lent = await lend(artifacts);
    const payload = { ...command.payload, artifacts: lent.files };
    try {
      return await send(to, encode({ ...command, payload })[0], until, options);
    } finally {
      lent.remove();
    }
  }

  async function lend(artifacts: Lendable[]): Promise<Lent> {
    return (await import("./artifact.js")).lend(artifacts, welcome.folder ?? "");
  }

  function close(): void {
    isStopped = true;
    connection?.close();
    lost("This process is stopping.");
    wake();
  }

  return {
    get welcome() {
      return welcome;
    },
    async start(seconds) {
      void stay();
      await ready(seconds * 1000).catch((error: unknown) => {
        close();
        throw error;
      });
    },
    ask(command, seconds, options = {}) {
      const until = performance.now() + seconds * 1000;
      if (line && !options.signal?.aborted) {
        const [text, artifacts] = encode(command);
        if (!artifacts.length) return send(line, text, until, options);
      }
      return askSlowly(command, until, options);
    },
    tell,
    write,
    leave: commands.leave,
    lend,
    close,
  };
}
