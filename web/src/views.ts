// What the page shows: three tables, each drawn whole from the registry's last answer.
import { byId, cell, fill, h, type Child } from "./dom.js";
import { bytes, millis, plural, since } from "./format.js";
import type { AgentRecord, Edge, State, Status, Task } from "./wire.js";

const ENDED: ReadonlySet<State> = new Set(["completed", "failed", "canceled", "rejected"]);

export function showStatus(status: Status): void {
  byId("mesh").textContent = `mesh ${status.mesh.slice(0, 8)}`;
  byId("version").textContent = `chatixia ${status.version}`;
  showTrouble(status.detail ?? "");
}

/** What is wrong with the registry as a whole, until its next answer says otherwise. */
export function showTrouble(sentence: string): void {
  byId("trouble").textContent = sentence;
  byId("trouble").hidden = sentence === "";
}

export function showAgents(agents: AgentRecord[]): void {
  const active = agents.filter((agent) => agent.health !== "offline").length;
  byId("agents-count").textContent = `${active} of ${plural(agents.length, "agent")} online`;
  fill(byId("agents"), agents.map(agentRow), "No agent yet. Start one: chatixia run FOLDER", 4);
}

function agentRow(agent: AgentRecord): HTMLTableRowElement {
  const skills = (agent.skills ?? []).map((skill) =>
    h("li", { title: skill.description ?? "" }, skill.name),
  );
  const trust = agent.trust && agent.trust !== "owner" ? [mark(agent.trust, "warn")] : [];
  return h(
    "tr",
    { "data-agent": agent.agent_id },
    h("th", { scope: "row" }, name(agent.agent_id), ...trust),
    cell("Health", health(agent)),
    cell("Skills", skills.length > 0 ? h("ul", { class: "skills" }, ...skills) : "–"),
    cell("Machine", agent.machine || agent.hostname || "–"),
  );
}

function health(agent: AgentRecord): HTMLElement {
  const kind = agent.health ?? "active";
  return mark(agent.waiting ? `away, ${plural(agent.waiting, "task")} waiting` : kind, kind);
}

export function showLinks(edges: Edge[]): void {
  byId("links-count").textContent = plural(edges.length, "open link");
  fill(byId("links"), edges.map(linkRow), "No link is open. Links open at the first call.", 5);
}

function linkRow(edge: Edge): HTMLTableRowElement {
  const seen = edge.confirmed ? "both ends" : "one end";
  return h(
    "tr",
    { "data-link": `${edge.from_peer} ${edge.to_peer}` },
    h("th", { scope: "row" }, name(edge.from_peer), " ↔ ", name(edge.to_peer)),
    cell("Tier", mark(edge.tier ?? "unknown", edge.tier === "direct" ? "active" : "warn")),
    cell("Round trip", millis(edge.rtt_ms)),
    cell("Carried", bytes(edge.bytes)),
    cell("Reported by", seen),
  );
}

export function showCounts(counts: Partial<Record<State, number>>): void {
  const parts = Object.entries(counts).filter(([, count]) => count > 0);
  byId("tasks-count").textContent = parts.map(([state, count]) => `${count} ${words(state)}`).join(", ") || "none yet";
}

/** Say that only the newest are shown, where there are more. */
export function showShare(shown: number, counts: Partial<Record<State, number>>, state: string): void {
  const all = Object.entries(counts).filter(([name]) => state === "" || name === state);
  const total = all.reduce((sum, [, count]) => sum + count, 0);
  byId("tasks-shown").textContent = shown < total ? `the newest ${shown} of ${total}` : "";
}

export function showTasks(tasks: Task[], now: number, cancel: ((id: string) => void) | null): void {
  fill(byId("tasks"), tasks.map((task) => taskRow(task, now, cancel)), "No task in this state.", 6);
}

function taskRow(task: Task, now: number, cancel: ((id: string) => void) | null): HTMLTableRowElement {
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
    cell("Via", `queue, ${task.sealed ? "sealed" : "plain"}`, ...button(task, cancel)),
  );
}

function stateOf(task: Task): Child[] {
  const kind = task.state === "completed" ? "active" : ENDED.has(task.state) ? "offline" : "stale";
  const parts: Child[] = [mark(words(task.state), kind)];
  if (task.error) parts.push(" ", h("span", { class: "why" }, task.error.message ?? task.error.code));
  else if (task.progress !== null && task.progress !== undefined) parts.push(` ${Math.round(task.progress * 100)} %`);
  return parts;
}

function button(task: Task, cancel: ((id: string) => void) | null): Child[] {
  if (cancel === null || ENDED.has(task.state)) return [];
  const made = h("button", { type: "button", class: "small", "aria-label": `Cancel task ${task.id}` }, "Cancel");
  made.addEventListener("click", () => {
    made.disabled = true;
    cancel(task.id);
  });
  return [" ", made];
}

/** An agent's name, which stays in one piece where there is room. */
function name(id: string): HTMLElement {
  return h("span", { class: "name" }, id);
}

/** A word with a shape before it: never told by colour alone. */
function mark(word: string, kind: string): HTMLElement {
  return h("span", { class: `mark ${kind}` }, word);
}

function words(state: string): string {
  return state.replaceAll("_", " ");
}
