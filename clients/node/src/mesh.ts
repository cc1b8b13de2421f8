/** A program's place in the mesh: what it serves, and what it asks in its own name. */
import { EventEmitter } from "node:events";
import { Calls } from "./calls.js";
import { errors } from "./errors.js";
import type { MeshError } from "./mesh_error.js";
import { type PromptHandler, Requests, type Skill } from "./serve.js";
import { Sidecar } from "./sidecar.js";
import type { Welcome } from "./wire.js";

const START_S = 10;

/** What a program is. */
export interface Options {
  /** The sidecar's socket; `CHATIXIA_SOCKET` unless said. */
  socket?: string;
  /** The agent's id; whatever the sidecar has unless said. */
  name?: string;
  /** A label for people. */
  program?: string;
  skills?: Record<string, Skill>;
  prompt?: PromptHandler;
  /** Queued tasks at once. */
  slots?: number;
  /** What becomes of requests while this program is not there. */
  away?: "wait" | "busy";
  /** Another program on the socket gives way. */
  takeover?: boolean;
  /** Seconds to wait for the sidecar. */
  timeout?: number;
}

/** `connect`: a sidecar answers (again); `disconnect`: it is gone; `refused`: it will not have this program. */
export type MeshEvent = "connect" | "disconnect" | "refused";

function describe([name, skill]: [string, Skill]): Record<string, unknown> {
  const { description, parameters, returns, idempotent } = skill;
  const streams = skill.streams ?? skill.run.constructor.name.endsWith("GeneratorFunction");
  return { name, description, parameters, returns, streams, idempotent };
}

/** A connection to the mesh. Made by `connect`. */
export class Mesh extends Calls {
  readonly #events = new EventEmitter();
  readonly #sidecar: Sidecar;
  readonly #requests: Requests;

  /** @internal */
  constructor(options: Options, path: string) {
    const skills = new Map(Object.entries(options.skills ?? {}));
    const { name, slots, away, takeover, prompt } = options;
    const { program = `node ${process.versions.node}` } = options;
    const described = [...skills].map(describe);
    const hello = { name, program, skills: described, slots, prompt: !!prompt, away, takeover };
    const sidecar = new Sidecar(path, {
      hello: () => hello,
      event: (event) => this.#requests.event(event),
      connected: () => this.#events.emit("connect"),
      lost: () => {
        this.#requests.lost();
        this.#events.emit("disconnect");
      },
      refused: (error) => this.#events.emit("refused", error),
    });
    super(sidecar);
    this.#sidecar = sidecar;
    this.#requests = new Requests(sidecar, skills, prompt);
  }

  /** @internal */
  async start(seconds: number): Promise<this> {
    void this.#sidecar.stay();
    try {
      await this.#sidecar.ready(seconds);
    } catch (error) {
      this.close();
      throw error;
    }
    return this;
  }

  /** Who this is, as the sidecar said last. */
  get welcome(): Welcome {
    return this.#sidecar.welcome;
  }

  /** Hear of the connection. */
  on(event: MeshEvent, listener: (error?: MeshError) => void): this {
    this.#events.on(event, listener);
    return this;
  }

  /** Hang up; the sidecar goes on, and requests wait for the next program. */
  close(): void {
    this.#requests.lost();
    this.#sidecar.close();
  }
}

/** Connect to the sidecar, serve `skills`, and stay connected. Rejects with the sidecar's refusal, or Unavailable. */
export async function connect(options: Options = {}): Promise<Mesh> {
  const path = options.socket ?? process.env["CHATIXIA_SOCKET"];
  if (!path) throw new errors.ConfigError("CHATIXIA_SOCKET names no sidecar; `chatixia run` sets it.");
  return new Mesh(options, path).start(options.timeout ?? START_S);
}
