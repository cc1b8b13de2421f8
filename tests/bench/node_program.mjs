// Two programs in Node behind sidecars: `node_program.mjs CLIENT serve SOCKET`, and
// `node_program.mjs CLIENT ask SOCKET TARGET`, which prints the row. CLIENT is the built index.js.
import { pathToFileURL } from "node:url";

const [client, what, socket, target] = process.argv.slice(2);
const { connect } = await import(pathToFileURL(client));
const [PAYLOAD, WARM, SINGLE] = ["x".repeat(200), 500, 3000];

async function serve() {
  await connect({ socket, timeout: 60, skills: { echo: { run: (args) => args } } });
  console.log("serves");
}

async function ask() {
  const mesh = await connect({ socket, timeout: 60 });
  const far = mesh.agent(target);
  const args = { data: PAYLOAD };
  const until = performance.now() + 60_000;
  while ((await far.reply("echo", args)).via !== "direct") {
    if (performance.now() > until) throw new Error("no direct path");
  }
  const times = [];
  for (let turn = 0; turn < WARM + SINGLE; turn++) {
    const begin = performance.now();
    await far.call("echo", args);
    if (turn >= WARM) times.push(performance.now() - begin);
  }
  times.sort((one, other) => one - other);
  const sum = times.reduce((all, one) => all + one, 0);
  const part = (share) => times[Math.floor(times.length * share)];
  const row = { p50_ms: part(0.5), p99_ms: part(0.99), per_s_1: (1e3 * times.length) / sum };
  console.log(JSON.stringify(row));
  mesh.close();
}

await (what === "serve" ? serve() : ask());
