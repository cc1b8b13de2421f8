// Machines that asked with a code, for admins: what the registry may sign is approved here, for the rest the
// command of the owner's machine stands there.
import { byId, cell, fill, h } from "./dom.js";
import { since } from "./format.js";
import { request } from "./rest.js";
import type { Delegation, Pairing, Pairings } from "./wire.js";

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
    const [page, may] = await Promise.all([
      request<Pairings>("GET", "/api/pairings"),
      request<Delegation>("GET", "/api/delegation"),
    ]);
    byId("waiting-may").textContent = sentence(may);
    fill(byId("waiting"), page.pairings.map((one) => this.row(one)), "None.", 4);
  }

  private row(one: Pairing): HTMLTableRowElement {
    const from = [one.hostname, one.address].filter((part) => part !== undefined && part !== "").join(" at ");
    const way = one.delegated === true ? this.button(one) : h("code", {}, `chatixia approve ${one.name}`);
    return h(
      "tr",
      { "data-machine": one.name },
      h("th", { scope: "row" }, one.name),
      cell("Key", h("code", {}, one.key ?? "")),
      cell("From", from === "" ? "–" : from),
      cell("", way, " ", this.rejection(one)),
    );
  }

  private button(one: Pairing): HTMLButtonElement {
    return this.made(`Approve ${one.name}`, "Approve", () => {
      const same = window.confirm(`Does \`pair\` show this very key on ${one.name}?\n\n${one.key ?? ""}`);
      if (same) this.act(one, "approve", { key: one.key });
    });
  }

  private rejection(one: Pairing): HTMLButtonElement {
    return this.made(`Reject ${one.name}`, "Reject", () => this.act(one, "reject", {}));
  }

  private made(label: string, text: string, work: () => void): HTMLButtonElement {
    const made = h("button", { type: "button", class: "small", "aria-label": label }, text);
    made.addEventListener("click", work);
    return made;
  }

  private act(one: Pairing, verb: string, body: object): void {
    const work = request("POST", `/api/pairings/${encodeURIComponent(one.id)}/${verb}`, body);
    void this.tell(work).then(() => this.refresh());
  }
}

/** What the registry may sign. */
function sentence(may: Delegation): string {
  const names = may.names ?? [];
  if (names.length === 0) return "The registry may sign nobody: approve on the owner's machine.";
  const left = since((may.not_after ?? 0) - Date.now() / 1000);
  return `The registry may sign ${names.join(" ")}, for ${left} from now; such members show as trust: registry.`;
}
