-- Every statement of the store, by name; a test prepares each one. `?` where it is hot.

-- name: mark
UPDATE meta SET value = :now WHERE key = 'mark'
-- name: meta
SELECT value FROM meta WHERE key = :key
-- name: set_meta
INSERT INTO meta VALUES (:key, :value) ON CONFLICT (key) DO UPDATE SET value = excluded.value
-- name: bump_meta
UPDATE meta SET value = value + 1 WHERE key = :key RETURNING value
-- name: count
INSERT INTO counts VALUES (:ns, :state, :by)
ON CONFLICT (ns, state) DO UPDATE SET total = total + excluded.total
-- name: counts
SELECT state, total FROM counts WHERE ns = :ns
-- name: all_counts
SELECT ns, state, total FROM counts

-- name: put_event
INSERT INTO events (at, ns, kind, subject, change, body, task) VALUES (?, ?, ?, ?, ?, ?, ?)
-- name: last_event
SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'events'
-- name: events_after
SELECT id, at, ns, kind, subject, change, body FROM events WHERE id > :after ORDER BY id LIMIT :limit

-- name: remember
INSERT INTO repeats (scope, same, answer, expires, holder)
VALUES (:scope, :same, :answer, :expires, :holder) ON CONFLICT (scope) DO NOTHING
-- name: remembered
SELECT same, answer FROM repeats WHERE scope = ?
-- name: drop_repeats
DELETE FROM repeats WHERE scope IN
  (SELECT scope FROM repeats WHERE expires <= :now ORDER BY expires LIMIT :limit)
RETURNING holder

-- name: shares
SELECT holder, tasks, bytes FROM shares
-- name: move_share
INSERT INTO shares VALUES (:holder, :tasks, :bytes) ON CONFLICT (holder) DO UPDATE SET
  tasks = tasks + excluded.tasks, bytes = bytes + excluded.bytes
-- name: drop_share
DELETE FROM shares WHERE holder = ? AND tasks = 0 AND bytes = 0
-- name: fetch
INSERT OR IGNORE INTO fetched SELECT ?, ? WHERE EXISTS (SELECT 1 FROM tasks WHERE n = ?)
-- name: drop_fetched
DELETE FROM fetched WHERE holder = ? AND n = ?
-- name: oldest_fetched
SELECT {row} FROM tasks WHERE n IN (SELECT n FROM fetched WHERE holder = ? ORDER BY n LIMIT ?)
-- name: oldest_ended
SELECT {row} FROM tasks WHERE holder = ?
  AND {ended} ORDER BY n LIMIT ?
-- name: task_bytes
SELECT size + coalesce(length(result), 0) + coalesce(length(error), 0) FROM tasks WHERE n = ?

-- name: insert_task
INSERT INTO tasks ({new}) VALUES ({marks})
-- name: insert_payload
INSERT INTO payloads VALUES (?, ?)
-- name: payload
SELECT body FROM payloads WHERE n = ?
-- name: task
SELECT {row} FROM tasks WHERE id = ?
-- name: task_by_number
SELECT {row} FROM tasks WHERE n = ?
-- name: task_by_scope
SELECT id, state, same FROM tasks WHERE scope = ?
-- name: task_bodies
SELECT payload, result FROM tasks WHERE n = ?
-- name: task_key
SELECT scope, same FROM tasks WHERE n = ?
-- name: held_count
SELECT count(*) FROM tasks WHERE state = 'assigned' AND worker = ?
-- name: held_by
SELECT {row} FROM tasks WHERE state = 'assigned' AND worker = :worker ORDER BY n LIMIT :limit
-- name: held
SELECT {row} FROM tasks WHERE state = 'assigned' ORDER BY worker
-- name: paused
SELECT n, min(run_after, deadline) FROM tasks
WHERE state IN ('pending', 'input_required') AND ready = 0
-- name: queue_head
SELECT n, priority FROM tasks WHERE ready = 1 AND ns = ? AND queue = ? AND source <> ?
ORDER BY priority DESC, turn, n LIMIT 1
-- name: queue_below
SELECT n, priority FROM tasks WHERE ready = 1 AND ns = ? AND queue = ? AND source <> ?
  AND priority < ? ORDER BY priority DESC, turn, n LIMIT 1
-- name: queue_any
SELECT 1 FROM tasks WHERE ready = 1 AND ns = ? AND queue = ? LIMIT 1
-- name: queues
SELECT ns, queue, priority, holder, max(turn), min(turn) FROM tasks WHERE ready = 1
GROUP BY ns, queue, priority, holder
-- name: waiting
SELECT n, deadline FROM tasks WHERE ready = 1
-- name: grant
UPDATE tasks SET state = 'assigned', ready = 0, worker = ?, incarnation = ?, fence = fence + 1,
  deliveries = deliveries + 1, started = ?, attempt = attempt + ?, lease = ?, updated = ?
WHERE n = ? AND state = 'pending'
-- name: start
UPDATE tasks SET started = 1, attempt = attempt + 1
WHERE id = ? AND fence = ? AND state = 'assigned' AND started = 0
-- name: renew
UPDATE tasks SET lease = :lease, attempt = attempt + 1 - started, started = 1
WHERE id = :id AND worker = :worker AND ns = :ns AND fence = :fence AND state = 'assigned'
-- name: renew_all
UPDATE tasks SET lease = :lease WHERE state = 'assigned' AND worker = :worker AND ns = :ns
-- name: extend_all
UPDATE tasks SET lease = :lease, attempt = attempt + 1 - started, started = 1
WHERE state = 'assigned'
-- name: end
UPDATE tasks SET state = ?, ready = 0, fence = ?, attempt = ?, updated = ?, result = ?, error = ?
WHERE n = ?
-- name: back
UPDATE tasks SET state = 'pending', ready = ?, fence = ?, attempt = ?, started = 0, worker = '',
  incarnation = '', lease = 0, run_after = ?, turn = ?, updated = ? WHERE n = ?
-- name: make_ready
UPDATE tasks SET ready = 1, turn = ? WHERE n = ?
-- name: ended
SELECT {row} FROM tasks WHERE {ended}
  AND updated <= :before ORDER BY updated LIMIT :limit
-- name: delete_task
DELETE FROM tasks WHERE n = ?
-- name: delete_payload
DELETE FROM payloads WHERE n = ?
-- name: last_event_of_task
SELECT max(id) FROM events WHERE task = ?
-- name: delete_events
DELETE FROM events WHERE task = ?
-- name: old_events
SELECT id FROM events WHERE task IS NULL AND at <= :before ORDER BY at LIMIT :limit
-- name: delete_event
DELETE FROM events WHERE id = ?
-- name: raise_floor
UPDATE meta SET value = max(value, ?) WHERE key = 'floor'
-- name: list
SELECT {row} FROM (SELECT * FROM tasks WHERE n < :before ORDER BY n DESC LIMIT :scan)
WHERE ns = :ns AND (:state = '' OR state = :state) AND (:skill = '' OR skill = :skill)
  AND (:agent = '' OR source = :agent OR target = :agent OR worker = :agent)
  AND (:everything OR source = :me OR target = :me OR worker = :me
       OR (:machine <> '' AND machine = :machine))
ORDER BY n DESC LIMIT :limit
-- name: open_of
SELECT n FROM (SELECT * FROM tasks WHERE n > :after ORDER BY n LIMIT :scan)
WHERE state IN ('pending', 'assigned', 'input_required') AND ns = :ns
  AND (source IN (SELECT value FROM json_each(:names))
       OR machine IN (SELECT value FROM json_each(:parties))
       OR target IN (SELECT value FROM json_each(:names))
       OR worker IN (SELECT value FROM json_each(:names)))
ORDER BY n
-- name: scanned_up
SELECT n FROM tasks WHERE n > :after ORDER BY n LIMIT 1 OFFSET :scan - 1
-- name: list_by_id
SELECT {row} FROM tasks WHERE id >= :id AND id < :id || '~' AND n < :before
  AND ns = :ns AND (:state = '' OR state = :state) AND (:skill = '' OR skill = :skill)
  AND (:agent = '' OR source = :agent OR target = :agent OR worker = :agent)
  AND (:everything OR source = :me OR target = :me OR worker = :me
       OR (:machine <> '' AND machine = :machine))
ORDER BY n DESC LIMIT :limit
-- name: waiting_for
WITH RECURSIVE addressed(queue) AS (
  SELECT min(queue) FROM tasks WHERE ns = :ns AND ready = 1 AND queue > '@' AND queue < 'A'
  UNION ALL
  SELECT (SELECT min(queue) FROM tasks
          WHERE ns = :ns AND ready = 1 AND queue > addressed.queue AND queue < 'A')
  FROM addressed WHERE addressed.queue IS NOT NULL LIMIT :limit)
SELECT substr(queue, 2), (SELECT count(*) FROM (
  SELECT 1 FROM tasks AS t WHERE t.ns = :ns AND t.ready = 1 AND t.queue = addressed.queue LIMIT 1000))
FROM addressed WHERE queue IS NOT NULL
-- name: scanned
SELECT n FROM tasks WHERE n < :before ORDER BY n DESC LIMIT 1 OFFSET :scan - 1

-- name: put_member
INSERT INTO members VALUES (:ns, :id, :kind, :serial, :key, :chain, :machine, :issued_by,
  :hostname, :not_after, :ephemeral, :since)
ON CONFLICT (ns, id) DO UPDATE SET kind = excluded.kind, serial = excluded.serial,
  key = excluded.key, chain = excluded.chain, machine = excluded.machine,
  issued_by = excluded.issued_by, hostname = excluded.hostname, not_after = excluded.not_after,
  ephemeral = excluded.ephemeral
-- name: member
SELECT ns, id, kind, serial, key, chain, machine, issued_by, hostname, not_after, ephemeral, since
FROM members WHERE ns = :ns AND id = :id
-- name: members
SELECT ns, id, kind, serial, key, chain, machine, issued_by, hostname, not_after, ephemeral, since
FROM members WHERE ns = :ns AND id > :after ORDER BY id LIMIT :limit
-- name: known_name
SELECT 1 FROM members WHERE ns = :ns AND id = :name
UNION ALL SELECT 1 FROM api_keys WHERE ns = :ns AND name = :name AND NOT revoked
  AND (not_after = 0 OR not_after > :now) LIMIT 1
-- name: remove_member
DELETE FROM members WHERE ns = :ns AND id = :id
-- name: standing
SELECT serial, revoked FROM standings WHERE ns = :ns AND id = :id
-- name: put_standing
INSERT INTO standings VALUES (:ns, :id, :serial, :revoked)
ON CONFLICT (ns, id) DO UPDATE SET serial = max(serial, excluded.serial),
  revoked = max(revoked, excluded.revoked)
-- name: put_invitation
INSERT INTO invitations (key, ns, names, chain, redeem_by, reusable, ephemeral, created, most)
VALUES (:key, :ns, :names, :chain, :redeem_by, :reusable, :ephemeral, :created, :most)
ON CONFLICT (key) DO NOTHING
-- name: invitation
SELECT key, ns, names, chain, redeem_by, reusable, ephemeral, created, redeemed_at, joined,
  joined_key, joined_from, most, joins FROM invitations WHERE key = :key
-- name: redeem
UPDATE invitations SET redeemed_at = :now, joined = :joined, joined_key = :joined_key,
  joined_from = :joined_from, joins = joins + 1 WHERE key = :key
-- name: withdraw
UPDATE invitations SET redeem_by = 0 WHERE ns = :ns AND names = :names
  AND (reusable OR redeemed_at = 0) AND redeem_by >= :now RETURNING key
-- name: put_key
INSERT INTO api_keys (id, ns, name, digest, created, not_after)
VALUES (:id, :ns, :name, :digest, :created, :not_after)
-- name: key_by_name
SELECT 1 FROM api_keys WHERE ns = :ns AND name = :name AND NOT revoked
  AND (not_after = 0 OR not_after > :now)
-- name: key_lives
SELECT 1 FROM api_keys WHERE ns = :ns AND name = :name AND NOT revoked AND created <= :made
  AND (not_after = 0 OR not_after > :now)
-- name: key_by_digest
SELECT id, ns, name, digest, created, not_after, last_used, revoked FROM api_keys
WHERE digest = :digest AND NOT revoked AND (not_after = 0 OR not_after > :now)
-- name: key
SELECT id, ns, name, digest, created, not_after, last_used, revoked FROM api_keys
WHERE ns = :ns AND id = :id
-- name: keys
SELECT id, ns, name, digest, created, not_after, last_used, revoked FROM api_keys
WHERE ns = :ns AND (:after = '' OR n < (SELECT n FROM api_keys WHERE ns = :ns AND id = :after))
ORDER BY n DESC LIMIT :limit
-- name: revoke_key
UPDATE api_keys SET revoked = 1 WHERE ns = :ns AND id = :id
-- name: touch_key
UPDATE api_keys SET last_used = :now WHERE id = :id
-- name: put_epoch
INSERT INTO epochs VALUES (:ns, :agent, :epoch, :incarnation, :at)
ON CONFLICT (ns, agent) DO UPDATE SET epoch = excluded.epoch, incarnation = excluded.incarnation,
  at = excluded.at
-- name: drop_epochs
DELETE FROM epochs WHERE at <= :before AND agent LIKE '%~%'
-- name: ended_members
SELECT ns, id FROM members WHERE ephemeral AND not_after > 0 AND not_after < :now LIMIT :limit
-- name: drop_epoch
DELETE FROM epochs WHERE ns = :ns AND agent = :id
-- name: drop_standing
DELETE FROM standings WHERE ns = :ns AND id = :id AND revoked < 0
-- name: put_owner
INSERT INTO owners VALUES (:ns, :id, :chain, :since) ON CONFLICT (ns, id) DO NOTHING
-- name: owner
SELECT ns, id, chain, since FROM owners WHERE ns = :ns AND id = :id
-- name: owners
SELECT ns, id, chain, since FROM owners WHERE ns = :ns ORDER BY since, id LIMIT :limit
-- name: put_revocation
INSERT INTO revocations VALUES (:version, :ns, :id, :serial, :statement, :signer, :at)
-- name: revocation
SELECT version, ns, id, serial, statement, signer, at FROM revocations
WHERE ns = :ns AND id = :id AND serial = :serial
-- name: last_revocation
SELECT coalesce(max(version), 0) FROM revocations
-- name: revocations
SELECT version, ns, id, serial, statement, signer, at FROM revocations
WHERE version > :after ORDER BY version LIMIT :limit
-- name: note_failure
INSERT INTO failures VALUES (:at, :kind)
-- name: failures
SELECT count(*) FROM failures WHERE kind = :kind AND at > :since
-- name: drop_failures
DELETE FROM failures WHERE at <= :before
-- name: put_login
INSERT INTO logins VALUES (:digest, :person, :role, :ns, :expires)
-- name: login
SELECT person FROM logins WHERE digest = :digest AND expires > :now
-- name: take_login
DELETE FROM logins WHERE digest = :digest RETURNING person, role, ns, expires
-- name: drop_logins
DELETE FROM logins WHERE expires <= :now
-- name: drop_logins_of
DELETE FROM logins WHERE person = :person
-- name: put_person
INSERT INTO people (id, role, created, subject) VALUES (:id, :role, :now, :subject)
-- name: person
SELECT id, role, created, password, subject, last_login, 0 FROM people WHERE id = :id
-- name: person_by_subject
SELECT id FROM people WHERE subject = :subject
-- name: people
SELECT id, role, created, password, subject, last_login,
  (SELECT count(*) FROM sessions WHERE person = people.id AND expires > :now)
FROM people WHERE id > :after ORDER BY id LIMIT :limit
-- name: count_people
SELECT count(*) FROM people
-- name: set_role
UPDATE people SET role = :role WHERE id = :id
-- name: set_password
UPDATE people SET password = :password WHERE id = :id
-- name: logged_in
UPDATE people SET last_login = :now WHERE id = :id
-- name: remove_person
DELETE FROM people WHERE id = :id
-- name: put_session
INSERT INTO sessions (digest, person, role, ns, expires, id, page, method, created, last_used,
  origin, browser) VALUES (:digest, :person, :role, :ns, :expires, :id, :page, :method, :created,
  :last_used, :origin, :browser)
-- name: session
SELECT {session} FROM sessions s JOIN people p ON p.id = s.person
WHERE s.digest = :digest AND s.expires > :now
-- name: sessions
SELECT {session} FROM sessions s JOIN people p ON p.id = s.person
WHERE s.id > :after AND s.expires > :now ORDER BY s.id LIMIT :limit
-- name: sessions_of
SELECT {session} FROM sessions s JOIN people p ON p.id = s.person
WHERE s.person = :person AND s.id > :after AND s.expires > :now ORDER BY s.id LIMIT :limit
-- name: touch_session
UPDATE sessions SET last_used = :now WHERE id = :id
-- name: end_session
DELETE FROM sessions WHERE id = :id AND (:person = '' OR person = :person) RETURNING person
-- name: end_sessions
DELETE FROM sessions WHERE person = :person AND id <> :keep
-- name: trim_sessions_of
DELETE FROM sessions WHERE digest IN (SELECT digest FROM sessions WHERE person = :person
  ORDER BY created DESC LIMIT -1 OFFSET :keep)
-- name: trim_sessions
DELETE FROM sessions WHERE (SELECT count(*) FROM sessions) > :keep
  AND digest = (SELECT digest FROM sessions ORDER BY last_used LIMIT 1)
-- name: drop_sessions
DELETE FROM sessions WHERE expires <= :now

-- name: put_audit
INSERT INTO audit (n, at, actor, kind, act, target, origin, detail, hash)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
-- name: audit_first
SELECT n, at, hash FROM audit ORDER BY n LIMIT :limit
-- name: drop_audit
DELETE FROM audit WHERE n <= :n
-- name: put_code
INSERT INTO codes VALUES (:digest, :ns, :inviter, :expires) ON CONFLICT (digest) DO NOTHING
-- name: count_codes
SELECT count(*) FROM codes WHERE ns = :ns
-- name: code
SELECT inviter FROM codes WHERE digest = :digest AND ns = :ns AND expires > :now
-- name: take_code
DELETE FROM codes WHERE digest = :digest
-- name: drop_codes
DELETE FROM codes WHERE expires <= :now
-- name: nth_failure
SELECT at FROM failures WHERE kind = :kind AND at > :since ORDER BY at DESC LIMIT 1 OFFSET :n
-- name: put_pairing
INSERT INTO pairings (id, ns, name, sign, seal, state, created, expires, hostname, address, inviter)
VALUES (:id, :ns, :name, :sign, :seal, :state, :created, :expires, :hostname, :address, :inviter)
-- name: pairing
SELECT {pairing} FROM pairings WHERE id = :id
-- name: pairing_of_key
SELECT {pairing} FROM pairings WHERE sign = :sign AND ns = :ns
  AND (state = 'approved' OR (state = 'pending_approval' AND expires > :now))
-- name: pending_name
SELECT 1 FROM pairings WHERE ns = :ns AND state = 'pending_approval' AND name = :name
  AND expires > :now
-- name: count_pending
SELECT count(*) FROM pairings WHERE ns = :ns AND state = 'pending_approval' AND expires > :now
-- name: pairings
SELECT {pairing} FROM pairings WHERE ns = :ns AND state = :state AND n > :after
  AND (:name = '' OR name = :name) AND (state <> 'pending_approval' OR expires > :now)
ORDER BY n LIMIT :limit
-- name: end_pairing
UPDATE pairings SET state = :state, chain = :chain, ended = :now WHERE id = :id
-- name: expire_pairings
UPDATE pairings SET state = 'expired', ended = expires
WHERE state = 'pending_approval' AND expires <= :now
-- name: drop_pairings
DELETE FROM pairings WHERE state <> 'pending_approval' AND ended <= :before
-- name: count_codes_of
SELECT count(*) FROM codes WHERE ns = :ns AND inviter = :inviter
-- name: put_device
INSERT INTO devices (id, ns, agent_name, peer_id, state, inviter, address, created, updated)
VALUES (:id, :ns, :agent_name, :peer_id, 'pending_approval', :inviter, :address, :now, :now)
-- name: drop_devices
DELETE FROM devices WHERE (state = 'pending_approval' AND created <= :pending)
  OR (state <> 'pending_approval' AND updated <= :ended AND NOT EXISTS (
    SELECT 1 FROM api_keys k WHERE k.ns = devices.ns AND k.id = devices.key AND NOT k.revoked))
-- name: count_devices
SELECT count(*) FROM devices WHERE ns = :ns AND state = 'pending_approval'
-- name: device_peer
SELECT 1 FROM devices WHERE ns = :ns AND peer_id = :peer_id
UNION ALL SELECT 1 FROM api_keys WHERE ns = :ns AND name = :peer_id LIMIT 1
-- name: end_device
UPDATE devices SET state = :state, key = :key, updated = :now WHERE id = :id
-- name: end_device_of_key
UPDATE devices SET updated = :now WHERE ns = :ns AND key = :id
-- name: device
SELECT {device} FROM devices d LEFT JOIN api_keys k ON k.ns = d.ns AND k.id = d.key
WHERE d.id = :id
-- name: devices
SELECT {device} FROM devices d LEFT JOIN api_keys k ON k.ns = d.ns AND k.id = d.key
WHERE d.ns = :ns AND (:state = '' OR d.state = :state) AND d.n > :after ORDER BY d.n LIMIT :limit
