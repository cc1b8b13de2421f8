/** Serves what the mesh asks of this program: each request ends in one answer. */
import { check, type Schema } from "./arguments.js";
import { Context } from "./context.js";
import { errors } from "./errors.js";
import { byCall, MeshError } from "./mesh_error.js";
import type { Sidecar } from "./sidecar.js";
import type { Event, RequestPayload } from "./wire.js";

/** A skill. `parameters`, `returns`: JSON Schemas of the arguments, an object, and of the value. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export interface Skill<Args = any> {
  description?: string;
  parameters?: Schema;
  returns?: object;
  /** It may run twice. */
  idempotent?: boolean;
  /** Set where `run` is no generator and yet gives an iterator of items. */
  streams?: boolean;
  run(args: Args, ctx: Context): unknown;
}

/** Answers free text: with a text, or piece by piece. */
export type PromptHandler = (text: string, ctx: Context) => unknown;

/** The requests of one program. */
export class Requests {
  readonly #open = new Map<number, Context>();

  readonly #sidecar: Sidecar;
  readonly #skills: ReadonlyMap<string, Skill>;
  readonly #prompt: PromptHandler | undefined;

  constructor(sidecar: Sidecar, skills: ReadonlyMap<string, Skill>, prompt?: PromptHandler) {
    this.#sidecar = sidecar;
    this.#skills = skills;
    this.#prompt = prompt;
  }

  event(event: Event): void {
    if (event.type === "request" || event.type === "prompt") {
      void this.#serve(event.id, event.type === "prompt", event.payload);
    } else if (event.type === "cancel") {
      this.#open.get(event.id)?.cancel();
    } else if (event.type === "credit") {
      this.#open.get(event.id)?.grant(event.payload.bytes);
    }
  }

  /** Nobody waits for what is open. */
  lost(): void {
    for (const one of this.#open.values()) one.cancel();
    this.#open.clear();
  }

  async #serve(id: number, isText: boolean, request: RequestPayload): Promise<void> {
    const ctx = new Context(this.#sidecar, id, request);
    this.#open.set(id, ctx);
    try {
      const args = ctx.decode(request.args ?? {}, request.artifacts);
      const value = await (isText ? this.#answer(args as Prompt, ctx) : this.#run(args, ctx));
      await respond(ctx, value, isText);
    } catch (error) {
      if (!ctx.over) ctx.fail(failure(this.#sidecar.welcome.name, request.skill || "prompt", error));
    } finally {
      ctx.end();
      if (this.#open.get(id) === ctx) this.#open.delete(id);
    }
  }

  #answer({ message, text }: Prompt, ctx: Context): unknown {
    return this.#prompt?.(message || text || "", ctx);
  }

  #run(args: unknown, ctx: Context): unknown {
    const name = ctx.request.skill ?? "";
    const skill = this.#skills.get(name);
    if (!skill) throw new errors.SkillFailed();
    check(name, skill.parameters ?? {}, args);
    return skill.run(args, ctx);
  }
}

interface Prompt {
  message?: string;
  text?: string;
}

/** Answer with a value, or with an iterator's items: one by one, or to who reads no stream, all. */
async function respond(ctx: Context, value: unknown, isText: boolean): Promise<void> {
  const end = isText ? "" : null;
  const told = (item: unknown): unknown => (isText ? String(item ?? "") : item);
  const items = isIterator(value) ? value : [value];
  const all: unknown[] = [];
  for await (const item of items) {
    if (!ctx.request.stream) all.push(told(item));
    else await ctx.item(told(item));
    if (ctx.over) return;
  }
  if (ctx.request.stream) await ctx.reply(end);
  else if (isText) await ctx.reply(all.join(""));
  else await ctx.reply(items === value ? all : value);
}

function isIterator(value: unknown): value is AsyncIterable<unknown> {
  if (value === null || typeof value !== "object") return false;
  return Symbol.asyncIterator in value || (Symbol.iterator in value && "next" in value);
}

/** What a thrown error becomes: of one that is none of the mesh's its caller learns the class. */
function failure(agent: string, skill: string, error: unknown): MeshError {
  const kind = (error as Error | undefined)?.constructor?.name ?? typeof error;
  if (error instanceof errors.SkillFailed) {
    if (error.constructor !== errors.SkillFailed) error.message = `${kind}: ${error.message}`;
    return error;
  }
  if (error instanceof MeshError) {
    if (byCall.has(error)) error.outcome = "unknown";
    return error;
  }
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  const place = /^ {4}at .*$/m.exec(stack)?.[0].trim() ?? "";
  console.error(`chatixia: ${skill} failed with ${kind} ${place}`);
  const text = `The skill ${skill} of ${agent} failed with ${kind}; see the agent's log.`;
  return new errors.SkillFailed(text, { agent });
}
