// Builds the hub's page into the package and stamps it with a hash of its source.
// `python -m pytest tests/hub` computes the same hash, so a forgotten build turns a test red.
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const web = dirname(fileURLToPath(import.meta.url));
const out = join(web, "..", "src", "chatixia", "hub", "static");

function sources() {
  const fixed = ["build.mjs", "package.json", "package-lock.json", "tsconfig.json"];
  return [...fixed, ...readdirSync(join(web, "src")).sort().map((name) => `src/${name}`)];
}

function digest() {
  const hash = createHash("sha256");
  for (const name of sources()) {
    hash.update(`${name}\0`).update(readFileSync(join(web, name), "utf8").replaceAll("\r\n", "\n"));
    hash.update("\0");
  }
  return hash.digest("hex");
}

mkdirSync(out, { recursive: true });
await build({
  entryPoints: [join(web, "src", "main.ts")],
  bundle: true,
  charset: "utf8",
  format: "esm",
  legalComments: "none",
  outfile: join(out, "hub.js"),
  target: "es2022",
});
for (const name of ["index.html", "hub.css", "icon.svg"]) {
  copyFileSync(join(web, "src", name), join(out, name));
}
writeFileSync(join(out, "source.sha256"), `${digest()}\n`);
