/** Items as they come, within the credit that this reader grants. */
import type { Calls, Timed } from "./calls.js";
import { advance, type CallOptions } from "./options.js";
import { type Event, itemBytes, type Result, WINDOW } from "./wire.js";

/** Items; what it returns is what the stream ends with. */
export type Stream<Item, End> = AsyncGenerator<Item, End, void>;

/** Ask for a stream, once its first item is wanted; cancel it where the reader leaves. */
export async function* stream<Item, End>(
  calls: Calls,
  type: string,
  payload: Timed,
  options: CallOptions,
  end: (result: Result) => End,
): Stream<Item, End> {
  const queue: [Event & { type: "item" }, number][] = [];
  const controller = new AbortController();
  const abort = (): void => controller.abort(options.signal?.reason);
  let [call, used, isOver] = [0, 0, false];
  let wake = (): void => undefined;
  if (options.signal?.aborted) abort();
  options.signal?.addEventListener("abort", abort);
  const asked = calls.command(type, payload, payload.timeout, {
    signal: controller.signal,
    hear: (event, bytes) => {
      if (event.type === "progress") return advance(event.payload, options);
      if (event.type === "item") queue.push([event, bytes]);
      wake();
    },
    sent: (id) => void (call = id),
  });
  const over = (): void => {
    isOver = true;
    wake();
  };
  asked.then(over, over);
  try {
    for (;;) {
      const next = queue.shift();
      if (!next) {
        if (isOver) return end(await asked);
        await new Promise<void>((resolve) => void (wake = resolve));
        continue;
      }
      used += itemBytes(...next);
      if (used >= WINDOW / 2 && !isOver) {
        calls.tell({ type: "credit", payload: { call, bytes: used } });
        used = 0;
      }
      const { item, artifacts, event } = next[0].payload;
      if (event === undefined) yield calls.decode(item ?? null, artifacts) as Item;
      else options.onEvent?.(event);
    }
  } finally {
    options.signal?.removeEventListener("abort", abort);
    controller.abort();
  }
}
