/** One connection to the sidecar: bytes to lines, and lines to bytes, all of one turn in one write. */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { lstat, readFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { errors } from "./errors.js";
import { type Event, MAX_LINE } from "./wire.js";

const PROOF_MS = 5_000;
/** How long what was written last has to leave. */
const CLOSE_MS = 1_000;
/** Hears an event, and how many bytes its line has. */
export type Hear = (event: Event, bytes: number) => void;

/** A connection. `ended`: resolved when it is over. */
export interface Line {
  readonly ended: Promise<void>;
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
        [parts, size] = [[], 0];
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

/** Over TCP both ends show that they have the token, which never travels. */
function prove(token: string, challenge: string, send: Line["send"]): (event: Event) => boolean {
  const nonce = randomBytes(16).toString("base64url");
  const mac = (side: string): Buffer =>
    createHmac("sha256", Buffer.from(token, "base64url"))
      .update([`chatixia/ipc/1 ${side}`, challenge, nonce].join("\0"))
      .digest();
  const payload = { nonce, mac: mac("client").toString("base64url") };
  send(JSON.stringify({ type: "proof", payload }));
  return (event) => {
    if (event.type !== "proof") return false;
    const shown = Buffer.from(event.payload.mac, "base64url");
    return shown.length === 32 && timingSafeEqual(shown, mac("server"));
  };
}

/** Connect to what `CHATIXIA_SOCKET` names. Rejects with Denied for an impostor. */
export async function open(path: string, hear: Hear): Promise<Line> {
  const isLocal = (await lstat(path)).isSocket();
  const { port, token } = isLocal ? { port: 0, token: "" } : JSON.parse(await readFile(path, "utf8"));
  const socket = isLocal ? connect(path) : connect({ host: "127.0.0.1", port, noDelay: true });
  const line = {
    ended: new Promise<void>((resolve) => socket.once("close", resolve)),
    send: write(socket),
    close: () => {
      process.nextTick(() => socket.destroySoon()); // after what this turn has sent
      setTimeout(() => socket.destroy(), CLOSE_MS).unref();
    },
  };
  return new Promise((resolve, reject) => {
    let proves: ((event: Event) => boolean) | undefined;
    let proved = isLocal;
    const done = (): void => {
      socket.setTimeout(0);
      proved = true;
      resolve(line);
    };
    const impostor = (): void => {
      reject(new errors.Denied("What listens there has not the token of the sidecar."));
      socket.destroy();
    };
    socket.on("error", reject).on("close", () => reject(new Error("The sidecar hung up.")));
    socket.setTimeout(PROOF_MS, () => socket.destroy());
    if (isLocal) socket.once("connect", done);
    read(socket, (event, bytes) => {
      if (proved) hear(event, bytes);
      else if (proves) (proves(event) ? done : impostor)();
      else if (event.type === "challenge") proves = prove(token, event.payload.nonce, line.send);
      else impostor();
    });
  });
}
