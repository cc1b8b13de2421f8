/** One agent, whose skills are called by name. */
import type { Calls } from "./calls.js";
import { type CallOptions, common, type QuestionOptions, type Reply } from "./options.js";
import { type Stream, stream } from "./stream.js";

const ASK_S = 600;
const SKILLS_S = 30;

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

  #payload(skill: string, args: unknown, options: CallOptions) {
    return { target: this.name, skill, args: args ?? {}, ...common(options) };
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
    const all = { ...this.#options, ...options };
    const reply = this.#calls.call("call", this.#payload(skill, args, all), all);
    return reply as Promise<Reply<Value<S[K]>>>;
  }

  /** The items of a skill that streams, as they come. Leaving the loop cancels the far skill. */
  stream<K extends keyof S & string>(
    skill: K,
    args?: Args<S[K]>,
    options?: CallOptions,
  ): Stream<Item<S[K]>, void> {
    const all = { ...this.#options, ...options };
    return stream(this.#calls, "stream", this.#payload(skill, args, all), all, () => undefined);
  }

  #question(message: string, options: QuestionOptions, streams: boolean) {
    const all = { timeout: ASK_S, ...this.#options, ...options };
    const { session: session_id, returns } = all;
    const prompt = { message, session_id, returns, stream: streams };
    return { payload: { target: this.name, prompt, ...common(all) }, all };
  }

  /** Free text to the agent's model or prompt handler; its whole answer. */
  async ask(text: string, options: QuestionOptions = {}): Promise<string> {
    const { payload, all } = this.#question(text, options, false);
    return String((await this.#calls.call("ask", payload, all)).value);
  }

  /** The same, piece by piece; `onEvent` hears what the agent does meanwhile. */
  pieces(text: string, options: QuestionOptions = {}): Stream<string, void> {
    const { payload, all } = this.#question(text, options, true);
    return stream(this.#calls, "ask", payload, all, () => undefined);
  }

  /** What the agent offers, with schemas; one skill, or all. */
  async skills(skill = ""): Promise<unknown> {
    const payload = { target: this.name, skill };
    return (await this.#calls.command("skills", payload, SKILLS_S)).value;
  }
}
