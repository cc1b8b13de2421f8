-- Ended tasks, known by comparisons: for an IN of four words SQLite builds a table of them at each
-- insert and update of a task, once for each index, which was a third of what such a write costs.

DROP INDEX tasks_ended;
DROP INDEX tasks_of_holder;
CREATE INDEX tasks_ended ON tasks (updated)
  WHERE state = 'completed' OR state = 'failed' OR state = 'canceled' OR state = 'rejected';
CREATE INDEX tasks_of_holder ON tasks (holder, n)
  WHERE state = 'completed' OR state = 'failed' OR state = 'canceled' OR state = 'rejected';
