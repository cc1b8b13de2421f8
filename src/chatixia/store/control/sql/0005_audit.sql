-- The audit log: lines are only added, each with a hash over the one before it, and dropped from the
-- oldest on when their time is over. `meta` keeps the newest line and the newest dropped one.

CREATE TABLE audit (
  n INTEGER PRIMARY KEY, at INTEGER NOT NULL, actor TEXT NOT NULL, kind TEXT NOT NULL,
  act TEXT NOT NULL, target TEXT NOT NULL, origin TEXT NOT NULL, detail TEXT NOT NULL,
  hash TEXT NOT NULL
);
CREATE TRIGGER audit_stands BEFORE UPDATE ON audit BEGIN
  SELECT RAISE(ABORT, 'a line of the audit log is never changed');
END;
CREATE TRIGGER audit_stays BEFORE DELETE ON audit
WHEN old.n > (SELECT value FROM meta WHERE key = 'audit_floor') BEGIN
  SELECT RAISE(ABORT, 'a line of the audit log is never taken out');
END;
INSERT INTO meta VALUES ('audit_head', 0), ('audit_head_hash', ''), ('audit_floor', 0),
  ('audit_floor_hash', '');
