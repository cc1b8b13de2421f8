// src/dom.ts
function h(name2, attributes = {}, ...children) {
  const element = document.createElement(name2);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}
function byId(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`index.html has no #${id}`);
  return found;
}
function fill(body, rows, empty, wide) {
  const wanted = rows.length > 0 ? rows : [h("tr", {}, h("td", { colspan: String(wide), class: "empty" }, empty))];
  wanted.forEach((row, index) => {
    const old = body.children[index];
    if (old === void 0) body.append(row);
    else if (!old.isEqualNode(row)) old.replaceWith(row);
  });
  while (body.children.length > wanted.length) body.lastElementChild?.remove();
}
function cell(column, ...children) {
  return h("td", { "data-column": column }, ...children);
}

// src/rest.ts
var KEPT = "chatixia";
var HEADER = "X-Chatixia";
var Refusal = class extends Error {
  constructor(status, code, sentence3) {
    super(sentence3);
    this.status = status;
    this.code = code;
  }
};
var Unreachable = class extends Error {
  constructor() {
    super("The registry does not answer. Start it with: chatixia up");
  }
};
function keep(secret) {
  sessionStorage.setItem(KEPT, secret);
}
function forget() {
  sessionStorage.removeItem(KEPT);
}
function kept() {
  return sessionStorage.getItem(KEPT) ?? "";
}
function subprotocols() {
  return ["chatixia", ...kept() === "" ? [] : [`page.${kept()}`]];
}
async function request(method, path, body) {
  const headers = { [HEADER]: kept() === "" ? "1" : kept() };
  const init = { method, headers };
  if (body !== void 0) {
    headers["Content-Type"] = "application/json";
    init.body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(path, init);
  } catch {
    throw new Unreachable();
  }
  const said = await answer.json().catch(() => ({}));
  if (answer.ok) return said;
  const problem = said;
  throw new Refusal(answer.status, problem.code ?? "", problem.detail ?? "The registry refused this.");
}

// src/login.ts
async function session() {
  try {
    return await request("GET", "/api/session");
  } catch {
    return null;
  }
}
async function outdated(role) {
  try {
    return (await request("GET", "/api/session")).role !== role;
  } catch (error) {
    return error instanceof Refusal && error.status === 401;
  }
}
function secretOf() {
  const hash = location.hash.slice(1);
  return hash !== "" && document.getElementById(hash) === null ? hash : "";
}
function watchLinks() {
  window.addEventListener("hashchange", () => {
    if (secretOf() !== "") location.reload();
  });
}
async function loggedIn() {
  const secret = secretOf();
  history.replaceState(null, "", location.pathname + location.search);
  const found = secret === "" ? await session() : null;
  return found ?? await door(secret);
}
function door(secret) {
  byId("door").hidden = false;
  return new Promise((resolve) => {
    const opened = (found) => {
      if (found.page_secret !== void 0) keep(found.page_secret);
      byId("door").hidden = true;
      resolve(found);
    };
    if (secret === "") form(opened);
    else link(secret, opened);
  });
}
function link(secret, opened) {
  const open = h("button", { type: "button", id: "open" }, "Open the hub");
  byId("door").append(open);
  open.focus();
  open.addEventListener("click", () => {
    open.disabled = true;
    request("POST", "/api/login/redeem", { secret }).then(opened, (error) => {
      const again = !(error instanceof Refusal) || error.status === 429 || error.status >= 500;
      say(refused(error));
      open.disabled = !again;
      open.hidden = !again;
    });
  });
}
function refused(error) {
  if (!(error instanceof Refusal)) return error.message;
  if (error.status === 429 || error.status >= 500) return `${error.message} The link still holds.`;
  return "This link was used already or has expired. Get a new one with: chatixia hub";
}
function form(opened) {
  say("You are not logged in. Log in here, or run this on the registry's machine; it opens the page with a fresh link:");
  const fields = byId("login");
  byId("hint").hidden = fields.hidden = false;
  const person = byId("login-person");
  const password = byId("login-password");
  const submit = byId("login-submit");
  fields.addEventListener("submit", (event) => {
    event.preventDefault();
    submit.disabled = true;
    const body = { person: person.value.trim(), password: password.value };
    request("POST", "/api/login/password", body).then(opened, (error) => {
      submit.disabled = false;
      byId("login-said").textContent = error.message;
      password.value = "";
      password.focus();
    });
  });
  void request("GET", "/api/login/methods").then(
    (methods) => {
      if (methods.provider === void 0) return;
      const there = h("a", { href: "/login/provider", id: "login-provider" }, `Log in with ${methods.provider}`);
      byId("hint").before(h("p", {}, there));
    },
    () => void 0
  );
}
function say(text) {
  byId("door-text").textContent = text;
}

// src/format.ts
function millis(ms) {
  if (ms === null || ms === void 0) return "–";
  if (ms < 1) return "under 1 ms";
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
}
function bytes(count) {
  let value = count ?? 0;
  for (const unit of ["B", "KiB", "MiB", "GiB"]) {
    if (value < 1024 || unit === "GiB") return `${value < 10 && unit !== "B" ? value.toFixed(1) : Math.round(value)} ${unit}`;
    value /= 1024;
  }
  return "";
}
function since(seconds) {
  const steps = [[86400, "d"], [3600, "h"], [60, "min"]];
  for (const [size, unit] of steps) if (seconds >= size) return `${Math.floor(seconds / size)} ${unit}`;
  return `${Math.max(0, Math.floor(seconds))} s`;
}
function plural(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}
var BROWSERS = /\b(?:Headless)?(Firefox|Edg|OPR|Chrome|Version)\/(\d+)/g;
var NAMES = { Edg: "Edge", OPR: "Opera", Version: "Safari" };
var SYSTEMS = /Android|iPhone|iPad|Windows|Mac OS X|Linux/;
function browserName(words2) {
  const found = [...words2.matchAll(BROWSERS)].pop();
  if (found === void 0) return words2.slice(0, 40) || "–";
  const [, name2 = "", version = ""] = found;
  const system = SYSTEMS.exec(words2)?.[0];
  return `${NAMES[name2] ?? name2} ${version}${system === void 0 ? "" : `, ${system}`}`;
}

// src/people.ts
var ROLES = ["viewer", "operator", "admin"];
var PAGES = 5;
var PeoplePart = class {
  constructor(me, tell) {
    this.me = me;
    this.tell = tell;
  }
  start() {
    byId("person").textContent = `${this.me.person}, ${this.me.role}`;
    byId("log-out").hidden = false;
    byId("log-out").addEventListener("click", () => void this.tell(this.leave()));
    byId("old").hidden = this.me.method !== "password";
    this.submit("password-form", () => this.password());
    if (this.me.role === "admin") {
      byId("people-part").hidden = false;
      this.submit("add-form", () => this.add());
    }
    this.refresh();
  }
  /** Read anew what is shown. */
  refresh() {
    void this.tell(this.sessions());
    if (this.me.role === "admin") void this.tell(this.people());
  }
  submit(id, work) {
    byId(id).addEventListener("submit", (event) => {
      event.preventDefault();
      void this.tell(work()).then(() => this.refresh());
    });
  }
  async leave() {
    await request("POST", "/api/login/end", {});
    forget();
    location.reload();
  }
  async people() {
    const found = [];
    for (let page = 0, cursor = ""; page < PAGES; page++) {
      const answer = await request("GET", `/api/people?cursor=${encodeURIComponent(cursor)}`);
      found.push(...answer.people);
      cursor = answer.next ?? "";
      if (cursor === "") break;
    }
    fill(byId("people"), found.map((one) => this.personRow(one)), "Nobody.", 5);
  }
  personRow(one) {
    const ways = [...one.password ? ["password"] : [], ...one.provider ? ["provider"] : []];
    return h(
      "tr",
      { "data-person": one.id },
      h("th", { scope: "row" }, one.id),
      cell("Role", one.id === this.me.person ? one.role : this.roles(one)),
      cell("Logs in by", ways.join(", ") || "link"),
      cell("Browsers", String(one.sessions ?? 0)),
      cell("", ...one.id === this.me.person ? [] : [this.removal(one)])
    );
  }
  roles(one) {
    const options = ROLES.map((role) => h("option", role === one.role ? { selected: "" } : {}, role));
    const made = h("select", { "aria-label": `Role of ${one.id}` }, ...options);
    made.addEventListener("change", () => {
      const path = `/api/people/${encodeURIComponent(one.id)}/role`;
      void this.tell(request("POST", path, { role: made.value })).then(() => this.refresh());
    });
    return made;
  }
  removal(one) {
    const made = h("button", { type: "button", class: "small", "aria-label": `Remove ${one.id}` }, "Remove");
    made.addEventListener("click", () => {
      if (!window.confirm(`Remove ${one.id}? It is logged out at once.`)) return;
      const work = request("DELETE", `/api/people/${encodeURIComponent(one.id)}`);
      void this.tell(work).then(() => this.refresh());
    });
    return made;
  }
  async add() {
    const name2 = byId("add-name");
    const role = byId("add-role").value;
    const made = await request("POST", "/api/people", { name: name2.value.trim(), role });
    name2.value = "";
    byId("added").hidden = false;
    byId("added-text").textContent = `Hand this link to ${made.id}; it works once, within ${since(made.expires_in)}:`;
    byId("added-link").textContent = `${location.origin}/#${made.secret}`;
  }
  async password() {
    const old = byId("old-password");
    const fresh = byId("new-password");
    const body = { new: fresh.value, ...old.value === "" ? {} : { old: old.value } };
    await request("POST", "/api/session/password", body);
    old.value = fresh.value = "";
    byId("password-said").textContent = "Your password is set; your other browsers are logged out.";
  }
  async sessions() {
    const answer = await request("GET", "/api/sessions");
    const rows = [...answer.sessions].sort((one, other) => other.last_used - one.last_used);
    fill(byId("sessions"), rows.map((one) => this.sessionRow(one)), "None.", 5);
  }
  sessionRow(one) {
    const end = h("button", { type: "button", class: "small", "aria-label": `End session ${one.id}` }, "End");
    end.addEventListener("click", () => {
      const work = request("POST", `/api/sessions/${encodeURIComponent(one.id)}/end`, {});
      void this.tell(work).then(() => this.refresh());
    });
    return h(
      "tr",
      { "data-session": one.id },
      h("th", { scope: "row" }, one.person),
      cell("Logged in by", one.method ?? "–"),
      cell("From", one.origin ?? "–"),
      cell("Browser", browserName(one.browser ?? "")),
      cell("", ...one.current === true ? ["this one"] : [end])
    );
  }
};

// src/wire.ts
function read(text) {
  const found = JSON.parse(text);
  if (typeof found !== "object" || found === null || !("type" in found)) return { type: "other" };
  const known = found.type === "result" || found.type === "error" || found.type === "event";
  return known ? found : { type: "other" };
}

// src/socket.ts
var FIRST_WAIT = 500;
var LONGEST_WAIT = 1e4;
var ANSWER_WITHIN = 15e3;
var Socket = class {
  constructor(listener) {
    this.listener = listener;
  }
  socket = null;
  waiting = /* @__PURE__ */ new Map();
  count = 0;
  wait = FIRST_WAIT;
  /** Connect, and again after every loss; only leaving the page ends it. */
  connect() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/ws`, subprotocols());
    this.socket = socket;
    socket.onopen = () => {
      this.wait = FIRST_WAIT;
      this.listener.opened();
    };
    socket.onmessage = (message) => this.receive(message.data);
    socket.onclose = () => this.lost();
  }
  /** Ask a verb; its reply, or an Error with the registry's sentence. */
  ask(verb, body = {}) {
    const socket = this.socket;
    if (socket === null || socket.readyState !== WebSocket.OPEN) {
      return Promise.reject(new Error("The registry is not connected."));
    }
    const id = String(++this.count);
    return new Promise((resolve, reject) => {
      const timer = window.setTimeout(() => this.end(id)?.reject(new Error("No answer.")), ANSWER_WITHIN);
      this.waiting.set(id, { resolve: (found) => resolve(found), reject, timer });
      socket.send(JSON.stringify({ type: "verb", id, verb, body }));
    });
  }
  receive(text) {
    const frame = read(text);
    if (frame.type === "event") this.listener.event(frame);
    else if (frame.type === "result") this.end(frame.id)?.resolve(frame.body);
    else if (frame.type === "error") this.end(frame.ref ?? "")?.reject(new Error(frame.message ?? frame.code));
  }
  end(id) {
    const found = this.waiting.get(id);
    if (found !== void 0) window.clearTimeout(found.timer);
    this.waiting.delete(id);
    return found;
  }
  lost() {
    for (const id of [...this.waiting.keys()]) this.end(id)?.reject(new Error("The connection was lost."));
    this.listener.closed();
    window.setTimeout(() => this.connect(), this.wait * (0.75 + Math.random() / 2));
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT);
  }
};

// src/waiting.ts
var WaitingPart = class {
  constructor(tell) {
    this.tell = tell;
  }
  start() {
    byId("waiting-part").hidden = false;
    this.refresh();
  }
  /** Read anew what is shown: the oldest 200. */
  refresh() {
    void this.tell(this.read());
  }
  async read() {
    const [page, may, agents] = await Promise.all([
      request("GET", "/api/pairings"),
      request("GET", "/api/delegation"),
      request("GET", "/api/pairing/pending")
    ]);
    byId("waiting-may").textContent = sentence(may);
    byId("waiting-rest").textContent = resting(page.resting ?? 0);
    const more = page.next !== void 0 && page.next !== "";
    byId("waiting-shown").textContent = more ? `the ${page.pairings.length} that asked first` : "";
    const rows = [...page.pairings.map((one) => this.row(one)), ...agents.map((one) => this.agentRow(one))];
    fill(byId("waiting"), rows, "None. A code for one: chatixia invite --code", 4);
  }
  /** A described agent: there is no key to compare, and its token is shown where the command is typed. */
  agentRow(one) {
    return h(
      "tr",
      { "data-machine": one.peer_id },
      h("th", { scope: "row" }, one.peer_id),
      cell("Key", "none, unverified"),
      cell("From", `described agent ${one.agent_name ?? ""}`),
      cell("", h("code", {}, `chatixia approve ${one.peer_id}`), " ", this.rejection(one.peer_id, "pairing", one.id))
    );
  }
  row(one) {
    const from = [one.hostname, one.address].filter((part) => part !== void 0 && part !== "").join(" at ");
    const taken = one.member === true;
    const command = `chatixia approve ${one.name}${taken ? " --replace" : ""}`;
    const way = one.delegated === true && !taken ? this.button(one) : h("code", {}, command);
    return h(
      "tr",
      { "data-machine": one.name },
      h("th", { scope: "row" }, one.name),
      cell("Key", h("code", { class: "key" }, one.key ?? "")),
      cell("From", from === "" ? "–" : from),
      cell("", way, " ", this.rejection(one.name, "pairings", one.id))
    );
  }
  button(one) {
    return this.made(`Approve ${one.name}`, "Approve", () => {
      const same = window.confirm(`Does \`pair\` show this very key on ${one.name}?

${one.key ?? ""}`);
      if (same) this.act("pairings", one.id, "approve", { key: one.key });
    });
  }
  rejection(name2, route, id) {
    return this.made(`Reject ${name2}`, "Reject", () => this.act(route, id, "reject", {}));
  }
  made(label, text, work) {
    const made = h("button", { type: "button", class: "small", "aria-label": label }, text);
    made.addEventListener("click", work);
    return made;
  }
  act(route, id, verb, body) {
    const work = request("POST", `/api/${route}/${encodeURIComponent(id)}/${verb}`, body);
    void this.tell(work).then(() => this.refresh());
  }
};
function sentence(may) {
  const names = may.names ?? [];
  if (names.length === 0) return "The registry may sign nobody: approve on the owner's machine.";
  const left = since((may.not_after ?? 0) - Date.now() / 1e3);
  const roles = may.roles ?? [];
  const as = roles.length === 0 ? "" : ` as ${roles.join(" ")}`;
  return `The registry may sign ${names.join(" ")}${as}, for ${left} from now; such members show as trust: registry.`;
}
function resting(seconds) {
  if (seconds <= 0) return "";
  const until = new Date(Date.now() + seconds * 1e3).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return `Codes rest until ${until}, after too many wrong ones; join strings work.`;
}

// src/views.ts
var ENDED = /* @__PURE__ */ new Set(["completed", "failed", "canceled", "rejected"]);
function showStatus(status) {
  byId("mesh").textContent = `mesh ${status.mesh.slice(0, 8)}`;
  byId("version").textContent = `chatixia ${status.version}`;
  showTrouble(status.detail ?? "");
}
function showTrouble(sentence3) {
  byId("trouble").textContent = sentence3;
  byId("trouble").hidden = sentence3 === "";
}
function showAgents(agents) {
  const active = agents.filter((agent) => agent.health !== "offline").length;
  byId("agents-count").textContent = `${active} of ${plural(agents.length, "agent")} online`;
  fill(byId("agents"), agents.map(agentRow), "No agent yet. Start one: chatixia run FOLDER", 4);
}
function agentRow(agent) {
  const skills = (agent.skills ?? []).map(
    (skill) => h("li", { title: skill.description ?? "" }, skill.name)
  );
  const trust = agent.trust && agent.trust !== "owner" ? [mark(agent.trust, "warn")] : [];
  return h(
    "tr",
    { "data-agent": agent.agent_id },
    h("th", { scope: "row" }, name(agent.agent_id), ...trust),
    cell("Health", health(agent)),
    cell("Skills", skills.length > 0 ? h("ul", { class: "skills" }, ...skills) : "–"),
    cell("Machine", agent.machine || agent.hostname || "–")
  );
}
function health(agent) {
  const kind = agent.health ?? "active";
  return mark(agent.waiting ? `away, ${plural(agent.waiting, "task")} waiting` : kind, kind);
}
function showLinks(edges) {
  byId("links-count").textContent = plural(edges.length, "open link");
  fill(byId("links"), edges.map(linkRow), "No link is open. Links open at the first call.", 5);
}
function linkRow(edge) {
  const seen = edge.confirmed ? "both ends" : "one end";
  return h(
    "tr",
    { "data-link": `${edge.from_peer} ${edge.to_peer}` },
    h("th", { scope: "row" }, name(edge.from_peer), " ↔ ", name(edge.to_peer)),
    cell("Tier", mark(edge.tier ?? "unknown", edge.tier === "direct" ? "active" : "warn")),
    cell("Round trip", millis(edge.rtt_ms)),
    cell("Carried", bytes(edge.bytes)),
    cell("Reported by", seen)
  );
}
function showCounts(counts) {
  const parts = Object.entries(counts).filter(([, count]) => count > 0);
  byId("tasks-count").textContent = parts.map(([state, count]) => `${count} ${words(state)}`).join(", ") || "none yet";
}
function showShare(shown, counts, state) {
  const all = Object.entries(counts).filter(([name2]) => state === "" || name2 === state);
  const total = all.reduce((sum, [, count]) => sum + count, 0);
  byId("tasks-shown").textContent = shown < total ? `the newest ${shown} of ${total}` : "";
}
function showTasks(tasks, now, cancel) {
  fill(byId("tasks"), tasks.map((task) => taskRow(task, now, cancel)), "No task in this state.", 6);
}
function taskRow(task, now, cancel) {
  const from = task.source_agent_id || "–";
  const to = task.assigned_agent_id || task.target_agent_id || "any";
  return h(
    "tr",
    { "data-task": task.id },
    h("th", { scope: "row" }, h("code", {}, task.id.slice(0, 12))),
    cell("State", ...stateOf(task)),
    cell("Skill", task.skill || "–"),
    cell("From → to", name(from), " → ", name(to)),
    cell("Age", task.created_at ? since(now - task.created_at) : "–"),
    cell("Via", `queue, ${task.sealed ? "sealed" : "plain"}`, ...button(task, cancel))
  );
}
function stateOf(task) {
  const kind = task.state === "completed" ? "active" : ENDED.has(task.state) ? "offline" : "stale";
  const parts = [mark(words(task.state), kind)];
  if (task.error) parts.push(" ", h("span", { class: "why" }, task.error.message ?? task.error.code));
  else if (task.progress !== null && task.progress !== void 0) parts.push(` ${Math.round(task.progress * 100)} %`);
  return parts;
}
function button(task, cancel) {
  if (cancel === null || ENDED.has(task.state)) return [];
  const made = h("button", { type: "button", class: "small", "aria-label": `Cancel task ${task.id}` }, "Cancel");
  made.addEventListener("click", () => {
    made.disabled = true;
    cancel(task.id);
  });
  return [" ", made];
}
function name(id) {
  return h("span", { class: "name" }, id);
}
function mark(word, kind) {
  return h("span", { class: `mark ${kind}` }, word);
}
function words(state) {
  return state.replaceAll("_", " ");
}

// src/main.ts
var PAGES2 = 10;
var TOGETHER = 150;
var BREATH = 5e3;
var Hub = class {
  constructor(person) {
    this.person = person;
    this.people = new PeoplePart(person, (work) => this.tell(work));
    this.waiting = new WaitingPart((work) => this.tell(work));
    this.socket = new Socket({
      opened: () => this.opened(),
      closed: () => this.closed(),
      event: (frame) => this.changed(frame.kind)
    });
    byId("state").addEventListener("change", () => this.filtered());
    window.setInterval(() => ["link", "task", "agent"].forEach((kind) => this.changed(kind)), BREATH);
  }
  socket;
  due = /* @__PURE__ */ new Map();
  people;
  waiting;
  start() {
    byId("state").value = new URLSearchParams(location.search).get("state") ?? "";
    byId("page").hidden = false;
    this.people.start();
    if (this.person.role === "admin") this.waiting.start();
    this.socket.connect();
  }
  opened() {
    this.connected(true);
    void this.tell(this.socket.ask("watch"));
    ["agent", "link", "task", "person", "pairing"].forEach((kind) => this.changed(kind));
    this.judge();
  }
  closed() {
    this.connected(false);
    this.judge();
  }
  /** A login that is over gets the door, another role the page of that role. */
  judge() {
    void outdated(this.person.role).then((yes) => yes && location.reload());
  }
  connected(yes) {
    byId("lost").hidden = yes;
  }
  changed(kind) {
    if (this.due.has(kind)) return;
    const read2 = {
      agent: () => this.agents(),
      link: () => this.links(),
      task: () => this.tasks(),
      person: () => Promise.resolve(this.people.refresh()),
      pairing: () => Promise.resolve(this.asked()),
      delegation: () => Promise.resolve(this.asked())
    }[kind];
    if (read2 === void 0) return;
    const timer = window.setTimeout(() => {
      this.due.delete(kind);
      void this.tell(read2());
    }, TOGETHER);
    this.due.set(kind, timer);
  }
  asked() {
    if (this.person.role === "admin") this.waiting.refresh();
  }
  async agents() {
    const found = [];
    for (let page = 0, cursor = ""; page < PAGES2; page++) {
      const answer = await this.socket.ask("agents.list", cursor === "" ? {} : { cursor });
      found.push(...answer.agents);
      cursor = answer.next ?? "";
      if (cursor === "") break;
    }
    showAgents(found);
  }
  async links() {
    showLinks((await this.socket.ask("topology")).mesh_edges);
  }
  async tasks() {
    const state = byId("state").value;
    const [status, page] = await Promise.all([
      this.status(),
      this.socket.ask("tasks.list", state === "" ? {} : { state })
    ]);
    const may = this.person.role === "admin" || this.person.role === "operator";
    showStatus(status);
    showCounts(status.tasks ?? {});
    showShare(page.tasks.length, status.tasks ?? {}, state);
    showTasks(page.tasks, status.now, may ? (id) => this.cancel(id) : null);
  }
  /** Agents and links are still answered by a registry that has lost its store; this is not. */
  async status() {
    try {
      return await this.socket.ask("status");
    } catch (error) {
      showTrouble(sentence2(error));
      throw error;
    }
  }
  cancel(id) {
    const done = this.socket.ask("tasks.cancel", { task_id: id, reason: "canceled in the hub" });
    void this.tell(done).then(() => this.changed("task"));
  }
  filtered() {
    const state = byId("state").value;
    history.replaceState(null, "", location.pathname + (state === "" ? "" : `?state=${state}`));
    this.changed("task");
  }
  /** Say what went wrong; the next answer that goes well takes the sentence away again. */
  async tell(work) {
    const place = byId("said");
    try {
      await work;
      place.textContent = "";
    } catch (error) {
      place.textContent = sentence2(error);
    }
  }
};
function sentence2(error) {
  return error instanceof Error ? error.message : String(error);
}
watchLinks();
void loggedIn().then((person) => new Hub(person).start());
