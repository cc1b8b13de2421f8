/** One connection to the sidecar: bytes to lines, and lines to bytes, all of one turn in one write. */
import { once } from "node:events";
import { lstat } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { type Event, MAX_LINE } from "./wire.js";

/** How long what was written last has to leave. */
const CLOSE_MS = 1_000;
/** Hears an event, and how many bytes its line has. */
export type Hear = (event: Event, bytes: number) => void;

/** A connection. `ended`: resolved when it is over. */
export interface Line {
  readonly ended: Promise<unknown>;
  send(text: string): void;
  close(): void;
}

/** Give each event of a socket to `hear`. A line that cannot be read is left out. */
function read(socket: Socket, hear: Hear): void {
  let parts: Buffer[] = [];
  let size = 0;
  socket.on("data", (chunk: Buffer) => {
    let from = 0;
    for (let at; (at = chunk.indexOf(10, from)) >= 0; from = at + 1) {
      let line = chunk.subarray(from, at);
      if (size) {
        line = Buffer.concat([...parts, line]);
        parts = [];
        size = 0;
      }
      let event: Event | undefined;
      try {
        event = JSON.parse(line.toString());
      } catch {}
      if (event instanceof Object) hear(event, line.length);
    }
    if (from === chunk.length) return;
    parts.push(chunk.subarray(from));
    size += chunk.length - from;
    if (size > MAX_LINE) socket.destroy();
  });
}

function write(socket: Socket): Line["send"] {
  let unsent = "";
  return (text) => {
    if (!unsent) {
      process.nextTick(() => {
        socket.write(unsent);
        unsent = "";
      });
    }
    unsent += `${text}\n`;
  };
}

/** The line of a socket, once that is connected. */
async function lineOf(socket: Socket, hear: Hear): Promise<Line> {
  const ended = new Promise((resolve) => socket.on("error", resolve).once("close", resolve));
  read(socket, hear);
  await once(socket, "connect");
  return {
    ended,
    send: write(socket),
    close() {
      process.nextTick(() => socket.destroySoon()); // after what this turn has sent
      setTimeout(() => socket.destroy(), CLOSE_MS).unref();
    },
  };
}

/** How the line of a socket is made. */
export type LineMaker = typeof lineOf;

/** Connect to what `CHATIXIA_SOCKET` names. Rejects with Denied for an impostor. */
export async function open(path: string, hear: Hear): Promise<Line> {
  const isLocal = (await lstat(path)).isSocket();
  return isLocal ? lineOf(connect(path), hear) : (await import("./tcp.js")).open(path, hear, lineOf);
}
