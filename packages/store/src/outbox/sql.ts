/**
 * The SQL of the outbox. What waits is found by being there, never by an id above the last one seen: a transaction that took its id earlier may commit
 * later. Where several processes dispatch, each claims parts ("lanes") of the outbox for a time, so that one channel's publications leave in order;
 * the times are the database's own, since clocks of processes differ.
 */

/** Channels to be left out: arrays of org and channel. Then the number of rows. */
const WAITING = `
  SELECT o.id, o.lane, o.org, o.channel, o."offset" FROM store_outbox o
  WHERE NOT EXISTS (SELECT 1 FROM unnest($1::text[], $2::text[]) AS b(org, channel) WHERE b.org = o.org AND b.channel = o.channel)`;

/** Row by row along the primary keys: whatever a planner believes about the tables, a batch is a few index look-ups. */
const ROWS = `
SELECT w.id, w.lane, w.org, w.channel, w."offset", c.epoch, p.time_ms, p.data, p.bytes, p.tags, p.info
FROM waiting w
LEFT JOIN LATERAL (
  SELECT epoch FROM store_channels c WHERE c.org = w.org AND c.channel = w.channel LIMIT 1
) c ON true
LEFT JOIN LATERAL (
  SELECT time_ms, data, bytes, tags, info FROM store_publications p
  WHERE p.org = w.org AND p.channel = w.channel AND p."offset" = w."offset" LIMIT 1
) p ON true
ORDER BY w.id`;

/** The only process of its database looks. */
export const LOOK = `WITH waiting AS (${WAITING} ORDER BY o.id LIMIT $3) ${ROWS}`;

/** One of several claims: owner, milliseconds. A lane that somebody else is claiming at this moment is passed over. */
export const CLAIM = `
WITH due AS (
  SELECT l.lane FROM store_lanes l
  WHERE (l.owner = $4 OR l.until < clock_timestamp()) AND EXISTS (SELECT 1 FROM store_outbox o WHERE o.lane = l.lane)
  ORDER BY l.lane FOR UPDATE SKIP LOCKED
), held AS (
  UPDATE store_lanes l SET owner = $4, until = clock_timestamp() + $5::float8 * interval '1 millisecond' FROM due WHERE l.lane = due.lane
  RETURNING l.lane
), waiting AS (${WAITING} AND o.lane IN (SELECT lane FROM held) ORDER BY o.id LIMIT $3) ${ROWS}`;

export const DISPATCHED = `DELETE FROM store_outbox WHERE id = ANY($1::bigint[])`;

export const RELEASE = `UPDATE store_lanes SET owner = NULL, until = '-infinity' WHERE owner = $1`;

export const ANYTHING = `SELECT 1 FROM store_outbox LIMIT 1`;

export const DEPTH = `SELECT count(*) AS depth FROM (SELECT 1 FROM store_outbox LIMIT 10000) o`;
