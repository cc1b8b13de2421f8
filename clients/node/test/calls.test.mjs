import assert from "node:assert/strict";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Artifact } from "../dist/artifact.js";
import { connect, errors, MeshError } from "../dist/index.js";
import { FakeSidecar } from "./fake.mjs";

async function joined(context, options = {}, answers = {}) {
  const fake = await FakeSidecar.start(context);
  Object.assign(fake.answers, answers);
  const mesh = await connect({ socket: fake.socket, ...options });
  context.after(() => mesh.close());
  await fake.line("hello");
  return { fake, mesh };
}

test("a call is one command, and its result the value", async (context) => {
  const result = { value: { high_c: 3.1 }, via: "direct", ms: 1.5, agent: "weather" };
  const { fake, mesh } = await joined(context, {}, { call: result });
  const weather = mesh.agent("weather", { timeout: 5, idempotent: true });
  assert.deepEqual(await weather.call("forecast", { city: "Oslo" }), { high_c: 3.1 });
  const { payload } = await fake.line("call");
  const args = { city: "Oslo" };
  const wanted = { target: "weather", skill: "forecast", args, timeout: 5, idempotent: true };
  assert.deepEqual(payload, wanted);
  const { value, ...how } = await weather.reply("forecast");
  assert.deepEqual(how, { via: "direct", ms: 1.5, agent: "weather" });
});

test("an error is one of its class, whatever its code", async (context) => {
  const { fake, mesh } = await joined(context);
  const told = { message: "No.", agent: "far", via: "relay", retry_after: 2, outcome: "unknown" };
  fake.answers.call = { code: "peer_restarted", ...told };
  await assert.rejects(mesh.agent("far").call("x"), (error) => {
    assert.ok(error instanceof errors.PeerRestarted && error instanceof errors.Unreachable);
    assert.equal(error.name, "PeerRestarted");
    const { message, agent, via, retryAfter, outcome, retryable } = error;
    assert.deepEqual({ message, agent, via, retry_after: retryAfter, outcome }, told);
    return retryable === false;
  });
  fake.answers.call = { code: "of_tomorrow", message: "New.", retryable: true };
  await assert.rejects(mesh.agent("far").call("x"), (error) => {
    assert.ok(error instanceof MeshError && error.code === "of_tomorrow" && error.retryable);
    return error.outcome === "definite";
  });
});

test("a sidecar that says nothing does not outlast the deadline", async (context) => {
  const { fake, mesh } = await joined(context);
  const began = performance.now();
  const call = mesh.agent("far", { timeout: 0.1 }).call("x");
  await assert.rejects(call, errors.DeadlineExceeded);
  assert.ok(performance.now() - began >= 300);
  const { id } = await fake.line("call");
  assert.deepEqual((await fake.line("cancel")).payload, { call: id });
});

test("an aborted call is canceled, and rejects with the reason", async (context) => {
  const { fake, mesh } = await joined(context);
  const controller = new AbortController();
  const call = mesh.agent("far").call("x", {}, { signal: controller.signal });
  const { id } = await fake.line("call");
  controller.abort(new Error("enough"));
  await assert.rejects(call, /enough/);
  assert.deepEqual((await fake.line("cancel")).payload, { call: id });
  const late = mesh.agent("far").call("x", {}, { signal: controller.signal });
  await assert.rejects(late, /enough/);
});

test("progress and events are heard before the end", async (context) => {
  const { fake, mesh } = await joined(context);
  const heard = [];
  const onProgress = (fraction, note) => heard.push([fraction, note]);
  const onEvent = (event) => heard.push(event);
  const call = mesh.agent("far").call("x", {}, { onProgress, onEvent });
  const { id, payload } = await fake.line("call");
  assert.equal(payload.progress, true);
  fake.say("progress", { fraction: 0.5, note: "half" }, id);
  fake.say("progress", { event: { kind: "tool_began" } }, id);
  fake.say("result", { value: 1 }, id);
  assert.equal(await call, 1);
  assert.deepEqual(heard, [[0.5, "half"], { kind: "tool_began" }]);
});

test("items come in order, and as many bytes are granted as were read", async (context) => {
  const { fake, mesh } = await joined(context);
  const items = ["é".repeat(50_000), 1.5, ["x".repeat(100_000)], { é: "ü" }, "y".repeat(200_000)];
  const reads = (async () => {
    const all = [];
    for await (const item of mesh.agent("far").stream("tell", {})) all.push(item);
    return all;
  })();
  const { id } = await fake.line("stream");
  let sent = 0;
  for (const item of items) {
    sent += Buffer.byteLength(JSON.stringify(item));
    fake.say("item", { item }, id);
  }
  let granted = 0;
  while (granted < sent) {
    const { payload } = await fake.line("credit");
    assert.equal(payload.call, id);
    granted += payload.bytes;
  }
  assert.equal(granted, sent);
  fake.say("item", { item: "last" }, id);
  fake.say("result", {}, id);
  assert.deepEqual(await reads, [...items, "last"]);
});

test("events among the items are heard in their place, and count", async (context) => {
  const { fake, mesh } = await joined(context);
  const heard = [];
  const pieces = mesh.agent("far").pieces("hi", { session: "s", onEvent: (e) => heard.push(e) });
  const first = pieces.next();
  const { id, payload } = await fake.line("ask");
  assert.deepEqual(payload.prompt, { message: "hi", session_id: "s", stream: true });
  const event = { kind: "text", text: "ü".repeat(80_000) };
  fake.say("item", { item: "", event }, id);
  fake.say("item", { item: "a" }, id);
  fake.say("result", { value: "" }, id);
  assert.deepEqual(await first, { value: "a", done: false });
  assert.equal((await pieces.next()).done, true);
  assert.deepEqual(heard, [event]);
  const bytes = Buffer.byteLength(JSON.stringify(event)) + 2;
  assert.deepEqual((await fake.line("credit")).payload, { call: id, bytes });
});

test("a reader that leaves cancels the stream, and so does its signal", async (context) => {
  const { fake, mesh } = await joined(context);
  const far = mesh.agent("far");
  const leaves = (async () => {
    for await (const item of far.stream("tell")) return item;
  })();
  let { id } = await fake.line("stream");
  fake.say("item", { item: 7 }, id);
  assert.equal(await leaves, 7);
  assert.deepEqual((await fake.line("cancel")).payload, { call: id });
  const controller = new AbortController();
  const next = far.stream("tell", {}, { signal: controller.signal }).next();
  ({ id } = await fake.line("stream"));
  controller.abort(new Error("enough"));
  await assert.rejects(next, /enough/);
  assert.deepEqual((await fake.line("cancel")).payload, { call: id });
});

test("tasks, agents, pings and other verbs are commands too", async (context) => {
  const { fake, mesh } = await joined(context);
  Object.assign(fake.answers, {
    submit: { value: { task_id: "t_1" } },
    task: { value: { id: "t_1", state: "assigned" } },
    ping: { value: { agent: "far", via: "direct", ms: 1 } },
    agents: { value: { agents: [] } },
    verb: { value: { ok: true } },
    any: { value: 5 },
    ask: { value: "yes" },
    skills: { value: { available: true } },
  });
  const options = { key: "k", maxAttempts: 2, retryOf: "t_0" };
  assert.equal(await mesh.submit("", "x", { n: 1 }, options), "t_1");
  const { payload } = await fake.line("submit");
  const task = { target: "", skill: "x", args: { n: 1 } };
  assert.deepEqual(payload, { ...task, key: "k", max_attempts: 2, retry_of: "t_0" });
  assert.equal((await mesh.task("t_1")).state, "assigned");
  assert.equal((await mesh.ping("far")).via, "direct");
  assert.deepEqual(await mesh.agents({ skill: "x" }), { agents: [] });
  assert.deepEqual(await mesh.verb("tasks.get", { task_id: "t_1" }), { ok: true });
  assert.equal(await mesh.any("x"), 5);
  assert.equal(await mesh.agent("far").ask("rain?"), "yes");
  assert.deepEqual(await mesh.agent("far").skills(), { available: true });
});

test("a task is watched to its end, which is a value or an error", async (context) => {
  const { fake, mesh } = await joined(context);
  const watched = async (task) => {
    const { id } = await fake.line("watch");
    fake.say("item", { item: { type: "task_progress", n: 1 } }, id);
    fake.say("result", { value: { type: "task_done", task } }, id);
  };
  const value = mesh.result("t_1");
  await watched({ id: "t_1", state: "completed", result: { plain: [1] } });
  assert.deepEqual(await value, [1]);
  const file = mesh.result("t_3");
  const table = [{ size: 3, sha256: "00", name: "a.txt", data: "YWJj" }];
  const plain = { $artifacts: table, value: { file: { $artifact: 0 } } };
  await watched({ id: "t_3", state: "completed", result: { plain } });
  assert.equal(Buffer.from(await (await file).file.read()).toString(), "abc");
  const error = mesh.result("t_2");
  const wire = { code: "not_found", message: "No." };
  await Promise.all([
    assert.rejects(error, (thrown) => {
      assert.ok(thrown instanceof errors.NotFound);
      return thrown.agent === "far" && thrown.via === "queue, plain";
    }),
    watched({ id: "t_2", state: "failed", error: wire, assigned_agent_id: "far" }),
  ]);
});

test("artifacts lie in the folder while they are read, and are fetched", async (context) => {
  const { fake, mesh } = await joined(context);
  const original = join(fake.folder, "photo.png");
  writeFileSync(original, "abc");
  const sent = {};
  fake.answers.call = ({ payload }) => {
    for (const { path, name } of payload.artifacts) sent[name] = readFileSync(path, "utf8");
    const file = { ref: "f1", name: "map.png", media_type: "image/png", size: 3, sha256: "00" };
    return { value: { map: { $artifact: 0 }, other: { $artifact: 7 } }, artifacts: [file] };
  };
  fake.answers.fetch = { value: { path: original } };
  const photo = new Artifact(original, undefined, "image/png");
  const args = { photos: [photo, photo], note: new Artifact(Buffer.from("hm"), "note.txt") };
  const { map, other } = await mesh.agent("far").call("draw", args);
  assert.deepEqual(sent, { "photo.png": "abc", "note.txt": "hm" });
  const { payload } = await fake.line("call");
  assert.deepEqual(payload.args, {
    photos: [{ $artifact: 0 }, { $artifact: 0 }],
    note: { $artifact: 1 },
  });
  assert.deepEqual(other, { $artifact: 7 });
  assert.deepEqual([map.name, map.size, map.sha256], ["map.png", 3, "00"]);
  assert.equal(Buffer.from(await map.read()).toString(), "abc");
  map.release();
  assert.deepEqual((await fake.line("release")).payload, { ref: "f1" });
  assert.throws(() => JSON.stringify({ photo }), /travels in a call/);
  assert.deepEqual(readdirSync(fake.folder).sort(), ["photo.png", "s"]);
});

test("what the line cannot hold is refused here", async (context) => {
  const { mesh } = await joined(context);
  const far = mesh.agent("far");
  await assert.rejects(far.call("x", { data: "x".repeat(16 << 20) }), errors.TooLarge);
  await assert.rejects(far.call("x", { data: "half \ud83d" }), TypeError);
});
