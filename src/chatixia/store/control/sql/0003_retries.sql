-- The ended task that this one does again; empty for all others.

ALTER TABLE tasks ADD COLUMN retry_of TEXT NOT NULL DEFAULT '';
