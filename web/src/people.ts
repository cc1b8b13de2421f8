// The people of the hub, for admins; and for everybody one's own password and browser sessions.
import { byId, cell, fill, h } from "./dom.js";
import { browserName, since } from "./format.js";
import { forget, request } from "./rest.js";
import type { BrowserSession, BrowserSessions, People, Person, PersonLink, Role, Session } from "./wire.js";

const ROLES: readonly Role[] = ["viewer", "operator", "admin"];
const PAGES = 5; // of 200

/** The part of the page about people; `tell` shows what goes wrong. */
export class PeoplePart {
  constructor(
    private readonly me: Session,
    private readonly tell: (work: Promise<unknown>) => Promise<void>,
  ) {}

  start(): void {
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
  refresh(): void {
    void this.tell(this.sessions());
    if (this.me.role === "admin") void this.tell(this.people());
  }

  private submit(id: string, work: () => Promise<void>): void {
    byId(id).addEventListener("submit", (event) => {
      event.preventDefault();
      void this.tell(work()).then(() => this.refresh());
    });
  }

  private async leave(): Promise<void> {
    await request("POST", "/api/login/end", {});
    forget();
    location.reload();
  }

  private async people(): Promise<void> {
    const found: Person[] = [];
    for (let page = 0, cursor = ""; page < PAGES; page++) {
      const answer = await request<People>("GET", `/api/people?cursor=${encodeURIComponent(cursor)}`);
      found.push(...answer.people);
      cursor = answer.next ?? "";
      if (cursor === "") break;
    }
    fill(byId("people"), found.map((one) => this.personRow(one)), "Nobody.", 5);
  }

  private personRow(one: Person): HTMLTableRowElement {
    const ways = [...(one.password ? ["password"] : []), ...(one.provider ? ["provider"] : [])];
    return h(
      "tr",
      { "data-person": one.id },
      h("th", { scope: "row" }, one.id),
      cell("Role", one.id === this.me.person ? one.role : this.roles(one)),
      cell("Logs in by", ways.join(", ") || "link"),
      cell("Browsers", String(one.sessions ?? 0)),
      cell("", ...(one.id === this.me.person ? [] : [this.removal(one)])),
    );
  }

  private roles(one: Person): HTMLSelectElement {
    const options = ROLES.map((role) => h("option", role === one.role ? { selected: "" } : {}, role));
    const made = h("select", { "aria-label": `Role of ${one.id}` }, ...options);
    made.addEventListener("change", () => {
      const path = `/api/people/${encodeURIComponent(one.id)}/role`;
      void this.tell(request("POST", path, { role: made.value })).then(() => this.refresh());
    });
    return made;
  }

  private removal(one: Person): HTMLButtonElement {
    const made = h("button", { type: "button", class: "small", "aria-label": `Remove ${one.id}` }, "Remove");
    made.addEventListener("click", () => {
      if (!window.confirm(`Remove ${one.id}? It is logged out at once.`)) return;
      const work = request("DELETE", `/api/people/${encodeURIComponent(one.id)}`);
      void this.tell(work).then(() => this.refresh());
    });
    return made;
  }

  private async add(): Promise<void> {
    const name = byId("add-name") as HTMLInputElement;
    const role = (byId("add-role") as HTMLSelectElement).value;
    const made = await request<PersonLink>("POST", "/api/people", { name: name.value.trim(), role });
    name.value = "";
    byId("added").hidden = false;
    byId("added-text").textContent = `Hand this link to ${made.id}; it works once, within ${since(made.expires_in)}:`;
    byId("added-link").textContent = `${location.origin}/#${made.secret}`;
  }

  private async password(): Promise<void> {
    const old = byId("old-password") as HTMLInputElement;
    const fresh = byId("new-password") as HTMLInputElement;
    const body = { new: fresh.value, ...(old.value === "" ? {} : { old: old.value }) };
    await request("POST", "/api/session/password", body);
    old.value = fresh.value = "";
    byId("password-said").textContent = "Your password is set; your other browsers are logged out.";
  }

  private async sessions(): Promise<void> {
    const answer = await request<BrowserSessions>("GET", "/api/sessions");
    const rows = [...answer.sessions].sort((one, other) => other.last_used - one.last_used);
    fill(byId("sessions"), rows.map((one) => this.sessionRow(one)), "None.", 5);
  }

  private sessionRow(one: BrowserSession): HTMLTableRowElement {
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
      cell("", ...(one.current === true ? ["this one"] : [end])),
    );
  }
}
