// Requests of the page, each with its second secret. Cookies ignore ports, so on loopback any other
// program's port is sent our cookie; this secret stands where no other origin reads, and is sent as a
// header, or beside a WebSocket as a subprotocol. It also keeps other sites from writing.
const KEPT = "chatixia";
const HEADER = "X-Chatixia";

/** A refusal of the registry, in its own sentence. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    sentence: string,
  ) {
    super(sentence);
  }
}

/** The registry does not answer at all. */
export class Unreachable extends Error {
  constructor() {
    super("The registry does not answer. Start it with: chatixia up");
  }
}

export function keep(secret: string): void {
  sessionStorage.setItem(KEPT, secret);
}

export function forget(): void {
  sessionStorage.removeItem(KEPT);
}

function kept(): string {
  return sessionStorage.getItem(KEPT) ?? "";
}

/** What a WebSocket of this page says beside its cookie. */
export function subprotocols(): string[] {
  return ["chatixia", ...(kept() === "" ? [] : [`page.${kept()}`])];
}

/** A route's answer. Throws Refusal and Unreachable. */
export async function request<Reply>(method: string, path: string, body?: object): Promise<Reply> {
  const headers: Record<string, string> = { [HEADER]: kept() === "" ? "1" : kept() };
  const init: RequestInit = { method, headers };
  if (body !== undefined) {
    headers["Content-Type"] = "application/json";
    init.body = JSON.stringify(body);
  }
  let answer: Response;
  try {
    answer = await fetch(path, init);
  } catch {
    throw new Unreachable();
  }
  const said: unknown = await answer.json().catch(() => ({}));
  if (answer.ok) return said as Reply;
  const problem = said as { code?: string; detail?: string };
  throw new Refusal(answer.status, problem.code ?? "", problem.detail ?? "The registry refused this.");
}
