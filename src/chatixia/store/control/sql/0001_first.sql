-- The registry's first schema. Migrations only add; each file runs once, in order of its number.
-- Times are store seconds (REAL). Text ids compare as bytes. `n` is a task's age: lower is older.

CREATE TABLE meta (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES ('mark', 0.0), ('epoch', 0), ('floor', 0), ('revocation', 0);

CREATE TABLE tasks (
  n INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  ns TEXT NOT NULL,
  state TEXT NOT NULL,
  skill TEXT NOT NULL,
  target TEXT NOT NULL,
  source TEXT NOT NULL,
  machine TEXT NOT NULL,              -- of the submitter
  worker TEXT NOT NULL DEFAULT '',
  incarnation TEXT NOT NULL DEFAULT '',
  queue TEXT NOT NULL,                -- '@target' or the skill
  priority INTEGER NOT NULL,
  turn INTEGER NOT NULL,              -- place among submitters of one queue and priority
  ready INTEGER NOT NULL,             -- claimable now
  attempt INTEGER NOT NULL DEFAULT 0,
  max_attempts INTEGER NOT NULL,
  deliveries INTEGER NOT NULL DEFAULT 0,
  started INTEGER NOT NULL DEFAULT 0,
  fence INTEGER NOT NULL DEFAULT 0,
  created REAL NOT NULL,
  updated REAL NOT NULL,
  run_after REAL NOT NULL DEFAULT 0,
  deadline REAL NOT NULL,
  lease REAL NOT NULL DEFAULT 0,
  ttl REAL NOT NULL,
  idempotent INTEGER NOT NULL,
  path TEXT NOT NULL,
  traceparent TEXT NOT NULL,
  size INTEGER NOT NULL,
  scope BLOB NOT NULL UNIQUE,         -- the submit's idempotency key, hashed with its scope
  same BLOB NOT NULL,                 -- what a repeat must agree on
  error BLOB,
  payload BLOB,                       -- NULL: in payloads
  result BLOB
);
CREATE INDEX tasks_ready ON tasks (ns, queue, priority DESC, turn, n, source) WHERE ready = 1;
CREATE INDEX tasks_held ON tasks (worker) WHERE state = 'assigned';
CREATE INDEX tasks_paused ON tasks (n) WHERE state IN ('pending', 'input_required') AND ready = 0;
CREATE INDEX tasks_ended ON tasks (updated)
  WHERE state IN ('completed', 'failed', 'canceled', 'rejected');

-- Large payloads stand apart, so that a change of state does not rewrite them.
CREATE TABLE payloads (n INTEGER PRIMARY KEY, body BLOB NOT NULL);

CREATE TABLE counts (
  ns TEXT NOT NULL, state TEXT NOT NULL, total INTEGER NOT NULL, PRIMARY KEY (ns, state)
) WITHOUT ROWID;

-- Other idempotency keys: of claims, of failures that are tried again, of tasks whose row is gone.
CREATE TABLE repeats (
  scope BLOB PRIMARY KEY, same BLOB NOT NULL, answer BLOB NOT NULL, expires REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX repeats_expires ON repeats (expires);

CREATE TABLE events (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at REAL NOT NULL,
  ns TEXT NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  change TEXT NOT NULL,
  body BLOB NOT NULL,
  task INTEGER                        -- goes with that task
);
CREATE INDEX events_task ON events (task) WHERE task IS NOT NULL;
CREATE INDEX events_other ON events (at) WHERE task IS NULL;

CREATE TABLE members (
  ns TEXT NOT NULL, id TEXT NOT NULL, kind TEXT NOT NULL, serial INTEGER NOT NULL,
  key TEXT NOT NULL, chain BLOB NOT NULL, machine TEXT NOT NULL, issued_by TEXT NOT NULL,
  hostname TEXT NOT NULL, not_after REAL NOT NULL, ephemeral INTEGER NOT NULL, since REAL NOT NULL,
  PRIMARY KEY (ns, id)
) WITHOUT ROWID;

-- Outlives the member: the highest serial and the highest revoked one of an id.
CREATE TABLE standings (
  ns TEXT NOT NULL, id TEXT NOT NULL, serial INTEGER NOT NULL, revoked INTEGER NOT NULL,
  PRIMARY KEY (ns, id)
) WITHOUT ROWID;

CREATE TABLE invitations (
  key TEXT PRIMARY KEY, ns TEXT NOT NULL, names TEXT NOT NULL, chain BLOB NOT NULL,
  redeem_by REAL NOT NULL, reusable INTEGER NOT NULL, ephemeral INTEGER NOT NULL,
  created REAL NOT NULL, redeemed_at REAL NOT NULL DEFAULT 0, joined TEXT NOT NULL DEFAULT '',
  joined_key TEXT NOT NULL DEFAULT '', joined_from TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;

CREATE TABLE api_keys (
  n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, ns TEXT NOT NULL,
  name TEXT NOT NULL, digest BLOB NOT NULL UNIQUE, created REAL NOT NULL, not_after REAL NOT NULL,
  last_used REAL NOT NULL DEFAULT 0, revoked INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE revocations (
  version INTEGER PRIMARY KEY, ns TEXT NOT NULL, id TEXT NOT NULL, serial INTEGER NOT NULL,
  statement BLOB NOT NULL, signer BLOB NOT NULL, at REAL NOT NULL, UNIQUE (ns, id, serial)
);

CREATE TABLE epochs (
  ns TEXT NOT NULL, agent TEXT NOT NULL, epoch INTEGER NOT NULL, incarnation TEXT NOT NULL,
  at REAL NOT NULL, PRIMARY KEY (ns, agent)
) WITHOUT ROWID;

CREATE TABLE failures (at REAL NOT NULL, kind TEXT NOT NULL);
CREATE INDEX failures_kind ON failures (kind, at);

CREATE TABLE logins (
  digest BLOB PRIMARY KEY, person TEXT NOT NULL, role TEXT NOT NULL, ns TEXT NOT NULL,
  expires REAL NOT NULL
) WITHOUT ROWID;

CREATE TABLE sessions (
  digest BLOB PRIMARY KEY, person TEXT NOT NULL, role TEXT NOT NULL, ns TEXT NOT NULL,
  expires REAL NOT NULL
) WITHOUT ROWID;
