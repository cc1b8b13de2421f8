/** Files that travel beside a call's JSON: as paths in the sidecar's private folder. */
import { randomUUID } from "node:crypto";
import { copyFile, link, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { WireFile } from "./wire.js";

/** How one that came is brought, and let go. */
export interface Courier {
  fetch(ref: string): Promise<string>;
  release(ref: string): void;
}

let gathered: Artifact[] | undefined;

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
    if (!gathered) throw new TypeError("an Artifact cannot be written as JSON; it travels in a call");
    if (!gathered.includes(this)) gathered.push(this);
    return { $artifact: gathered.indexOf(this) };
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

/** JSON text, and the artifacts that it names. Throws TypeError for what is not JSON. */
export function encode(value: unknown): [text: string, artifacts: Artifact[]] {
  const found: Artifact[] = (gathered = []);
  try {
    const text = JSON.stringify(value) ?? "null";
    const isUnicode = !text.includes("\\ud") || !/(?<!\\)(\\\\)*\\ud[89a-f]/.test(text);
    if (isUnicode) return [text, found];
    throw new TypeError("half a surrogate pair is no Unicode");
  } finally {
    gathered = undefined;
  }
}

/** `value` with the artifacts in it that came beside. */
export function decode(value: unknown, files: WireFile[] | undefined, courier: Courier): unknown {
  if (!files?.length) return value;
  const arrived = files.map(({ ref = "", name, media_type, size, sha256, data }) => {
    const source = data ? Buffer.from(data, "base64") : () => courier.fetch(ref);
    return new Artifact(source, name, media_type, size, sha256, () => courier.release(ref));
  });
  return JSON.parse(JSON.stringify(value), (_key, one) => {
    const stands = one && typeof one === "object" && Object.keys(one).length === 1;
    return (stands && arrived[one.$artifact]) || one;
  });
}

/** Remove what was lent. */
export function remove(files: WireFile[]): void {
  for (const file of files) void rm(file.path ?? "", { force: true }).catch(() => undefined);
}
