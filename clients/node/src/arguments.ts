/** What can be said of arguments before a skill runs: by the words of its schema for an object. */
import { errors } from "./errors.js";

/** A JSON Schema 2020-12; of it `properties`, `required` and `additionalProperties` are checked here. */
export interface Schema {
  type?: string | string[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  [word: string]: unknown;
}

const NAMES: Record<string, string> = {
  integer: "int",
  number: "float",
  string: "str",
  boolean: "bool",
};

function kind(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
}

function fits(wanted: string[], got: string): boolean {
  return wanted.includes(got) || (got === "integer" && wanted.includes("number"));
}

/** Throw `BadArguments`, with the argument's name, unless they fit. */
export function check(skill: string, schema: Schema, args: unknown): void {
  const refuse = (why: string): never => {
    throw new errors.BadArguments(`${skill}: ${why}.`);
  };
  const got = kind(args);
  if (got !== "object") refuse(`the arguments must be an object, not ${NAMES[got] ?? got}`);
  const known = schema.properties ?? {};
  for (const [name, value] of Object.entries(args as object)) {
    const isKnown = Object.hasOwn(known, name);
    const wanted = isKnown ? known[name]?.type : undefined;
    if (!isKnown && schema.additionalProperties === false) {
      const takes = Object.keys(known).join(", ");
      refuse(`there is no argument ${name.slice(0, 80)}; it takes ${takes || "none"}`);
    }
    const types = wanted === undefined ? [] : [wanted].flat();
    if (types.length && !fits(types, kind(value))) {
      const name_of = (type: string): string => NAMES[type] ?? type;
      refuse(`${name.slice(0, 80)}: expected ${types.map(name_of).join(" | ")}, got ${name_of(kind(value))}`);
    }
  }
  const missing = schema.required?.find((name) => !Object.hasOwn(args as object, name));
  if (missing !== undefined) refuse(`the argument ${missing} is missing`);
}
