/** The commands that are open: each has a number, and ends once. */
import { errors } from "./errors.js";
import type { Hear } from "./line.js";
import type { Result } from "./wire.js";

/** How long past its deadline a command is left to a sidecar that says nothing. */
const LATE_MS = 250;

/** One that waits for its end. `until`: on the clock of `performance`. */
export interface Pending {
  until: number;
  hear?: Hear | undefined;
  end(error: unknown, result?: Result): void;
}

/** The commands of one program. */
export interface Commands {
  get(id: number): Pending | undefined;
  /** A new one, under a new number. */
  add(command: Pending): number;
  /** That one is not wanted any more; it ends with `reason` here. */
  leave(id: number, reason?: unknown): void;
  /** All end, each with an error of its own. */
  end(error: () => unknown): void;
}

/** None yet. `cancel` tells the sidecar that one was left. */
export function commandTable(cancel: (id: number) => void): Commands {
  const open = new Map<number, Pending>();
  let numbers = 0;
  let sweep: NodeJS.Timeout | undefined;
  const leave = (id: number, reason?: unknown): void => {
    const command = open.get(id);
    if (!command) return;
    command.end(reason);
    cancel(id);
  };
  const expire = (): void => {
    const late = performance.now() - LATE_MS;
    for (const [id, { until }] of open) {
      if (until < late) leave(id, new errors.DeadlineExceeded("The deadline passed before an answer came."));
    }
    if (open.size) return;
    clearInterval(sweep);
    sweep = undefined;
  };
  return {
    get: (id) => open.get(id),
    add(command) {
      const id = ++numbers;
      const end: Pending["end"] = (...ended) => {
        if (open.delete(id)) command.end(...ended);
      };
      open.set(id, { ...command, end });
      sweep ??= setInterval(expire, LATE_MS).unref();
      return id;
    },
    leave,
    end(error) {
      for (const each of open.values()) each.end(error());
    },
  };
}
