/** A program's place in the mesh: what it serves, and what it asks in its own name. */
import { EventEmitter } from "node:events";
import { Calls } from "./calls.js";
import { errors } from "./errors.js";
import type { MeshError } from "./mesh_error.js";
import { type PromptHandler, type Requests, requestsOf, type Skill } from "./serve.js";
import { type MeshEvent, sidecarAt } from "./sidecar.js";
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

function describe([name, skill]: [string, Skill]): object {
  const { description, parameters, returns, idempotent } = skill;
  const streams = skill.streams ?? skill.run.constructor.name.endsWith("GeneratorFunction");
  return { name, description, parameters, returns, streams, idempotent };
}

/** A connection to the mesh. Made by `connect`. */
export class Mesh extends Calls {
  readonly #events: EventEmitter;
  readonly #requests: Requests;

  /** @internal */
  constructor(options: Options, path: string) {
    const { socket, timeout, prompt, skills = {}, ...own } = options;
    const events = new EventEmitter();
    const sidecar = sidecarAt(path, {
      hello: {
        program: `node ${process.versions.node}`,
        ...own,
        skills: Object.entries(skills).map(describe),
        prompt: !!prompt,
      },
      event: (event) => requests.event(event),
      news: (event, error) => {
        if (event === "disconnect") requests.lost();
        events.emit(event, error);
      },
    });
    super(sidecar);
    const requests = requestsOf(sidecar, skills, prompt);
    this.#events = events;
    this.#requests = requests;
  }

  /** Who this is, as the sidecar said last. */
  get welcome(): Welcome {
    return this.sidecar.welcome;
  }

  /** Hear of the connection. */
  on(event: MeshEvent, listener: (error?: MeshError) => void): this {
    this.#events.on(event, listener);
    return this;
  }

  /** Hang up; the sidecar goes on, and requests wait for the next program. */
  close(): void {
    this.#requests.lost();
    this.sidecar.close();
  }
}

/** Connect to the sidecar, serve `skills`, and stay connected. Rejects with the sidecar's refusal, or Unavailable. */
export async function connect(options: Options = {}): Promise<Mesh> {
  const path = options.socket ?? process.env["CHATIXIA_SOCKET"];
  if (!path) throw new errors.ConfigError("CHATIXIA_SOCKET names no sidecar; `chatixia run` sets it.");
  const mesh = new Mesh(options, path);
  await mesh.sidecar.start(options.timeout ?? START_S);
  return mesh;
}
