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

/** The class of one code. `sentence`: what one without a message says, "" before sentences.ts is loaded. */
export interface ErrorClass<Code extends string = string> {
  new (message?: string, facts?: Partial<ErrorFacts>): MeshError & { code: Code };
  readonly code: Code;
  sentence: string;
  readonly retryable: boolean;
  readonly outcome: Outcome;
}

const MAX_SENTENCE = 1024;

export interface MeshError extends ErrorFacts {}
/** Base of every error that the mesh reports. `via`: the tier that carried the call, if any. */
export class MeshError extends Error {
  static code = "internal";
  static sentence = "";
  static retryable = false;
  static outcome: Outcome = "definite";
  code: string;

  /** Without a message it says its code here, and at the far end the sentence of that. */
  constructor(message?: string, facts?: Partial<ErrorFacts>) {
    const { name, code, sentence, retryable, outcome } = new.target;
    super((message || sentence || code).slice(0, MAX_SENTENCE));
    this.code = code;
    const usual = { name, retryable, outcome, agent: null, via: null, retryAfter: 0 };
    Object.assign(this, usual, facts);
  }
}

/** Each code with its class. */
export const TABLE = new Map<string, ErrorClass>();

/** Classes from the rows of errors.ts: a base, and what is below it. */
export function table<All>(rows: string): All {
  const all: Record<string, typeof MeshError> = { MeshError };
  for (const row of rows.split("\n")) {
    const [base = "", ...words] = row.split(" ");
    for (const word of words) {
      const [, name = "", code, retry, unknown] = /(\w+)=?(\w*)(\+?)(\??)/.exec(word)!;
      const kind = { [name]: class extends all[base]! {} }[name]!; // which gives it its name
      kind.code = code || name.replace(/\B[A-Z]/g, "_$&").toLowerCase();
      kind.retryable = !!retry;
      kind.outcome = unknown ? "unknown" : "definite";
      TABLE.set(kind.code, (all[name] = kind) as ErrorClass);
    }
  }
  return all as All;
}

/** Errors of calls that were made here: a skill that passes one on had begun by then. */
export const byCall = new WeakSet<MeshError>();

/** The error at this end of the socket; an unknown code stays readable. */
export function fromWire(wire: WireError): MeshError {
  const { code, message, retry_after: retryAfter = 0, retryable = false, outcome = "definite" } = wire;
  const { agent = null, via = null } = wire;
  const facts = { code, retryable, outcome, agent, via, retryAfter };
  return new (TABLE.get(code) ?? MeshError)(message, facts);
}

/** An error as the socket takes it. */
export function toWire(error: MeshError): WireError {
  const { code, retryable, outcome, agent, via, retryAfter: retry_after } = error;
  const told = error.message === code ? "" : error.message;
  const message = Buffer.from(told).toString(); // half a surrogate pair is no Unicode
  return { code, message, retryable, outcome, agent, via, retry_after };
}
