-- Pages of long lists: whose acts, which acts, whom they concern; how many browsers of a person.

CREATE INDEX audit_actor ON audit (actor, n);
CREATE INDEX audit_act ON audit (act, n);
CREATE INDEX audit_target ON audit (target, n);
CREATE INDEX sessions_living ON sessions (person, expires);
