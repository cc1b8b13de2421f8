-- Whose share a task uses (core.shares.holder_of), what each holder has, and what was fetched.

ALTER TABLE tasks ADD COLUMN holder TEXT NOT NULL DEFAULT '';
UPDATE tasks SET holder = CASE WHEN machine <> '' THEN machine ELSE '@' || source END;
CREATE INDEX tasks_of_holder ON tasks (holder, n)
  WHERE state IN ('completed', 'failed', 'canceled', 'rejected');

-- An idempotency key counts for whoever used it; '' is of before this schema.
ALTER TABLE repeats ADD COLUMN holder TEXT NOT NULL DEFAULT '';

-- `tasks`: not ended; `bytes`: on disk, ended ones and idempotency keys included.
CREATE TABLE shares (
  holder TEXT PRIMARY KEY, tasks INTEGER NOT NULL, bytes INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO shares
  SELECT holder, sum(state NOT IN ('completed', 'failed', 'canceled', 'rejected')),
    sum(1024 + size + coalesce(length(result), 0) + coalesce(length(error), 0))
  FROM tasks GROUP BY holder;

-- Ended tasks whose result its submitter has: the first to go when a holder must give back.
CREATE TABLE fetched (
  holder TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (holder, n)
) WITHOUT ROWID;
