// Numbers as people read them.

export function millis(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return "–";
  if (ms < 1) return "under 1 ms"; // engines count in whole milliseconds
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
}

export function bytes(count: number | undefined): string {
  let value = count ?? 0;
  for (const unit of ["B", "KiB", "MiB", "GiB"]) {
    if (value < 1024 || unit === "GiB") return `${value < 10 && unit !== "B" ? value.toFixed(1) : Math.round(value)} ${unit}`;
    value /= 1024;
  }
  return "";
}

export function since(seconds: number): string {
  const steps: [number, string][] = [[86_400, "d"], [3_600, "h"], [60, "min"]];
  for (const [size, unit] of steps) if (seconds >= size) return `${Math.floor(seconds / size)} ${unit}`;
  return `${Math.max(0, Math.floor(seconds))} s`;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

const BROWSERS = /\b(?:Headless)?(Firefox|Edg|OPR|Chrome|Version)\/(\d+)/g;
const NAMES: Readonly<Record<string, string>> = { Edg: "Edge", OPR: "Opera", Version: "Safari" };
const SYSTEMS = /Android|iPhone|iPad|Windows|Mac OS X|Linux/;

/** A browser's own words, shortened: "Firefox 140, Linux"; what is no browser's, cut. */
export function browserName(words: string): string {
  const found = [...words.matchAll(BROWSERS)].pop(); // the last counts: Edge calls itself Chrome too
  if (found === undefined) return words.slice(0, 40) || "–";
  const [, name = "", version = ""] = found;
  const system = SYSTEMS.exec(words)?.[0];
  return `${NAMES[name] ?? name} ${version}${system === undefined ? "" : `, ${system}`}`;
}
