// The agent of the matrix in Node; agent.py is the same in Python.
import { createHash } from "node:crypto";
import { connect, errors, MeshError, TABLE } from "chatixia-mesh";
import { Artifact } from "chatixia-mesh/artifacts";

const VALUE = { city: "Ål", list: [1, 2.5, null, true, "😀"], most: 2 ** 53 - 1, deep: { a: {} } };
const BYTES = Buffer.from(Array.from({ length: 256 * 1200 }, (_, n) => n % 256));
const MIB = 1 << 20;
const SOON_MS = 6000;
const LATE_S = 1.5;
const states = {};
class NoSuchCity extends errors.SkillFailed {}
const sha256 = (data) => createHash("sha256").update(data).digest("hex");
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function takes(properties, required = Object.keys(properties)) {
  return { type: "object", properties, required, additionalProperties: false };
}
const text = { type: "string" };

async function errorOf(call) {
  try {
    return { value: await call };
  } catch (error) {
    if (!(error instanceof MeshError)) throw error;
    const { code, retryable, outcome, message: sentence, agent, via } = error;
    return { class: error.constructor.name, code, retryable, outcome, sentence, agent, via };
  }
}

async function errorsOf(message, call) {
  const all = {};
  for (const code of TABLE.keys()) all[code] = await errorOf(call(code, message(code)));
  return all;
}

async function itemsOf(far) {
  const items = [];
  for await (const item of far.stream("count", { to: 100 })) items.push(item);
  return items;
}

async function reached(far, mark, state) {
  for (let n = 0; n < 100; n++) {
    if ((await far.call("marks"))[mark] === state) return true;
    await sleep(50);
  }
  return false;
}

async function leave(far, mark) {
  const controller = new AbortController();
  const call = far.call("hold", { mark }, { signal: controller.signal });
  const left = call.then(() => false, (error) => error === controller.signal.reason);
  // Before its first step a canceled skill has nothing to write down.
  const begun = await reached(far, mark, "running");
  controller.abort();
  return begun && (await left) && reached(far, mark, "canceled");
}

async function late(hasty, far, mark) {
  const began = performance.now();
  const error = await errorOf(hasty.call("hold", { mark }));
  return [error, performance.now() - began < SOON_MS, await reached(far, mark, "canceled")];
}

async function probe({ target }, ctx) {
  const far = ctx.agent(target);
  const mark = `${mesh.welcome.name} ${ctx.request.request_id}`;
  const mine = new Artifact(BYTES, "bytes.bin", "application/x-bytes");
  const mib = await far.reply("echo", { data: "ü".repeat(MIB / 2) });
  const file = await far.call("copy", { file: mine });
  const fail = (code, message) => far.call("fail", { code, message });
  const calls = [{}, { to: "x" }, { to: 1, z: 1 }].map((args) => () => far.call("count", args));
  const refused = [];
  for (const call of calls) refused.push(await errorOf(call()));
  return {
    value: { value: await far.call("echo", { data: VALUE }), via: mib.via },
    stream: await itemsOf(far),
    errors: await errorsOf((code) => `A ${code}.`, fail),
    sentences: await errorsOf(() => "", fail),
    "own error": await errorOf(far.call("own")),
    crash: await errorOf(far.call("crash")),
    "no skill": await errorOf(far.call("nothing")),
    arguments: refused,
    cancel: await leave(far, mark),
    deadline: await late(ctx.agent(target, { timeout: LATE_S }), far, `${mark} late`),
    "1 MiB": [mib.value.length, sha256(mib.value)],
    artifact: [file.name, file.mediaType, file.size, file.sha256, sha256(await file.read())],
  };
}

const mesh = await connect({
  skills: {
    echo: { parameters: takes({ data: {} }), run: ({ data }) => data },
    count: {
      parameters: takes({ to: { type: "integer" } }),
      async *run({ to }) {
        for (let n = 0; n < to; n++) yield n;
      },
    },
    fail: {
      parameters: takes({ code: text, message: text }, ["code"]),
      run({ code, message }) {
        throw new (TABLE.get(code))(message);
      },
    },
    crash: {
      parameters: takes({}),
      run() {
        throw new TypeError("a secret");
      },
    },
    own: {
      parameters: takes({}),
      run() {
        throw new NoSuchCity("Oslo, Norway?");
      },
    },
    hold: {
      parameters: takes({ mark: text }),
      run: ({ mark }, { signal }) =>
        new Promise((_resolve, reject) => {
          states[mark] = "running";
          signal.addEventListener("abort", () => {
            states[mark] = "canceled";
            reject(signal.reason);
          });
        }),
    },
    marks: { parameters: takes({}), run: () => states },
    copy: {
      parameters: takes({ file: {} }),
      run: async ({ file }) => new Artifact(await file.read(), `copy of ${file.name}`, file.mediaType),
    },
    probe: { parameters: takes({ target: text }), run: probe },
  },
});
