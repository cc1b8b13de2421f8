/** Questions to an agent in free text, and for what it offers; loaded with the first. */
import type { Calls } from "./calls.js";
import { payloadOf, type QuestionOptions } from "./options.js";
import { stream, type Stream } from "./stream.js";

const ASK_S = 600;
const SKILLS_S = 30;

function question(target: string, message: string, options: QuestionOptions, streams: boolean) {
  const { session: session_id, returns, ...others } = options;
  const prompt = { message, session_id, returns, stream: streams };
  return payloadOf({ target, prompt }, { timeout: ASK_S, ...others });
}

/** The whole answer. */
export async function ask(
  calls: Calls,
  target: string,
  text: string,
  options: QuestionOptions,
): Promise<string> {
  return String((await calls.call("ask", question(target, text, options, false), options)).value);
}

/** The answer piece by piece. */
export function pieces(
  calls: Calls,
  target: string,
  text: string,
  options: QuestionOptions,
): Stream<string, void> {
  return stream(calls, "ask", question(target, text, options, true), options);
}

/** What it offers: one skill, or all. */
export async function skills(calls: Calls, target: string, skill = ""): Promise<unknown> {
  return (await calls.command("skills", { target, skill }, SKILLS_S)).value;
}
