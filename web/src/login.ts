// Opening the page: by a link, by name and password, or at an identity provider. The link's secret
// stands after `#`, so no server log ever holds it; a click redeems it by POST, so that a preview that
// merely loads the link does not use it up.
import { byId, h } from "./dom.js";
import { keep, Refusal, request } from "./rest.js";
import type { LoginMethods, Role, Session } from "./wire.js";

/** Who this browser is logged in as, or null. */
async function session(): Promise<Session | null> {
  try {
    return await request<Session>("GET", "/api/session");
  } catch {
    return null;
  }
}

/** Whether the registry answers and says that this browser's login is over, or that it has another role than `role`. */
export async function outdated(role: Role): Promise<boolean> {
  try {
    return (await request<Session>("GET", "/api/session")).role !== role;
  } catch (error) {
    return error instanceof Refusal && error.status === 401;
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

/** Wait until this browser is logged in: at once by its cookie, else by the link's click or the form. */
export async function loggedIn(): Promise<Session> {
  const secret = secretOf();
  history.replaceState(null, "", location.pathname + location.search);
  const found = secret === "" ? await session() : null;
  return found ?? (await door(secret));
}

function door(secret: string): Promise<Session> {
  byId("door").hidden = false;
  return new Promise((resolve) => {
    const opened = (found: Session): void => {
      if (found.page_secret !== undefined) keep(found.page_secret);
      byId("door").hidden = true;
      resolve(found);
    };
    if (secret === "") form(opened);
    else link(secret, opened);
  });
}

function link(secret: string, opened: (found: Session) => void): void {
  const open = h("button", { type: "button", id: "open" }, "Open the hub");
  byId("door").append(open);
  open.focus();
  open.addEventListener("click", () => {
    open.disabled = true;
    request<Session>("POST", "/api/login/redeem", { secret }).then(opened, (error: unknown) => {
      const again = !(error instanceof Refusal) || error.status === 429 || error.status >= 500;
      say(refused(error));
      open.disabled = !again;
      open.hidden = !again;
    });
  });
}

/** Why the link did not open the page, and whether it may on another click. */
function refused(error: unknown): string {
  if (!(error instanceof Refusal)) return (error as Error).message;
  if (error.status === 429 || error.status >= 500) return `${error.message} The link still holds.`;
  return "This link was used already or has expired. Get a new one with: chatixia hub";
}

/** Name and password, and the identity provider where there is one. */
function form(opened: (found: Session) => void): void {
  say("You are not logged in. Log in here, or run this on the registry's machine; it opens the page with a fresh link:");
  const fields = byId("login") as HTMLFormElement;
  byId("hint").hidden = fields.hidden = false;
  const person = byId("login-person") as HTMLInputElement;
  const password = byId("login-password") as HTMLInputElement;
  const submit = byId("login-submit") as HTMLButtonElement;
  fields.addEventListener("submit", (event) => {
    event.preventDefault();
    submit.disabled = true;
    const body = { person: person.value.trim(), password: password.value };
    request<Session>("POST", "/api/login/password", body).then(opened, (error: unknown) => {
      submit.disabled = false;
      byId("login-said").textContent = (error as Error).message;
      password.value = "";
      password.focus();
    });
  });
  void request<LoginMethods>("GET", "/api/login/methods").then(
    (methods) => {
      if (methods.provider === undefined) return;
      const there = h("a", { href: "/login/provider", id: "login-provider" }, `Log in with ${methods.provider}`);
      byId("hint").before(h("p", {}, there));
    },
    () => undefined,
  );
}

function say(text: string): void {
  byId("door-text").textContent = text;
}
