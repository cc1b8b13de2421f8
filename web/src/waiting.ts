// Machines and described agents that asked with a code, for admins: what the registry may sign is approved here,
// for the rest the command of the owner's machine stands there.
import { byId, cell, fill, h } from "./dom.js";
import { since } from "./format.js";
import { request } from "./rest.js";
import type { Delegation, DescribedAgent, Pairing, Pairings } from "./wire.js";

/** The part of the page about them; `tell` shows what goes wrong. */
export class WaitingPart {
  constructor(private readonly tell: (work: Promise<unknown>) => Promise<void>) {}

  start(): void {
    byId("waiting-part").hidden = false;
    this.refresh();
  }

  /** Read anew what is shown: the oldest 200. */
  refresh(): void {
    void this.tell(this.read());
  }

  private async read(): Promise<void> {
    const [page, may, agents] = await Promise.all([
      request<Pairings>("GET", "/api/pairings"),
      request<Delegation>("GET", "/api/delegation"),
      request<DescribedAgent[]>("GET", "/api/pairing/pending"),
    ]);
    byId("waiting-may").textContent = sentence(may);
    byId("waiting-rest").textContent = resting(page.resting ?? 0);
    const more = page.next !== undefined && page.next !== "";
    byId("waiting-shown").textContent = more ? `the ${page.pairings.length} that asked first` : "";
    const rows = [...page.pairings.map((one) => this.row(one)), ...agents.map((one) => this.agentRow(one))];
    fill(byId("waiting"), rows, "None. A code for one: chatixia invite --code", 4);
  }

  /** A described agent: there is no key to compare, and its token is shown where the command is typed. */
  private agentRow(one: DescribedAgent): HTMLTableRowElement {
    return h(
      "tr",
      { "data-machine": one.peer_id },
      h("th", { scope: "row" }, one.peer_id),
      cell("Key", "none, unverified"),
      cell("From", `described agent ${one.agent_name ?? ""}`),
      cell("", h("code", {}, `chatixia approve ${one.peer_id}`), " ", this.rejection(one.peer_id, "pairing", one.id)),
    );
  }

  private row(one: Pairing): HTMLTableRowElement {
    const from = [one.hostname, one.address].filter((part) => part !== undefined && part !== "").join(" at ");
    const taken = one.member === true; // another machine's name: an owner alone gives it away
    const command = `chatixia approve ${one.name}${taken ? " --replace" : ""}`;
    const way = one.delegated === true && !taken ? this.button(one) : h("code", {}, command);
    return h(
      "tr",
      { "data-machine": one.name },
      h("th", { scope: "row" }, one.name),
      cell("Key", h("code", { class: "key" }, one.key ?? "")),
      cell("From", from === "" ? "–" : from),
      cell("", way, " ", this.rejection(one.name, "pairings", one.id)),
    );
  }

  private button(one: Pairing): HTMLButtonElement {
    return this.made(`Approve ${one.name}`, "Approve", () => {
      const same = window.confirm(`Does \`pair\` show this very key on ${one.name}?\n\n${one.key ?? ""}`);
      if (same) this.act("pairings", one.id, "approve", { key: one.key });
    });
  }

  private rejection(name: string, route: string, id: string): HTMLButtonElement {
    return this.made(`Reject ${name}`, "Reject", () => this.act(route, id, "reject", {}));
  }

  private made(label: string, text: string, work: () => void): HTMLButtonElement {
    const made = h("button", { type: "button", class: "small", "aria-label": label }, text);
    made.addEventListener("click", work);
    return made;
  }

  private act(route: string, id: string, verb: string, body: object): void {
    const work = request("POST", `/api/${route}/${encodeURIComponent(id)}/${verb}`, body);
    void this.tell(work).then(() => this.refresh());
  }
}

/** What the registry may sign. */
function sentence(may: Delegation): string {
  const names = may.names ?? [];
  if (names.length === 0) return "The registry may sign nobody: approve on the owner's machine.";
  const left = since((may.not_after ?? 0) - Date.now() / 1000);
  const roles = may.roles ?? [];
  const as = roles.length === 0 ? "" : ` as ${roles.join(" ")}`;
  return `The registry may sign ${names.join(" ")}${as}, for ${left} from now; such members show as trust: registry.`;
}

/** Until when no code is taken, "" while they are. */
function resting(seconds: number): string {
  if (seconds <= 0) return "";
  const until = new Date(Date.now() + seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return `Codes rest until ${until}, after too many wrong ones; join strings work.`;
}
