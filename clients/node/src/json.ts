/** JSON text of what is sent; artifacts in it, whose code is loaded only where they are used, travel beside. */
import type { WireFile } from "./wire.js";

/** What stands in a value as its place among the artifacts: an `Artifact`. */
export interface Lendable {
  lend(folder: string): Promise<WireFile>;
}

let gathered: Lendable[] | undefined;

/** The place of an artifact in the text that is made just now; undefined where none is. */
export function place(artifact: Lendable): unknown {
  if (!gathered?.includes(artifact)) gathered?.push(artifact);
  return gathered && { $artifact: gathered.indexOf(artifact) };
}

/** JSON text, and the artifacts that it names. Throws TypeError for what is not JSON. */
export function encode(value: unknown): [text: string, artifacts: Lendable[]] {
  const found: Lendable[] = (gathered = []);
  try {
    const text = JSON.stringify(value) ?? "null";
    const isUnicode = !text.includes("\\ud") || !/(?<!\\)(\\\\)*\\ud[89a-f]/.test(text);
    if (isUnicode) return [text, found];
    throw new TypeError("half a surrogate pair is no Unicode");
  } finally {
    gathered = undefined;
  }
}
