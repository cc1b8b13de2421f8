/** The base of every error of the mesh, and how one crosses the socket. The classes stand in errors.ts. */

/** `definite`: nothing happened. `unknown`: it may have; only the same idempotency key may be used again. */
export type Outcome = "definite" | "unknown";

/** An error as every wire carries it. */
export interface WireError {
  code: string;
  message?: string;
  retryable?: boolean;
  outcome?: Outcome;
  agent?: string | null;
  via?: string | null;
  retry_after?: number;
}

/** What an error says beside its code and sentence. `retryAfter`: seconds, 0 where nobody can say. */
export interface ErrorFacts {
  retryable: boolean;
  outcome: Outcome;
  agent: string | null;
  via: string | null;
  retryAfter: number;
}

/** The class of one code. */
export interface ErrorClass<Code extends string = string> {
  new (message?: string, facts?: Partial<ErrorFacts>): MeshError & { code: Code };
  readonly code: Code;
  readonly sentence: string;
  readonly retryable: boolean;
  readonly outcome: Outcome;
}

const MAX_SENTENCE = 1024;

export interface MeshError extends ErrorFacts {}
/** Base of every error that the mesh reports. `via`: the tier that carried the call, if any. */
export class MeshError extends Error {
  static code = "internal";
  static sentence = "Something broke inside the mesh.";
  static retryable = false;
  static outcome: Outcome = "definite";
  code: string;

  constructor(message?: string, facts?: Partial<ErrorFacts>) {
    const { name, code, sentence, retryable, outcome } = new.target;
    super((message || sentence).slice(0, MAX_SENTENCE));
    this.code = code;
    const usual = { retryable, outcome, agent: null, via: null, retryAfter: 0 };
    Object.assign(this, { name }, usual, facts);
  }
}

/** Each code with its class. */
export const TABLE = new Map<string, ErrorClass>();

/** Classes from the rows of errors.ts. */
export function table<All>(rows: string): All {
  const all: Record<string, typeof MeshError> = { MeshError };
  for (const row of rows.split("\n")) {
    const [name = "", sentence = "", code, base, flags = ""] = row.split("|");
    const kind = class extends all[base || "MeshError"]! {};
    Object.defineProperty(kind, "name", { value: name });
    kind.code = code || name.replace(/\B[A-Z]/g, "_$&").toLowerCase();
    kind.sentence = sentence;
    kind.retryable = flags.startsWith("retry");
    kind.outcome = flags.endsWith("unknown") ? "unknown" : "definite";
    all[name] = kind;
    TABLE.set(kind.code, kind as ErrorClass);
  }
  return all as All;
}

/** Errors of calls that were made here: a skill that passes one on had begun by then. */
export const byCall = new WeakSet<MeshError>();

/** The error at this end of the socket; an unknown code stays readable. */
export function fromWire(wire: WireError): MeshError {
  const { code, message, retry_after: retryAfter = 0, retryable = false, outcome = "definite" } = wire;
  const { agent = null, via = null } = wire;
  const kind = TABLE.get(code) ?? MeshError;
  const error = new kind(message, { retryable, outcome, agent, via, retryAfter });
  return Object.assign(error, { code });
}

/** An error as the socket takes it. */
export function toWire(error: MeshError): WireError {
  const { code, retryable, outcome, agent, via, retryAfter: retry_after } = error;
  const message = Buffer.from(error.message).toString(); // half a surrogate pair is no Unicode
  return { code, message, retryable, outcome, agent, via, retry_after };
}
