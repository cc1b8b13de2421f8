/** Items as they come, within the credit that this reader grants. */
import type { Calls } from "./calls.js";
import { advance, type CallOptions, type Timed } from "./options.js";
import { type Event, itemBytes, type Result, WINDOW } from "./wire.js";

/** Items; what it returns is what the stream ends with. */
export type Stream<Item, End> = AsyncGenerator<Item, End, void>;

/** Ask for a stream that ends with what `end` makes of its result, once its first item is wanted; cancel it where the reader leaves. */
export async function* stream<Item, End>(
  calls: Calls,
  type: string,
  payload: Timed,
  options: CallOptions,
  end?: (result: Result) => End,
): Stream<Item, End> {
  const queue: [Event & { type: "item" }, number][] = [];
  let call = 0;
  let used = 0;
  let isOver = false;
  let wake = (): void => undefined;
  const asked = calls.command(type, payload, payload.timeout, {
    signal: options.signal,
    hear: (event, bytes) => {
      advance(event, options);
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
        if (isOver) {
          const result = await asked;
          return end?.(result) as End;
        }
        await new Promise<void>((resolve) => void (wake = resolve));
        continue;
      }
      used += itemBytes(...next);
      if (used >= WINDOW / 2 && !isOver) {
        calls.sidecar.tell({ type: "credit", payload: { call, bytes: used } });
        used = 0;
      }
      const { item, artifacts, event } = next[0].payload;
      if (event === undefined) yield calls.decode(item ?? null, artifacts) as Item;
      else options.onEvent?.(event);
    }
  } finally {
    calls.sidecar.leave(call);
  }
}
