// Builds dist/: what `npm pack` packs; and, beside it, minified: in bundle/index.js the main entry with all that it loads
// by itself (loaded.json names the files), whose size a test bounds, and in bundle/all that with what is loaded only where it is used.
import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
for (const folder of ["dist", "bundle"]) rmSync(join(here, folder), { recursive: true, force: true });
const compiler = join(here, "node_modules", "typescript", "bin", "tsc");
execFileSync(process.execPath, [compiler, "-p", here], { stdio: "inherit" });

/** Leaves what is imported with `import()` where it is. */
const lazily = {
  name: "lazily",
  setup(plugin) {
    plugin.onResolve({ filter: /./ }, ({ kind, path }) =>
      kind === "dynamic-import" ? { path, external: true } : undefined,
    );
  },
};
const common = {
  absWorkingDir: here,
  bundle: true,
  format: "esm",
  legalComments: "none",
  minify: true,
  platform: "node",
  target: "es2022",
  treeShaking: false,
};
const { metafile } = await build({
  ...common,
  entryPoints: ["src/index.ts"],
  metafile: true,
  outdir: "bundle",
  plugins: [lazily],
});
writeFileSync(join(here, "bundle", "loaded.json"), JSON.stringify(Object.keys(metafile.inputs)));
const entryPoints = ["src/index.ts", "src/artifact.ts", "src/sentences.ts"];
await build({ ...common, entryPoints, outdir: "bundle/all", splitting: true });
