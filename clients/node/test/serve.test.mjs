import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { Artifact } from "../dist/artifact.js";
import { connect, errors } from "../dist/index.js";
import { FakeSidecar } from "./fake.mjs";

class NoSuchCity extends errors.SkillFailed {}

const parameters = {
  type: "object",
  properties: { city: { type: "string" }, days: { type: "integer" }, much: { type: ["number", "null"] } },
  required: ["city"],
  additionalProperties: false,
};

async function serving(context, skills, options = {}) {
  const fake = await FakeSidecar.start(context);
  const mesh = await connect({ socket: fake.socket, skills, ...options });
  context.after(() => mesh.close());
  return { fake, mesh, hello: await fake.line("hello") };
}

let numbers = 100;

function request(fake, skill, args, more = {}) {
  const id = ++numbers;
  fake.say("request", { caller: "alice", path: ["bob", "alice"], skill, args, ...more }, id);
  return id;
}

const answer = (id) => (line) => line.for === id && ["reply", "fail"].includes(line.type);

test("hello says what is served", async (context) => {
  const skills = {
    forecast: { description: "Forecast.", parameters, idempotent: true, run: () => 1 },
    tell: { async *run() {} },
    list: { *run() {} },
  };
  const { hello } = await serving(context, skills, { name: "me", slots: 2, prompt: () => "" });
  const { program, ...payload } = hello.payload;
  assert.match(program, /^node \d/);
  assert.deepEqual(payload, {
    name: "me",
    slots: 2,
    prompt: true,
    skills: [
      { name: "forecast", description: "Forecast.", parameters, idempotent: true, streams: false },
      { name: "tell", streams: true },
      { name: "list", streams: true },
    ],
  });
});

test("a value, nothing, and what cannot be sent", async (context) => {
  const cycle = {};
  cycle.cycle = cycle;
  const { fake } = await serving(context, {
    echo: { run: ({ city }, ctx) => ({ city, caller: ctx.caller, path: ctx.path }) },
    nothing: { run: async () => undefined },
    cycle: { run: () => cycle },
    half: { run: () => ["\udc00"] },
    fine: { run: () => ["\\udc00", "😀"] },
    large: { run: () => "x".repeat(16 << 20) },
  });
  const ends = async (skill) => (await fake.line(answer(request(fake, skill, { city: "Oslo" })))).payload;
  const value = { city: "Oslo", caller: "alice", path: ["bob", "alice"] };
  assert.deepEqual(await ends("echo"), { value });
  assert.deepEqual(await ends("nothing"), { value: null });
  assert.deepEqual(await ends("fine"), { value: ["\\udc00", "😀"] });
  for (const skill of ["cycle", "half", "large"]) {
    const { code, message } = await ends(skill);
    assert.equal(code, "skill_failed");
    assert.match(message, new RegExp(`^The result of ${skill} (cannot be sent|has \\d+ bytes)`));
  }
});

test("a thrown error keeps its class, and a stranger's its text to itself", async (context) => {
  const said = [];
  context.mock.method(console, "error", (line) => said.push(line));
  const { fake } = await serving(context, {
    fail: {
      run({ what }) {
        if (what === "known") throw new errors.NotFound("There is no such book.");
        if (what === "own") throw new NoSuchCity("Oslo, Norway?");
        if (what === "text") throw "secret";
        throw new TypeError("secret");
      },
    },
  });
  const fails = async (what) => (await fake.line(answer(request(fake, "fail", { what })))).payload;
  assert.deepEqual(await fails("known"), {
    code: "not_found",
    message: "There is no such book.",
    retryable: false,
    outcome: "definite",
    agent: null,
    via: null,
    retry_after: 0,
  });
  assert.equal((await fails("own")).message, "NoSuchCity: Oslo, Norway?");
  const { code, message, agent } = await fails("crash");
  assert.deepEqual([code, agent], ["skill_failed", "me"]);
  assert.equal(message, "The skill fail of me failed with TypeError; see the agent's log.");
  await fails("text");
  assert.match(said[0], /^chatixia: fail failed with TypeError at .*serve\.test\.mjs:\d+/);
  assert.ok(!said.join().includes("secret"));
});

test("arguments are held to the schema, with the words that all agents use", async (context) => {
  const { fake } = await serving(context, { forecast: { parameters, run: () => 1 } });
  const refused = async (args) => {
    const { code, message } = (await fake.line(answer(request(fake, "forecast", args)))).payload;
    assert.equal(code, "bad_arguments");
    return message;
  };
  assert.equal(await refused({}), "forecast: the argument city is missing.");
  assert.equal(await refused({ city: 7 }), "forecast: city: expected str, got int.");
  assert.equal(await refused({ city: "O", days: 1.5 }), "forecast: days: expected int, got float.");
  assert.equal(await refused({ much: [] }), "forecast: much: expected float | null, got array.");
  const unknown = "forecast: there is no argument zone; it takes city, days, much.";
  assert.equal(await refused({ city: "O", zone: 1 }), unknown);
  assert.equal(await refused([]), "forecast: the arguments must be an object, not array.");
  const id = request(fake, "forecast", { city: "O", much: 1 });
  assert.deepEqual((await fake.line(answer(id))).payload, { value: 1 });
});

test("a generator streams, within the credit that there is", async (context) => {
  const made = [];
  const { fake } = await serving(context, {
    count: {
      async *run({ to }) {
        for (let n = 0; n < to; n++) {
          made.push(n);
          yield n;
        }
      },
    },
  });
  const id = request(fake, "count", { to: 5 }, { stream: true, credit: 100 });
  for (const item of [0, 1]) {
    const line = await fake.line("item");
    assert.deepEqual([line.for, line.payload], [id, { item }]);
  }
  assert.deepEqual(made, [0, 1, 2]);
  fake.say("credit", { bytes: 10_000 }, id);
  assert.deepEqual((await fake.line(answer(id))).payload, { value: null });
  const items = fake.lines.filter((line) => line.type === "item");
  assert.deepEqual(items.map((line) => line.payload.item), [2, 3, 4]);
  const whole = request(fake, "count", { to: 3 });
  assert.deepEqual((await fake.line(answer(whole))).payload, { value: [0, 1, 2] });
});

test("a value is the only item of who reads a stream", async (context) => {
  const { fake } = await serving(context, { one: { run: () => [1, 2] } });
  const id = request(fake, "one", {}, { stream: true });
  assert.deepEqual((await fake.line("item")).payload, { item: [1, 2] });
  assert.deepEqual((await fake.line(answer(id))).payload, { value: null });
});

test("a cancel aborts the request, ends its generator and is not answered", async (context) => {
  const ends = [];
  const { fake } = await serving(context, {
    wait: {
      run: (_args, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason));
        }),
    },
    drip: {
      async *run(_args, { signal }) {
        try {
          for (;;) yield "x".repeat(300_000);
        } finally {
          ends.push(signal.aborted);
        }
      },
    },
    echo: { run: () => 1 },
  });
  const waits = request(fake, "wait", {});
  const drips = request(fake, "drip", {}, { stream: true });
  await fake.line("item");
  fake.say("cancel", undefined, waits);
  fake.say("cancel", undefined, drips);
  const after = request(fake, "echo", {});
  await fake.line(answer(after));
  assert.deepEqual(ends, [true]);
  assert.deepEqual(fake.lines.filter((line) => line.for === waits || line.for === drips), []);
});

test("a call made while serving names its request, and none is made once it is over", async (context) => {
  let kept;
  const { fake } = await serving(context, {
    ask: {
      async run(_args, ctx) {
        kept = ctx;
        ctx.progress(0.5, "half");
        assert.ok(ctx.remaining > 4 && ctx.remaining <= 5);
        assert.equal(ctx.idempotencyKey, "k");
        return ctx.agent("far").call("x");
      },
    },
  });
  const id = request(fake, "ask", {}, { deadline_ms: 5000, key: "k" });
  assert.deepEqual((await fake.line("progress")).payload, { fraction: 0.5, note: "half" });
  const call = await fake.line("call");
  assert.equal(call.for, id);
  fake.say("error", { code: "not_found", message: "No.", outcome: "definite" }, call.id);
  const { code, outcome } = (await fake.line(answer(id))).payload;
  assert.deepEqual([code, outcome], ["not_found", "unknown"]); // this skill had begun
  await assert.rejects(kept.agent("far").call("x"), errors.Cancelled);
  await assert.rejects(kept.any("x"), /is over/);
});

test("free text is answered whole or piece by piece", async (context) => {
  const prompt = async function* (text) {
    yield* [text, "!"];
  };
  const { fake } = await serving(context, {}, { prompt });
  fake.say("prompt", { caller: "alice", args: { message: "hi" } }, 7);
  assert.deepEqual((await fake.line(answer(7))).payload, { value: "hi!" });
  fake.say("prompt", { caller: "alice", args: { text: "ho" }, stream: true }, 8);
  for (const item of ["ho", "!"]) assert.deepEqual((await fake.line("item")).payload, { item });
  assert.deepEqual((await fake.line(answer(8))).payload, { value: "" });
});

test("artifacts of requests are fetched, and those of answers lent", async (context) => {
  const { fake } = await serving(context, {
    copy: { run: async ({ file }) => new Artifact(await file.read(), `copy of ${file.name}`) },
  });
  fake.answers.fetch = { value: { path: import.meta.filename ?? process.argv[1] } };
  const artifacts = [{ ref: "f1", name: "a.txt", size: 3, sha256: "00" }];
  const id = request(fake, "copy", { file: { $artifact: 0 } }, { artifacts });
  const { payload } = await fake.line(answer(id));
  assert.deepEqual(payload.value, { $artifact: 0 });
  const [{ name, path }] = payload.artifacts;
  assert.equal(name, "copy of a.txt");
  assert.ok(existsSync(path) && readFileSync(path).length > 100);
});
