/** One agent, whose skills are called by name. */
import type { Calls } from "./calls.js";
import { type CallOptions, payloadOf, type QuestionOptions, type Reply } from "./options.js";
import { stream, type Stream } from "./stream.js";

/** The skills of an agent as functions of one object: what they take and give. */
export type Skills<S> = { [K in keyof S]: (args: never) => unknown };
/** Any skill of any name, where nobody says more. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Anything = Record<string, (args: any) => any>;
type Args<F> = F extends (args: infer A) => unknown ? A : never;
type Result<F> = F extends (args: never) => infer R ? R : never;
type Value<F> = Awaited<Result<F>>;
type Item<F> = Result<F> extends AsyncIterable<infer I> ? I : Value<F>;

export class AgentHandle<S extends Skills<S> = Anything> {
  readonly #calls: Calls;
  readonly #options: CallOptions;

  /** @internal */
  constructor(
    calls: Calls,
    readonly name: string,
    options: CallOptions,
  ) {
    this.#calls = calls;
    this.#options = options;
  }

  #with<O extends CallOptions>(options: O | undefined): O {
    return { ...(this.#options as O), ...options };
  }

  /** What a command needs that asks for a skill. */
  #asked(skill: string, args: unknown, options?: CallOptions) {
    const all = this.#with(options);
    return [payloadOf({ target: this.name, skill, args: args ?? {} }, all), all] as const;
  }

  /** The value of a skill. */
  async call<K extends keyof S & string>(
    skill: K,
    args?: Args<S[K]>,
    options?: CallOptions,
  ): Promise<Value<S[K]>> {
    return (await this.reply(skill, args, options)).value;
  }

  /** The same, with how the answer came. */
  reply<K extends keyof S & string>(
    skill: K,
    args?: Args<S[K]>,
    options?: CallOptions,
  ): Promise<Reply<Value<S[K]>>> {
    const reply = this.#calls.call("call", ...this.#asked(skill, args, options));
    return reply as Promise<Reply<Value<S[K]>>>;
  }

  /** The items of a skill that streams, as they come. Leaving the loop cancels the far skill. */
  stream<K extends keyof S & string>(
    skill: K,
    args?: Args<S[K]>,
    options?: CallOptions,
  ): Stream<Item<S[K]>, void> {
    return stream(this.#calls, "stream", ...this.#asked(skill, args, options));
  }

  /** Free text to the agent's model or prompt handler; its whole answer. */
  async ask(text: string, options?: QuestionOptions): Promise<string> {
    return (await import("./ask.js")).ask(this.#calls, this.name, text, this.#with(options));
  }

  /** The same, piece by piece; `onEvent` hears what the agent does meanwhile. */
  async *pieces(text: string, options?: QuestionOptions): Stream<string, void> {
    yield* (await import("./ask.js")).pieces(this.#calls, this.name, text, this.#with(options));
  }

  /** What the agent offers, with schemas; one skill, or all. */
  async skills(skill?: string): Promise<unknown> {
    return (await import("./ask.js")).skills(this.#calls, this.name, skill);
  }
}
