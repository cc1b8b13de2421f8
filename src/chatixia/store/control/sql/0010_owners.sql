-- Owners beside the first one: the chain that makes each.
CREATE TABLE owners (
  ns TEXT NOT NULL, id TEXT NOT NULL, chain BLOB NOT NULL, since REAL NOT NULL,
  PRIMARY KEY (ns, id)
) WITHOUT ROWID;
