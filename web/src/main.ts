// The hub's first page: who is there, how they are connected, what work is queued, live.
import { byId } from "./dom.js";
import { loggedIn, outdated, watchLinks } from "./login.js";
import { PeoplePart } from "./people.js";
import { Socket } from "./socket.js";
import { WaitingPart } from "./waiting.js";
import { showAgents, showCounts, showLinks, showShare, showStatus, showTasks, showTrouble } from "./views.js";
import type { AgentRecord, Agents, Session, Status, Tasks, Topology } from "./wire.js";

const PAGES = 10; // of 200 agents
const TOGETHER = 150; // events within this many ms cause one request
const BREATH = 5_000; // links report every 5 s; ages on the page move with them

class Hub {
  private readonly socket: Socket;
  private readonly due = new Map<string, number>();
  private readonly people: PeoplePart;
  private readonly waiting: WaitingPart;

  constructor(private readonly person: Session) {
    this.people = new PeoplePart(person, (work) => this.tell(work));
    this.waiting = new WaitingPart((work) => this.tell(work));
    this.socket = new Socket({
      opened: () => this.opened(),
      closed: () => this.closed(),
      event: (frame) => this.changed(frame.kind),
    });
    byId("state").addEventListener("change", () => this.filtered());
    window.setInterval(() => ["link", "task", "agent"].forEach((kind) => this.changed(kind)), BREATH);
  }

  start(): void {
    (byId("state") as HTMLSelectElement).value = new URLSearchParams(location.search).get("state") ?? "";
    byId("page").hidden = false;
    this.people.start();
    if (this.person.role === "admin") this.waiting.start();
    this.socket.connect();
  }

  private opened(): void {
    this.connected(true);
    // Watch first, then read: what changes between the two is read once too often, never missed.
    void this.tell(this.socket.ask("watch"));
    ["agent", "link", "task", "person", "pairing"].forEach((kind) => this.changed(kind));
    this.judge();
  }

  private closed(): void {
    this.connected(false);
    this.judge();
  }

  /** A login that is over gets the door, another role the page of that role. */
  private judge(): void {
    void outdated(this.person.role).then((yes) => yes && location.reload());
  }

  private connected(yes: boolean): void {
    byId("lost").hidden = yes;
  }

  private changed(kind: string): void {
    if (this.due.has(kind)) return;
    const read = {
      agent: () => this.agents(),
      link: () => this.links(),
      task: () => this.tasks(),
      person: () => Promise.resolve(this.people.refresh()),
      pairing: () => Promise.resolve(this.asked()),
      delegation: () => Promise.resolve(this.asked()),
    }[kind];
    if (read === undefined) return;
    const timer = window.setTimeout(() => {
      this.due.delete(kind);
      void this.tell(read());
    }, TOGETHER);
    this.due.set(kind, timer);
  }

  private asked(): void {
    if (this.person.role === "admin") this.waiting.refresh();
  }

  private async agents(): Promise<void> {
    const found: AgentRecord[] = [];
    for (let page = 0, cursor = ""; page < PAGES; page++) {
      const answer = await this.socket.ask<Agents>("agents.list", cursor === "" ? {} : { cursor });
      found.push(...answer.agents);
      cursor = answer.next ?? "";
      if (cursor === "") break;
    }
    showAgents(found);
  }

  private async links(): Promise<void> {
    showLinks((await this.socket.ask<Topology>("topology")).mesh_edges);
  }

  private async tasks(): Promise<void> {
    const state = (byId("state") as HTMLSelectElement).value;
    const [status, page] = await Promise.all([
      this.status(),
      this.socket.ask<Tasks>("tasks.list", state === "" ? {} : { state }),
    ]);
    const may = this.person.role === "admin" || this.person.role === "operator";
    showStatus(status);
    showCounts(status.tasks ?? {});
    showShare(page.tasks.length, status.tasks ?? {}, state);
    showTasks(page.tasks, status.now, may ? (id) => this.cancel(id) : null);
  }

  /** Agents and links are still answered by a registry that has lost its store; this is not. */
  private async status(): Promise<Status> {
    try {
      return await this.socket.ask<Status>("status");
    } catch (error) {
      showTrouble(sentence(error));
      throw error;
    }
  }

  private cancel(id: string): void {
    const done = this.socket.ask("tasks.cancel", { task_id: id, reason: "canceled in the hub" });
    void this.tell(done).then(() => this.changed("task"));
  }

  private filtered(): void {
    const state = (byId("state") as HTMLSelectElement).value;
    history.replaceState(null, "", location.pathname + (state === "" ? "" : `?state=${state}`));
    this.changed("task");
  }

  /** Say what went wrong; the next answer that goes well takes the sentence away again. */
  private async tell(work: Promise<unknown>): Promise<void> {
    const place = byId("said");
    try {
      await work;
      place.textContent = "";
    } catch (error) {
      place.textContent = sentence(error);
    }
  }
}

function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

watchLinks();
void loggedIn().then((person) => new Hub(person).start());
