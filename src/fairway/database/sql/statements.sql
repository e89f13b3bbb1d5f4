-- Every statement by name. %s is a value, %l a list of values, %r rows of values; what stands
-- in braces is the name of a table, or a word that differs between databases.
-- All transactions lock channels before nodes, and each of them in order of name.

-- begin
{begin};

-- commit
COMMIT;

-- now
SELECT {now};

-- lock_channels
SELECT name, first_id, last_id, queued, due, used, sent, filled
FROM {channels} WHERE name IN %l ORDER BY name FOR UPDATE;

-- lock_nodes
SELECT id, born, last_id, read_id, lease, kept, known, sent, filled, grouped
FROM {nodes} WHERE id IN %l ORDER BY id FOR UPDATE;

-- lock_nodes_of
SELECT id, born, last_id, read_id, lease, kept, known, sent, filled, grouped
FROM {nodes} WHERE id IN (
    SELECT node FROM {wants} WHERE channel IN %l
    UNION SELECT node FROM {group_nodes} WHERE grp IN %l
) OR id IN %l ORDER BY id FOR UPDATE;

-- wants
SELECT channel, node, credit FROM {wants} WHERE channel IN %l;

-- group_nodes
SELECT grp, node, turn FROM {group_nodes} WHERE grp IN %l;

-- normal_members
SELECT grp, channel FROM {members} WHERE grp IN %l AND node = '' AND ends > {now};

-- counts
SELECT field, node, n FROM {counts} WHERE field IN %l;

-- queue_head
SELECT id, sent, body FROM (
    SELECT id, sent, body, SUM(n) OVER (ORDER BY id) - n AS before_it
    FROM {queue} WHERE channel = %s ORDER BY id LIMIT %s
) head WHERE before_it < %s ORDER BY id;

-- expired_of_queue
SELECT COALESCE(SUM(n), 0) FROM {queue} WHERE channel = %s AND sent <= %s;

-- expire_queue
DELETE FROM {queue} WHERE channel = %s AND sent <= %s;

-- queue_oldest
SELECT MIN(sent) FROM {queue} WHERE channel = %s;

-- ensure_nodes
INSERT INTO {nodes} (id, born, last_id, read_id, lease, kept, known, sent, filled, grouped)
VALUES %r ON CONFLICT DO NOTHING;

-- ensure_channels
INSERT INTO {channels} (name, first_id, last_id, queued, due, used, sent, filled)
VALUES %r ON CONFLICT DO NOTHING;

-- put_nodes
INSERT INTO {nodes} (id, born, last_id, read_id, lease, kept, known, sent, filled, grouped)
VALUES %r ON CONFLICT (id) DO UPDATE SET
    last_id = excluded.last_id, lease = excluded.lease, kept = excluded.kept,
    known = excluded.known, sent = excluded.sent, filled = excluded.filled,
    grouped = excluded.grouped;

-- put_channels
INSERT INTO {channels} (name, first_id, last_id, queued, due, used, sent, filled)
VALUES %r ON CONFLICT (name) DO UPDATE SET
    first_id = excluded.first_id, last_id = excluded.last_id, queued = excluded.queued,
    due = excluded.due, used = excluded.used, sent = excluded.sent, filled = excluded.filled;

-- put_counts
INSERT INTO {counts} (field, node, n) VALUES %r
ON CONFLICT (field, node) DO UPDATE SET n = excluded.n;

-- put_wants
INSERT INTO {wants} (channel, node, credit) VALUES %r
ON CONFLICT (channel, node) DO UPDATE SET credit = excluded.credit;

-- drop_wants
DELETE FROM {wants} WHERE channel = %s AND node IN %l;

-- put_inbox
INSERT INTO {inbox} (node, id, sent, body) VALUES %r;

-- send_directly
-- On PostgreSQL: messages for one node, if all its channels concerned have room; else an
-- error. Everything hangs on the node's row, which is locked first as everywhere. The last
-- value but one is what the reader shall be told of a single row, in base64, or nothing.
WITH node AS (
    UPDATE {nodes} SET last_id = last_id + %s, sent = sent + %s
    WHERE id = %s AND lease > 0 AND last_id - read_id < %s
    RETURNING id, born, last_id, read_id, {now} AS at
), counted AS (
    INSERT INTO {counts} AS c (field, node, n)
    SELECT v.field, node.id, CAST(v.n AS bigint) FROM node, (VALUES %r) v (field, n)
    ON CONFLICT (field, node) DO UPDATE SET n = c.n + excluded.n WHERE c.n + excluded.n <= %s
    RETURNING 1
), entered AS (
    INSERT INTO {inbox} (node, id, sent, body)
    SELECT node.id, node.last_id - CAST(v.i AS bigint), node.at, CAST(v.body AS bytea)
    FROM node, (VALUES %r) v (i, body)
)
SELECT 1 / (CASE WHEN (SELECT COUNT(*) FROM counted) = %s THEN 1 ELSE 0 END), (
    SELECT CAST(pg_notify(%s, born || ' ' || last_id || ' ' || at || ' ' || %s) AS text)
    FROM node WHERE last_id - %s = read_id
);

-- deal_directly
-- On PostgreSQL, while the channel is locked: messages of a normal channel for the only node
-- that wants some, or a single one for any, if none are queued before and all have room. How
-- many nodes took them: 0 or 1.
WITH taker AS (
    SELECT w.node FROM {wants} w, {channels} ch
    WHERE w.channel = %s AND w.credit >= %s AND ch.name = w.channel AND ch.queued = 0
    AND (%s = 1 OR NOT EXISTS (
        SELECT FROM {wants} o WHERE o.channel = w.channel AND o.node <> w.node AND o.credit > 0
    )) AND %s >= (SELECT COALESCE(SUM(n), 0) FROM {counts} WHERE field = %s)
    ORDER BY random() LIMIT 1
), node AS (
    UPDATE {nodes} SET last_id = last_id + %s
    WHERE id = (SELECT node FROM taker) AND lease >= {now}
    RETURNING id, last_id, read_id
), wanted AS (
    UPDATE {wants} w SET credit = w.credit - %s FROM node
    WHERE w.channel = %s AND w.node = node.id
), counted AS (
    INSERT INTO {counts} AS c (field, node, n) SELECT %s, node.id, CAST(%s AS bigint) FROM node
    ON CONFLICT (field, node) DO UPDATE SET n = c.n + excluded.n
), used AS (
    UPDATE {channels} SET sent = sent + %s, used = {now}, due = LEAST(due, {now} + %s)
    FROM node WHERE name = %s
), entered AS (
    INSERT INTO {inbox} (node, id, sent, body)
    SELECT node.id, node.last_id - CAST(v.i AS bigint), {now}, CAST(v.body AS bytea)
    FROM node, (VALUES %r) v (i, body)
)
SELECT COUNT(*), MAX(CASE WHEN last_id - %s = read_id THEN CAST(
    pg_notify(LEFT(%s || id, 63), '') AS text) END) FROM node;

-- want_directly
-- On PostgreSQL, while the channel and our node are locked: our node can take more of a normal
-- channel, if none are queued; then what it was handed over is counted no more. Whether it is so.
WITH empty AS (
    SELECT ch.name FROM {channels} ch, {nodes} n
    WHERE ch.name = %s AND ch.queued = 0 AND n.id = %s AND n.lease > 0
), wanted AS (
    INSERT INTO {wants} AS w (channel, node, credit) SELECT name, %s, CAST(%s AS bigint) FROM empty
    ON CONFLICT (channel, node) DO UPDATE
    SET credit = CASE WHEN %s = 1 THEN 0 ELSE w.credit END + excluded.credit
), used AS (
    UPDATE {channels} c SET used = {now}, due = LEAST(c.due, {now} + %s)
    FROM empty WHERE c.name = empty.name
), told AS (
    UPDATE {counts} c SET n = GREATEST(0, c.n - CAST(v.n AS bigint))
    FROM empty, (VALUES %r) v (field, n) WHERE c.field = v.field AND c.node = %s
)
SELECT COUNT(*) FROM empty;

-- ack
-- On PostgreSQL: messages were handed over.
UPDATE {counts} c SET n = GREATEST(0, c.n - CAST(v.n AS bigint)) FROM (VALUES %r) v (field, n)
WHERE c.field = v.field AND c.node = %s;

-- ack_one
UPDATE {counts} SET n = CASE WHEN n > %s THEN n - %s ELSE 0 END WHERE field = %s AND node = %s;

-- put_queue
INSERT INTO {queue} (channel, id, sent, n, body) VALUES %r;

-- drop_queued
DELETE FROM {queue} WHERE channel = %s AND id <= %s;

-- put_members
INSERT INTO {members} (grp, node, channel, ends) VALUES %r
ON CONFLICT (grp, node, channel) DO UPDATE SET ends = excluded.ends;

-- drop_members
DELETE FROM {members} WHERE grp = %s AND channel IN %l;

-- put_group_nodes
INSERT INTO {group_nodes} (grp, node, turn) VALUES %r
ON CONFLICT (grp, node) DO UPDATE SET turn = excluded.turn;

-- drop_group_node
DELETE FROM {group_nodes} WHERE grp = %s AND node = %s;

-- add_figures
INSERT INTO {figures} (name, n) VALUES %r
ON CONFLICT (name) DO UPDATE SET n = {figures}.n + excluded.n;

-- put_figures
INSERT INTO {figures} (name, n) VALUES %r ON CONFLICT (name) DO UPDATE SET n = excluded.n;

-- figures
SELECT name, n FROM {figures};

-- heard
SELECT name, n FROM {figures} WHERE name IN ('since', 'heard');

-- overdue_nodes
SELECT id FROM {nodes} WHERE kept < %s ORDER BY kept LIMIT 16;

-- overdue_channels
SELECT name FROM {channels} WHERE due <= %s ORDER BY due LIMIT 64;

-- tidy_counts
DELETE FROM {counts} WHERE node = %s AND n <= 0;

-- tidy_members
DELETE FROM {members} WHERE ends <= %s;

-- inbox_after
SELECT id, sent, body FROM {inbox} WHERE node = %s AND id > %s ORDER BY id;

-- inbox_next
SELECT id, sent, body FROM {inbox} WHERE node = %s AND id > %s AND id <= %s ORDER BY id;

-- drop_read
-- From the last one that was dropped: below it the index may still be full of dead rows.
DELETE FROM {inbox} WHERE node = %s AND id > %s AND id <= %s;

-- mark_read
-- Up to an entry that is there or comes later; never back.
UPDATE {nodes} SET read_id = CASE
    WHEN read_id > %s THEN read_id WHEN last_id < %s THEN last_id ELSE %s
END WHERE id = %s;

-- mark_reading
-- Both in one, where the database can.
UPDATE {nodes} SET read_id = CASE
    WHEN read_id > %s THEN read_id WHEN last_id < %s THEN last_id ELSE %s
END WHERE id = %s RETURNING born, last_id, read_id;

-- reading
SELECT born, last_id, read_id FROM {nodes} WHERE id = %s;

-- counts_of_node
SELECT field, n FROM {counts} WHERE node = %s;

-- unread_of_node
SELECT SUM(n) FROM {counts} WHERE node = %s;

-- drop_counts_of_node
DELETE FROM {counts} WHERE node = %s;

-- drop_wants_of_node
DELETE FROM {wants} WHERE node = %s;

-- drop_members_of_node
DELETE FROM {members} WHERE node = %s;

-- drop_group_nodes_of_node
DELETE FROM {group_nodes} WHERE node = %s;

-- drop_inbox_of_node
DELETE FROM {inbox} WHERE node = %s;

-- drop_node
DELETE FROM {nodes} WHERE id = %s;

-- drop_channel
DELETE FROM {channels} WHERE name = %s;

-- group_channels
SELECT m.channel FROM {members} m LEFT JOIN {nodes} n ON n.id = m.node
WHERE m.grp = %s AND m.ends > {now} AND (m.node = '' OR n.lease >= {now}) ORDER BY m.channel;

-- groups
SELECT COUNT(DISTINCT grp) FROM {members} WHERE ends > {now};

-- totals
SELECT SUM(sent), SUM(filled), 0 FROM {channels}
UNION ALL SELECT SUM(sent), SUM(filled), SUM(grouped) FROM {nodes};

-- pending
SELECT field, SUM(n) FROM {counts} WHERE n > 0 GROUP BY field;

-- queued
SELECT name, queued FROM {channels} WHERE queued > 0;

-- oldest
SELECT MIN(sent) FROM {queue};

-- channel
SELECT sent, filled, queued FROM {channels} WHERE name = %s;

-- node
SELECT sent, filled, 0 FROM {nodes} WHERE id = %s;

-- sample
SELECT at, total, next_at, next_total FROM {samples} WHERE name = %s;

-- put_sample
INSERT INTO {samples} (name, at, total, next_at, next_total) VALUES %r
ON CONFLICT (name) DO UPDATE SET
    at = excluded.at, total = excluded.total,
    next_at = excluded.next_at, next_total = excluded.next_total;

-- node_ids
SELECT id FROM {nodes} ORDER BY id;

-- channel_names
SELECT name FROM {channels} ORDER BY name;

-- empty_inbox
DELETE FROM {inbox};

-- empty_counts
DELETE FROM {counts};

-- drop_channels
DELETE FROM {channels} WHERE name IN %l;

-- empty_queues
DELETE FROM {queue} WHERE channel IN %l;

-- empty_wants
DELETE FROM {wants};

-- empty_members
DELETE FROM {members};

-- empty_group_nodes
DELETE FROM {group_nodes};

-- empty_figures
DELETE FROM {figures};

-- empty_samples
DELETE FROM {samples};

-- notify
SELECT pg_notify(%s, '');
