/** Files that travel beside a call's JSON: as paths in the sidecar's private folder. */
import { randomUUID } from "node:crypto";
import { copyFile, link, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Calls } from "./calls.js";
import { type Lendable, place } from "./json.js";
import type { WireFile } from "./wire.js";

const FETCH_S = 3600;

/** A file to send, or one that came. `name` is a label and no path; `size` and `sha256` are known of one that came. */
export class Artifact {
  #source: string | Uint8Array | Promise<string> | (() => Promise<string>);

  /** Made of a path on this disk, or of bytes. */
  constructor(
    source: string | Uint8Array | (() => Promise<string>),
    readonly name = typeof source === "string" ? basename(source) : "",
    readonly mediaType = "",
    readonly size = 0,
    readonly sha256 = "",
    /** One that came is not wanted any more: its file goes. */
    readonly release = (): void => undefined,
  ) {
    this.#source = source;
  }

  /** Where its bytes are on this disk; one that came is brought first, and checked. */
  async path(): Promise<string> {
    if (typeof this.#source === "function") this.#source = this.#source();
    const path = await this.#source;
    if (typeof path !== "string") throw new TypeError("These bytes are in no file.");
    return path;
  }

  /** Its bytes. */
  async read(): Promise<Uint8Array> {
    return this.#source instanceof Uint8Array ? this.#source : readFile(await this.path());
  }

  toJSON(): unknown {
    const placed = place(this);
    if (!placed) throw new TypeError("an Artifact cannot be written as JSON; it travels in a call");
    return placed;
  }

  /** @internal Put it into a folder: a hard link where it is a file, else a copy. */
  async lend(folder: string): Promise<WireFile> {
    const path = join(folder, `out-${randomUUID()}`);
    if (this.#source instanceof Uint8Array) {
      await writeFile(path, this.#source, { mode: 0o600 });
    } else {
      const source = await realpath(await this.path());
      await link(source, path).catch(() => copyFile(source, path));
    }
    return { path, name: this.name, media_type: this.mediaType };
  }
}

/** What lies in the folder, and how it is removed again. */
export interface Lent {
  files: WireFile[];
  remove(): void;
}

/** Put artifacts into a folder. */
export async function lend(artifacts: Lendable[], folder: string): Promise<Lent> {
  const files = await Promise.all(artifacts.map((one) => one.lend(folder)));
  const remove = (): void => {
    for (const { path = "" } of files) void rm(path, { force: true }).catch(() => undefined);
  };
  return { files, remove };
}

async function fetch(calls: Calls, ref: string): Promise<string> {
  const command = { type: "fetch", payload: { ref, timeout: FETCH_S } };
  const { value } = await calls.sidecar.ask(command, FETCH_S);
  return (value as { path: string }).path;
}

/** `value` with the artifacts in it that came beside; `calls` brings them, and lets them go. */
export function decode(value: unknown, files: WireFile[], calls: Calls): unknown {
  const arrived = files.map(({ ref = "", name, media_type, size, sha256, data }) => {
    const source = data ? Buffer.from(data, "base64") : () => fetch(calls, ref);
    const release = (): void => calls.sidecar.tell({ type: "release", payload: { ref } });
    return new Artifact(source, name, media_type, size, sha256, release);
  });
  return JSON.parse(JSON.stringify(value), (_key, one) => {
    const stands = one && typeof one === "object" && Object.keys(one).length === 1;
    return (stands && arrived[one.$artifact]) || one;
  });
}
