// The words of the registry's WebSocket that this page reads and writes (docs/protocol.md).
// Fields that hold their default are left out on the wire, hence the many question marks.

export type Health = "active" | "stale" | "offline";

export interface SkillInfo {
  name: string;
  description?: string;
}

export interface AgentRecord {
  agent_id: string;
  hostname?: string;
  machine?: string;
  description?: string;
  health?: Health;
  trust?: string;
  key?: string;
  skills?: SkillInfo[];
  waiting?: number;
}

/** A machine that asked to join with a code. */
export interface Pairing {
  id: string;
  name: string;
  hostname?: string;
  address?: string;
  key?: string;
  delegated?: boolean;
  member?: boolean;
}

export interface Pairings {
  pairings: Pairing[];
  next?: string;
  resting?: number;
}

/** A described agent that asked to join with a code: it has no key. */
export interface DescribedAgent {
  id: string;
  peer_id: string;
  agent_name?: string;
}

/** What an owner lets the registry sign. */
export interface Delegation {
  names?: string[];
  roles?: string[];
  not_after?: number;
}

export interface Edge {
  from_peer: string;
  to_peer: string;
  tier?: string;
  rtt_ms?: number | null;
  bytes?: number;
  engine?: string;
  confirmed?: boolean;
}

export type State =
  | "pending"
  | "assigned"
  | "completed"
  | "failed"
  | "input_required"
  | "canceled"
  | "rejected";

export interface Task {
  id: string;
  state: State;
  skill?: string;
  target_agent_id?: string;
  source_agent_id?: string;
  assigned_agent_id?: string;
  attempt?: number;
  created_at?: number;
  updated_at?: number;
  progress?: number | null;
  note?: string;
  sealed?: boolean;
  error?: { code: string; message?: string };
}


export interface Agents {
  agents: AgentRecord[];
  next?: string;
}

export interface Topology {
  mesh_edges: Edge[];
}

export interface Tasks {
  tasks: Task[];
  next?: string;
  counts?: Partial<Record<State, number>>;
}

export interface Status {
  mesh: string;
  version: string;
  now: number;
  agents?: number;
  links?: number;
  tasks?: Partial<Record<State, number>>;
  trouble?: string;
  detail?: string;
}

export type Role = "viewer" | "operator" | "admin";

export interface Session {
  person: string;
  role: Role;
  page_secret?: string;
  method?: string;
}

export interface Person {
  id: string;
  role: Role;
  created?: number;
  last_login?: number;
  password?: boolean;
  provider?: boolean;
  sessions?: number;
}

export interface People {
  people: Person[];
  next?: string;
}

export interface PersonLink {
  id: string;
  secret: string;
  expires_in: number;
}

export interface BrowserSession {
  id: string;
  person: string;
  last_used: number;
  origin?: string;
  browser?: string;
  method?: string;
  current?: boolean;
}

export interface BrowserSessions {
  sessions: BrowserSession[];
  next?: string;
}

export interface LoginMethods {
  provider?: string;
}

export interface EventFrame {
  type: "event";
  kind: string;
  id: string;
  change: string;
}

interface ResultFrame {
  type: "result";
  id: string;
  body?: unknown;
}

interface ErrorFrame {
  type: "error";
  code: string;
  message?: string;
  ref?: string;
}

export type Frame = ResultFrame | ErrorFrame | EventFrame | { type: "other" };

/** One frame of the registry; anything this page has no use for becomes `other`. */
export function read(text: string): Frame {
  const found: unknown = JSON.parse(text);
  if (typeof found !== "object" || found === null || !("type" in found)) return { type: "other" };
  const known = found.type === "result" || found.type === "error" || found.type === "event";
  return known ? (found as Frame) : { type: "other" };
}
