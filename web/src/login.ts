// Opening the page: the link's secret stands after `#`, so no server log ever holds it; a click
// redeems it by POST, so that a preview that merely loads the link does not use it up.
import { byId, h } from "./dom.js";
import type { Session } from "./wire.js";

/** Who this browser is logged in as, or null. */
async function session(): Promise<Session | null> {
  const answer = await fetch("/api/session", { headers: { "X-Chatixia": "1" } });
  return answer.ok ? ((await answer.json()) as Session) : null;
}

/** Whether the registry answers and says that this browser's login is over. */
export async function ended(): Promise<boolean> {
  try {
    const answer = await fetch("/api/session", { headers: { "X-Chatixia": "1" } });
    return answer.status === 401;
  } catch {
    return false;
  }
}

/** The secret after `#`, if there is one: a link within the page stands there too. */
function secretOf(): string {
  const hash = location.hash.slice(1);
  return hash !== "" && document.getElementById(hash) === null ? hash : "";
}

/** A fresh link that is put into this very tab changes the part after `#` alone: open it too. */
export function watchLinks(): void {
  window.addEventListener("hashchange", () => {
    if (secretOf() !== "") location.reload();
  });
}

/** Wait until this browser is logged in: at once by its cookie, else by the link's click. */
export async function loggedIn(): Promise<Session> {
  const secret = secretOf();
  history.replaceState(null, "", location.pathname + location.search);
  const found = secret === "" ? await session() : null;
  return found ?? (await door(secret));
}

function door(secret: string): Promise<Session> {
  const panel = byId("door");
  panel.hidden = false;
  if (secret === "") {
    say("You are not logged in. Run this on the registry's machine; it opens the page with a fresh link:");
    panel.append(h("p", {}, h("code", {}, "chatixia hub")));
    return new Promise(() => undefined); // the link opens a new page
  }
  const open = h("button", { type: "button", id: "open" }, "Open the hub");
  panel.append(open);
  open.focus();
  return new Promise((resolve) => {
    open.addEventListener("click", () => {
      open.disabled = true;
      void redeem(secret).then((found) => {
        if (found instanceof Refused) {
          say(found.text);
          open.disabled = !found.again;
          open.hidden = !found.again;
        } else {
          panel.hidden = true;
          resolve(found);
        }
      });
    });
  });
}

/** Why the link did not open the page, and whether it may on another click. */
class Refused {
  constructor(
    readonly text: string,
    readonly again = false,
  ) {}
}

async function redeem(secret: string): Promise<Session | Refused> {
  try {
    const answer = await fetch("/api/login/redeem", {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Chatixia": "1" },
      body: JSON.stringify({ secret }),
    });
    if (answer.ok) return (await answer.json()) as Session;
    if (answer.status === 429 || answer.status >= 500) {
      const { detail } = (await answer.json()) as { detail: string };
      return new Refused(`${detail} The link still holds.`, true);
    }
    return new Refused("This link was used already or has expired. Get a new one with: chatixia hub");
  } catch {
    return new Refused("The registry does not answer. Start it with: chatixia up");
  }
}

function say(text: string): void {
  byId("door-text").textContent = text;
}
