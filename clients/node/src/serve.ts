/** Serves what the mesh asks of this program: each request ends in one answer. */
import { type Answer, answerTo } from "./answer.js";
import type { Schema } from "./arguments.js";
import { Context } from "./context.js";
import { errors } from "./errors.js";
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

/** Loaded with the first request of a skill that says what it takes. */
let check: typeof import("./arguments.js").check | undefined;

/** The requests of one program. */
export interface Requests {
  event(event: Event): void;
  /** Nobody waits for what is open. */
  lost(): void;
}

/** Serves with `skills` and `prompt`. */
export function requestsOf(
  sidecar: Sidecar,
  skills: Record<string, Skill>,
  prompt: PromptHandler | undefined,
): Requests {
  const open = new Map<number, Answer>();

  async function run(args: unknown, ctx: Context, answer: Answer): Promise<void> {
    const { skill: name = "", stream } = ctx.request;
    const skill = Object.hasOwn(skills, name) && skills[name];
    if (!skill) throw new errors.SkillFailed();
    if (skill.parameters) {
      check ??= (await import("./arguments.js")).check;
      check(name, skill.parameters, args);
    }
    await respond(answer, await skill.run(args, ctx), stream);
  }

  async function serve(id: number, isText: boolean, request: RequestPayload): Promise<void> {
    const answer = answerTo(sidecar, id, request);
    const ctx = new Context(sidecar, answer, request);
    open.set(id, answer);
    try {
      const args = await ctx.decode(request.args ?? {}, request.artifacts);
      if (isText) await (await import("./prompt.js")).respond(prompt, args, ctx, answer);
      else await run(args, ctx, answer);
    } catch (error) {
      if (answer.over) return;
      const what = request.skill || "prompt";
      const end = import("./failure.js").then(({ failure }) => failure(sidecar.welcome.name, what, error));
      answer.fail(await end.catch(() => new errors.SkillFailed()));
    } finally {
      answer.end();
      if (open.get(id) === answer) open.delete(id);
    }
  }

  return {
    event(event) {
      const isText = event.type === "prompt";
      if (isText || event.type === "request") void serve(event.id, isText, event.payload);
      else if (event.type === "cancel") open.get(event.id)?.cancel();
      else if (event.type === "credit") open.get(event.id)?.grant(event.payload.bytes);
    },
    lost() {
      for (const one of open.values()) one.cancel();
      open.clear();
    },
  };
}

/** Answer with a value, or with an iterator's items: one by one, or to who reads no stream, all. */
async function respond(answer: Answer, value: unknown, stream = false): Promise<void> {
  const isOne = !isIterator(value);
  const all: unknown[] = [];
  for await (const item of isOne ? [value] : value) {
    if (stream) await answer.item(item);
    else all.push(item);
    if (answer.over) return;
  }
  await answer.reply(stream ? null : isOne ? value : all);
}

/** Whether it gives items, one by one. */
export function isIterator(value: unknown): value is AsyncIterable<unknown> {
  if (!(value instanceof Object)) return false;
  return Symbol.asyncIterator in value || (Symbol.iterator in value && "next" in value);
}

