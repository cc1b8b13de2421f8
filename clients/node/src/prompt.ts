/** Answers free text; loaded with the first. */
import type { Answer } from "./answer.js";
import type { Context } from "./context.js";
import { isIterator, type PromptHandler } from "./serve.js";

interface Prompt {
  message?: string;
  text?: string;
}

/** Answer with a text, or with an iterator's pieces: one by one, or to who reads no stream, joined. */
export async function respond(
  prompt: PromptHandler | undefined,
  args: unknown,
  ctx: Context,
  answer: Answer,
): Promise<void> {
  const { message, text } = args as Prompt;
  const value = await prompt?.(message || text || "", ctx);
  let whole = "";
  for await (const each of isIterator(value) ? value : [value]) {
    const piece = String(each ?? "");
    if (ctx.request.stream) await answer.item(piece);
    else whole += piece;
    if (answer.over) return;
  }
  await answer.reply(whole);
}
