import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { connect, errors } from "../dist/index.js";
import { FakeSidecar } from "./fake.mjs";

const TOKEN = Buffer.alloc(32, 0x2a).toString("base64url");

async function joined(context, options = {}) {
  const fake = await FakeSidecar.start(context);
  const mesh = await connect({ socket: fake.socket, ...options });
  context.after(() => mesh.close());
  await fake.line("hello");
  return { fake, mesh };
}

test("a sidecar that ends is connected to again, and what it held has an unknown outcome", async (context) => {
  const aborted = [];
  const wait = {
    run: (_args, { signal }) =>
      new Promise((resolve) => signal.addEventListener("abort", () => resolve(aborted.push(true)))),
  };
  const { fake, mesh } = await joined(context, { skills: { wait } });
  const heard = [];
  for (const event of ["connect", "disconnect"]) mesh.on(event, () => heard.push(event));
  fake.say("request", { caller: "alice", skill: "wait" }, 1);
  const call = mesh.agent("far").call("x");
  await fake.line("call");
  fake.drop();
  await assert.rejects(call, (error) => {
    return error instanceof errors.Unavailable && error.outcome === "unknown";
  });
  fake.answers.call = { value: "again" };
  assert.equal(await mesh.agent("far").call("x"), "again");
  assert.equal((await fake.line("hello")).payload.skills[0].name, "wait");
  assert.deepEqual(heard, ["disconnect", "connect"]);
  assert.deepEqual(aborted, [true]);
  assert.ok(!fake.lines.some((line) => line.type === "reply"));
});

test("a call waits for the sidecar no longer than it may", async (context) => {
  const { fake, mesh } = await joined(context);
  fake.server.close();
  fake.drop();
  await new Promise((resolve) => mesh.on("disconnect", resolve));
  const controller = new AbortController();
  const far = mesh.agent("far", { timeout: 0.2 });
  const left = far.call("x", {}, { signal: controller.signal });
  controller.abort(new Error("enough"));
  await assert.rejects(left, /enough/);
  await assert.rejects(far.call("x"), errors.Unavailable);
});

test("a sidecar that does not answer is given up, and nothing stays open", async (context) => {
  const fake = await FakeSidecar.start(context);
  fake.answers.hello = undefined;
  await assert.rejects(connect({ socket: fake.socket, timeout: 0.2 }), errors.Unavailable);
  await fake.line("hello");
  const [socket] = fake.sockets;
  if (!socket.closed) await new Promise((resolve) => socket.once("close", resolve));
  assert.equal(fake.sockets.length, 1);
});

test("a refusal is for good", async (context) => {
  const fake = await FakeSidecar.start(context);
  fake.answers.hello = { code: "bad_config", message: "This is another's sidecar." };
  await assert.rejects(connect({ socket: fake.socket }), errors.ConfigError);
  await assert.rejects(connect({}), errors.ConfigError);
});

test("a program that was replaced tries once more, and hears why", async (context) => {
  const { fake, mesh } = await joined(context);
  fake.answers.hello = { code: "already_running", message: "Another program is on this socket." };
  context.mock.method(console, "error", () => undefined);
  const refused = new Promise((resolve) => mesh.on("refused", resolve));
  fake.say("error", { code: "replaced", message: "Another took over." });
  fake.drop();
  assert.equal((await refused).code, "already_running");
  await assert.rejects(mesh.agent("far").call("x"), errors.AlreadyRunning);
});

test("after close nothing is open", async (context) => {
  const { fake, mesh } = await joined(context);
  const call = mesh.agent("far").call("x");
  await fake.line("call");
  mesh.agent("far").call("last").catch(() => undefined);
  mesh.close();
  await assert.rejects(call, /stopping/);
  assert.equal((await fake.line("call")).payload.skill, "last");
  await assert.rejects(mesh.agent("far").call("x"), errors.Unavailable);
});

function mac(side, challenge, nonce) {
  const data = [`chatixia/ipc/1 ${side}`, challenge, nonce].join("\0");
  return createHmac("sha256", Buffer.from(TOKEN, "base64url")).update(data).digest("base64url");
}

const challenge = "EBESExQVFhcYGRobHB0eHw";
const first = (fake) => fake.say("challenge", { nonce: challenge });

test("over TCP both ends prove the token", async (context) => {
  const fake = await FakeSidecar.start(context, { tcp: TOKEN, first });
  const joins = connect({ socket: fake.socket });
  const { nonce, mac: shown } = (await fake.line("proof")).payload;
  assert.equal(shown, mac("client", challenge, nonce));
  fake.say("proof", { nonce, mac: mac("server", challenge, nonce) });
  const mesh = await joins;
  context.after(() => mesh.close());
  assert.equal(mesh.welcome.name, "me");
});

test("an impostor is told nothing", async (context) => {
  const fake = await FakeSidecar.start(context, { tcp: TOKEN, first });
  const joins = connect({ socket: fake.socket });
  const { nonce } = (await fake.line("proof")).payload;
  fake.say("proof", { nonce, mac: mac("client", challenge, nonce) });
  await assert.rejects(joins, errors.Denied);
  assert.deepEqual(fake.lines, []);
});

test("golden events are read, whatever they are", async (context) => {
  const { fake, mesh } = await joined(context);
  context.mock.method(console, "error", () => undefined);
  const golden = readFileSync(process.env.GOLDEN, "utf8");
  fake.sockets.at(-1).write(`${golden}\nnot json\n[]\n7\nnull\n{"type":"new"}\n`);
  fake.answers.status = { value: { name: "me" } };
  assert.deepEqual(await mesh.status(), { name: "me" });
});

test("a line without end closes the connection", async (context) => {
  const { fake, mesh } = await joined(context);
  const lost = new Promise((resolve) => mesh.on("disconnect", resolve));
  const block = Buffer.alloc(1 << 20, "x");
  for (let n = 0; n < 17; n++) fake.sockets.at(-1).write(block);
  await lost;
});
