// Builds dist/: what `npm pack` packs; and, beside it, the minified bundle whose size a test bounds.
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
rmSync(join(here, "dist"), { recursive: true, force: true });
const compiler = join(here, "node_modules", "typescript", "bin", "tsc");
execFileSync(process.execPath, [compiler, "-p", here], { stdio: "inherit" });
await build({
  entryPoints: [join(here, "src", "index.ts")],
  bundle: true,
  format: "esm",
  legalComments: "none",
  minify: true,
  outfile: join(here, "bundle", "index.min.js"),
  platform: "node",
  target: "es2022",
});
