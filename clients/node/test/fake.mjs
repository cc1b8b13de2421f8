// A sidecar for these tests: it writes down what a program says, and says what the test wants.
import { once } from "node:events";
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const NEVER_MS = 20_000;
/** Where each line is kept that a program said, for whoever checks their form. */
const KEPT = process.env.LINES && join(process.env.LINES, `${process.pid}.jsonl`);

export class FakeSidecar {
  lines = [];
  sockets = [];
  answers = { hello: { value: {} } };

  /** `tcp`: listens on loopback, and its address is a file. */
  static async start(context, { tcp, first } = {}) {
    const fake = new FakeSidecar();
    fake.folder = mkdtempSync(join(tmpdir(), "cx-"));
    fake.socket = join(fake.folder, "s");
    fake.first = first;
    fake.answers.hello.value = { name: "me", version: 1, folder: fake.folder, online: true };
    fake.server = createServer((socket) => fake.#connected(socket));
    fake.server.listen(tcp ? { host: "127.0.0.1", port: 0 } : fake.socket);
    await once(fake.server, "listening");
    if (tcp) {
      const address = { port: fake.server.address().port, token: tcp };
      writeFileSync(fake.socket, JSON.stringify(address));
    }
    context.after(() => fake.stop());
    return fake;
  }

  #connected(socket) {
    let rest = "";
    this.sockets.push(socket);
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop();
      for (const line of lines) this.#heard(JSON.parse(line));
    });
    this.first?.(this);
  }

  #heard(line) {
    if (KEPT) appendFileSync(KEPT, `${JSON.stringify(line)}\n`);
    this.lines.push(line);
    const answer = this.answers[line.type];
    const said = typeof answer === "function" ? answer(line) : answer;
    if (said && line.id) this.say(said.code ? "error" : "result", said, line.id);
    this.wake?.();
  }

  /** Say an event on the last connection. */
  say(type, payload, id) {
    this.sockets.at(-1).write(`${JSON.stringify({ type, payload, id })}\n`);
  }

  /** The first line that fits, once it is there. */
  async line(fits) {
    const wanted = typeof fits === "string" ? (line) => line.type === fits : fits;
    const late = setTimeout(() => (this.late = true), NEVER_MS);
    for (;;) {
      const at = this.lines.findIndex(wanted);
      if (at >= 0) {
        clearTimeout(late);
        return this.lines.splice(at, 1)[0];
      }
      if (this.late) throw new Error(`no such line among ${JSON.stringify(this.lines)}`);
      await new Promise((resolve) => {
        this.wake = resolve;
        setTimeout(resolve, NEVER_MS).unref();
      });
    }
  }

  /** End the last connection, as a sidecar that dies does. */
  drop() {
    this.sockets.at(-1).destroy();
  }

  stop() {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
