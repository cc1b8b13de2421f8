/** The lines of the socket, as docs/ipc.md has them: as far as this client looks into them. */
import type { WireError } from "./mesh_error.js";

export const VERSION = 1;
export const MAX_LINE = 16 * 1024 * 1024;
/** Bytes of items that a reader has room for before it grants more. */
export const WINDOW = 256 * 1024;
/** Bytes that an item of ours uses of its credit beside its own. */
export const ITEM_COST = 64;

/** An artifact, by its place in a line's `artifacts`. */
export interface WireFile {
  path?: string;
  ref?: string;
  name?: string;
  media_type?: string;
  size?: number;
  sha256?: string;
  /** Its bytes in base64, in a task. */
  data?: string;
}

/** What a program says. */
export interface Command {
  type: string;
  id?: number;
  for?: number;
  payload?: object;
}

/** The end of a command. */
export interface Result {
  value?: unknown;
  via?: string;
  ms?: number;
  agent?: string;
  where?: string;
  reason?: string;
  artifacts?: WireFile[];
}

/** Work for this program. */
export interface RequestPayload {
  caller: string;
  skill?: string;
  args?: unknown;
  stream?: boolean;
  path?: string[];
  deadline_ms?: number;
  traceparent?: string;
  via?: string;
  key?: string;
  request_id?: string;
  fence?: string;
  attempt?: number;
  task_id?: string;
  credit?: number;
  artifacts?: WireFile[];
}

export interface ItemPayload {
  item?: unknown;
  artifacts?: WireFile[];
  event?: unknown;
}

export interface ProgressPayload {
  fraction?: number | null;
  note?: string;
  event?: unknown;
}

/** What a sidecar says. */
export type Event =
  | { type: "result"; id?: number; payload?: Result }
  | { type: "error"; id?: number; payload: WireError }
  | { type: "item"; id?: number; payload: ItemPayload }
  | { type: "progress"; id?: number; payload: ProgressPayload }
  | { type: "request" | "prompt"; id: number; payload: RequestPayload }
  | { type: "cancel"; id: number }
  | { type: "credit"; id: number; payload: { bytes: number } }
  | { type: "challenge"; payload: { nonce: string } }
  | { type: "proof"; payload: { nonce: string; mac: string } };

/** The answer to `hello`: who this is, and whether its registry answers. */
export interface Welcome {
  name: string;
  version: number;
  folder?: string;
  key?: string;
  label?: string;
  url?: string;
  online?: boolean;
}

/** Bytes of what a reader's credit counts in an item's line, which has `bytes` in all. */
export function itemBytes(event: { payload: ItemPayload }, bytes: number): number {
  const payload: ItemPayload = { ...event.payload, item: 0 };
  const zeros = payload.event === undefined ? 1 : 2;
  if (zeros === 2) payload.event = 0;
  return bytes - Buffer.byteLength(JSON.stringify({ ...event, payload })) + zeros;
}
