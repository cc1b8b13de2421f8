-- Agents of the described contract that asked to join by a code; a token of one is an API key.

CREATE TABLE devices (
  n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, ns TEXT NOT NULL,
  agent_name TEXT NOT NULL, peer_id TEXT NOT NULL, state TEXT NOT NULL, key TEXT NOT NULL DEFAULT '',
  inviter TEXT NOT NULL, address TEXT NOT NULL, created REAL NOT NULL, updated REAL NOT NULL
);
CREATE INDEX devices_state ON devices (ns, state, n);
CREATE INDEX devices_peer ON devices (ns, peer_id);
