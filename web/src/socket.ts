// The one WebSocket of the page: verbs with answers, events, and reconnection with back-off.
import { subprotocols } from "./rest.js";
import { type EventFrame, read } from "./wire.js";

const FIRST_WAIT = 500;
const LONGEST_WAIT = 10_000;
const ANSWER_WITHIN = 15_000;

interface Waiting {
  resolve: (body: unknown) => void;
  reject: (error: Error) => void;
  timer: number;
}

export interface Listener {
  opened: () => void;
  closed: () => void;
  event: (frame: EventFrame) => void;
}

export class Socket {
  private socket: WebSocket | null = null;
  private waiting = new Map<string, Waiting>();
  private count = 0;
  private wait = FIRST_WAIT;

  constructor(private readonly listener: Listener) {}

  /** Connect, and again after every loss; only leaving the page ends it. */
  connect(): void {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/ws`, subprotocols());
    this.socket = socket;
    socket.onopen = () => {
      this.wait = FIRST_WAIT;
      this.listener.opened();
    };
    socket.onmessage = (message: MessageEvent<string>) => this.receive(message.data);
    socket.onclose = () => this.lost();
  }

  /** Ask a verb; its reply, or an Error with the registry's sentence. */
  ask<Reply>(verb: string, body: object = {}): Promise<Reply> {
    const socket = this.socket;
    if (socket === null || socket.readyState !== WebSocket.OPEN) {
      return Promise.reject(new Error("The registry is not connected."));
    }
    const id = String(++this.count);
    return new Promise<Reply>((resolve, reject) => {
      const timer = window.setTimeout(() => this.end(id)?.reject(new Error("No answer.")), ANSWER_WITHIN);
      this.waiting.set(id, { resolve: (found) => resolve(found as Reply), reject, timer });
      socket.send(JSON.stringify({ type: "verb", id, verb, body }));
    });
  }

  private receive(text: string): void {
    const frame = read(text);
    if (frame.type === "event") this.listener.event(frame);
    else if (frame.type === "result") this.end(frame.id)?.resolve(frame.body);
    else if (frame.type === "error") this.end(frame.ref ?? "")?.reject(new Error(frame.message ?? frame.code));
  }

  private end(id: string): Waiting | undefined {
    const found = this.waiting.get(id);
    if (found !== undefined) window.clearTimeout(found.timer);
    this.waiting.delete(id);
    return found;
  }

  private lost(): void {
    for (const id of [...this.waiting.keys()]) this.end(id)?.reject(new Error("The connection was lost."));
    this.listener.closed();
    window.setTimeout(() => this.connect(), this.wait * (0.75 + Math.random() / 2));
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT);
  }
}
