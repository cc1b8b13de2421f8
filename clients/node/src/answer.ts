/** The answer to one request: items within the credit that its reader grants, then one end. */
import type { Lent } from "./artifact.js";
import { errors } from "./errors.js";
import { encode } from "./json.js";
import { type MeshError, toWire } from "./mesh_error.js";
import type { AskOptions, Sidecar } from "./sidecar.js";
import { ITEM_COST, MAX_LINE, type RequestPayload, type Result, WINDOW } from "./wire.js";

/** How long a file of an answer stays where it can be pulled. */
const LENT_MS = 60_000;
/** Bytes that an answer takes. */
export const MAX_RESULT = MAX_LINE - 64 * 1024;

/** A value that cannot be sent. `cause`: why it is no JSON, or how many bytes it has. */
export class Unsendable extends Error {}

/** The answer to one request. */
export interface Answer {
  /** Whether it was given, or nobody waits for it. */
  readonly over: boolean;
  /** Aborted when nobody waits for it any more. */
  readonly signal: AbortSignal;
  /** Seconds until the deadline; infinite without one. */
  readonly remaining: number;
  /** Say something that is no end, as long as it is open. */
  say(type: string, payload: object): void;
  /** A command that this request caused; none once it is over. */
  ask(type: string, payload: object, seconds: number, options?: AskOptions): Promise<Result>;
  /** Send an item, once there is room for it. */
  item(item: unknown): Promise<void>;
  reply(value: unknown): Promise<void>;
  fail(error: MeshError): void;
  /** Its reader has room for so many bytes more. */
  grant(bytes: number): void;
  cancel(): void;
  /** Its skill has ended: what was lent can be pulled for a while. */
  end(): void;
}

/** The answer to the request that the sidecar gave that number. */
export function answerTo(sidecar: Sidecar, number: number, request: RequestPayload): Answer {
  const controller = new AbortController();
  const ends = request.deadline_ms ? performance.now() + request.deadline_ms : Infinity;
  const lent: Lent[] = [];
  let room = request.credit ?? WINDOW;
  let refill = (): void => undefined;
  let isOver = false;

  const say = (type: string, payload: object): void => {
    if (!isOver) sidecar.tell({ type, for: number, payload });
  };

  /** Send a value, its artifacts lent; its bytes as JSON. */
  async function give(type: string, field: string, value: unknown): Promise<number> {
    const [text, artifacts, bytes] = encoded(value);
    let files = "";
    if (artifacts.length) {
      const all = await sidecar.lend(artifacts);
      lent.push(all);
      files = `,"artifacts":${JSON.stringify(all.files)}`;
    }
    const line = `{"type":"${type}","for":${number},"payload":{"${field}":${text}${files}}}`;
    if (!isOver) sidecar.write(line);
    return bytes;
  }

  return {
    get over() {
      return isOver;
    },
    get remaining() {
      return Math.max(0, (ends - performance.now()) / 1000);
    },
    signal: controller.signal,
    say,
    ask(type, payload, seconds, options) {
      const begin = (): void => {
        if (isOver) throw new errors.Cancelled("The request that made this call is over.");
      };
      return sidecar.ask({ type, for: number, payload }, seconds, { ...options, begin });
    },
    async item(item) {
      while (room <= 0 && !isOver) await new Promise<void>((resolve) => void (refill = resolve));
      room -= ITEM_COST + (await give("item", "item", item));
    },
    async reply(value) {
      await give("reply", "value", value);
      isOver = true;
    },
    fail(error) {
      say("fail", toWire(error));
      isOver = true;
    },
    grant(bytes) {
      room += bytes;
      refill();
    },
    cancel() {
      isOver = true;
      controller.abort();
      refill();
    },
    end() {
      for (const { remove } of lent) setTimeout(remove, LENT_MS).unref();
    },
  };
}

function encoded(value: unknown) {
  let cause: unknown;
  try {
    const [text, artifacts] = encode(value);
    const bytes = Buffer.byteLength(text);
    if (bytes <= MAX_RESULT) return [text, artifacts, bytes] as const;
    cause = bytes;
  } catch (error) {
    cause = error;
  }
  throw new Unsendable("", { cause });
}
