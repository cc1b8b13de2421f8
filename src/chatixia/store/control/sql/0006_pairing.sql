-- Joining by a code: the codes that are good (HMAC under a key that is not here), and who waits.

CREATE TABLE codes (
  digest BLOB PRIMARY KEY, ns TEXT NOT NULL, inviter TEXT NOT NULL, expires REAL NOT NULL
) WITHOUT ROWID;

CREATE TABLE pairings (
  n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, ns TEXT NOT NULL,
  name TEXT NOT NULL, sign BLOB NOT NULL, seal BLOB NOT NULL, state TEXT NOT NULL,
  created REAL NOT NULL, expires REAL NOT NULL, hostname TEXT NOT NULL, address TEXT NOT NULL,
  inviter TEXT NOT NULL, chain BLOB NOT NULL DEFAULT X'5B5D', ended REAL NOT NULL DEFAULT 0
);
CREATE INDEX pairings_state ON pairings (ns, state, n);
CREATE INDEX pairings_key ON pairings (sign);
CREATE INDEX failures_at ON failures (at);
