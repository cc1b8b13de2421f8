/** A connection over loopback, where both ends show that they have the token, which never travels. */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import type { Hear, Line, LineMaker } from "./line.js";
import { errors } from "./errors.js";
import type { Event } from "./wire.js";

const PROOF_MS = 5_000;

/** Hears the sidecar's first lines: true once it has proved itself. Throws Denied for an impostor. */
function prover(token: string, send: Line["send"]): (event: Event) => boolean {
  const nonce = randomBytes(16).toString("base64url");
  let challenge: string | undefined;
  const mac = (side: string): Buffer =>
    createHmac("sha256", Buffer.from(token, "base64url"))
      .update([`chatixia/ipc/1 ${side}`, challenge, nonce].join("\0"))
      .digest();
  return (event) => {
    if (challenge === undefined && event.type === "challenge") {
      challenge = String(event.payload?.nonce);
      const payload = { nonce, mac: mac("client").toString("base64url") };
      send(JSON.stringify({ type: "proof", payload }));
      return false;
    }
    if (challenge !== undefined && event.type === "proof") {
      const shown = Buffer.from(String(event.payload?.mac), "base64url");
      if (shown.length === 32 && timingSafeEqual(shown, mac("server"))) return true;
    }
    throw new errors.Denied("What listens there has not the token of the sidecar.");
  };
}

/** Connect to what the file at `path` names. Rejects with Denied for an impostor. */
export async function open(path: string, hear: Hear, lineOf: LineMaker): Promise<Line> {
  const { port, token } = JSON.parse(await readFile(path, "utf8"));
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  socket.setTimeout(PROOF_MS, () => socket.destroy());
  const proves = prover(token, (text) => void socket.write(`${text}\n`));
  return new Promise((resolve, reject) => {
    let isProved = false;
    const line = lineOf(socket, (event, bytes) => {
      if (isProved) return hear(event, bytes);
      try {
        if (!proves(event)) return;
        isProved = true;
        socket.setTimeout(0);
        resolve(line);
      } catch (error) {
        reject(error);
        socket.destroy();
      }
    });
    line.then(({ ended }) => ended).then(() => reject(new Error("The sidecar hung up.")), reject);
  });
}
