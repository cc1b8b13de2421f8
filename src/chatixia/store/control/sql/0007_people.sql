-- People of the hub, and their browser sessions with what is shown of them. Sessions and links of
-- before had one person without a row: that login is made anew.

CREATE TABLE people (
  id TEXT PRIMARY KEY, role TEXT NOT NULL, created REAL NOT NULL,
  password TEXT NOT NULL DEFAULT '',  -- argon2, with its parameters and salt
  subject TEXT NOT NULL DEFAULT '',   -- at the identity provider
  last_login REAL NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE UNIQUE INDEX people_subject ON people (subject) WHERE subject <> '';

DELETE FROM logins;
DELETE FROM sessions;
ALTER TABLE sessions ADD COLUMN id TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN page BLOB NOT NULL DEFAULT x'';
ALTER TABLE sessions ADD COLUMN method TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN created REAL NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN last_used REAL NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN origin TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN browser TEXT NOT NULL DEFAULT '';
CREATE UNIQUE INDEX sessions_id ON sessions (id);
CREATE INDEX sessions_person ON sessions (person, created);
