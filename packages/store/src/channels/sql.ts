/**
 * The SQL of durable channels. One statement appends everything a caller has, to however many channels: each channel's row is locked by its own update
 * (in key order, so that two processes do not wait for each other crosswise), which is what gives offsets without holes.
 *
 * Rows to be deleted are looked up per channel along the primary key and then taken by their place (`ctid`; publications never change, so it stays):
 * a planner without statistics would walk the whole table.
 */

/** What was not dispatched is never deleted: the dispatcher reads it here. */
const DISPATCHED = `NOT EXISTS (SELECT 1 FROM store_outbox o WHERE o.org = p.org AND o.channel = p.channel AND o."offset" = p."offset")`;

/** Arrays, one element per publication: org, channel, data, bytes, tags, info, size, ttl, epoch for a new channel, lane; then the time. */
export const APPEND = `
WITH input AS (
  SELECT i.*, row_number() OVER (PARTITION BY org, channel ORDER BY n) AS nth, count(*) OVER (PARTITION BY org, channel) AS total
  FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::text[], $6::text[], $7::int[], $8::bigint[], $9::text[], $10::smallint[])
    WITH ORDINALITY AS i(org, channel, data, bytes, tags, info, size, ttl_ms, epoch, lane, n)
), channels AS (
  INSERT INTO store_channels AS c (org, channel, epoch, top, size, ttl_ms, last_ms)
  SELECT org, channel, epoch, total, size, ttl_ms, $11::bigint FROM input WHERE nth = total ORDER BY org COLLATE "C", channel COLLATE "C"
  ON CONFLICT (org, channel) DO UPDATE SET
    top = c.top + EXCLUDED.top, size = EXCLUDED.size, ttl_ms = EXCLUDED.ttl_ms, last_ms = greatest(c.last_ms, EXCLUDED.last_ms)
  RETURNING c.org, c.channel, c.epoch, c.top, c.size, c.last_ms
), numbered AS (
  SELECT i.*, c.epoch AS current, c.top - i.total + i.nth AS "offset", c.last_ms
  FROM input i JOIN channels c ON c.org = i.org AND c.channel = i.channel
), published AS (
  INSERT INTO store_publications (org, channel, "offset", data, bytes, tags, info, time_ms)
  SELECT org, channel, "offset", data, bytes, tags, info, last_ms FROM numbered
), waiting AS (
  INSERT INTO store_outbox (lane, org, channel, "offset") SELECT lane, org, channel, "offset" FROM numbered ORDER BY n
)
SELECT current AS epoch, "offset" FROM numbered ORDER BY n`;

/** Arrays of org and channel; publications per channel: deletes those beyond the channel's size, oldest first. */
export const TRIM = `
DELETE FROM store_publications WHERE ctid = ANY (ARRAY(
  SELECT q.row FROM unnest($1::text[], $2::text[]) AS i(org, channel)
  CROSS JOIN LATERAL (SELECT top, size FROM store_channels c WHERE c.org = i.org AND c.channel = i.channel LIMIT 1) c
  CROSS JOIN LATERAL (
    SELECT p.ctid AS row FROM store_publications p
    WHERE p.org = i.org AND p.channel = i.channel AND p."offset" <= c.top - c.size AND ${DISPATCHED}
    ORDER BY p."offset" LIMIT $3
  ) q
))`;

/** Org, channel, epoch asked for (`''`: any), above, below, now, limit. One statement, so that top and publications are of one moment. */
export const READ = (reverse: boolean): string => `
SELECT c.epoch, c.top, p."offset", p.data, p.bytes, p.tags, p.info, p.time_ms
FROM store_channels c LEFT JOIN LATERAL (
  SELECT q.* FROM store_publications q
  WHERE q.org = c.org AND q.channel = c.channel
    AND q."offset" > greatest(c.floor, c.top - c.size, $4::bigint) AND q."offset" < $5::bigint
    AND (c.ttl_ms = 0 OR q.time_ms > $6::bigint - c.ttl_ms)
    AND ($3::text = '' OR $3::text = c.epoch)
  ORDER BY q."offset" ${reverse ? 'DESC' : 'ASC'} LIMIT $7::bigint
) p ON true
WHERE c.org = $1 AND c.channel = $2`;

/** Org, channel, epoch, size, ttl, now: a channel that somebody asked for. */
export const ASK = `
INSERT INTO store_channels (org, channel, epoch, top, size, ttl_ms, last_ms) VALUES ($1, $2, $3, 0, $4, $5, $6)
ON CONFLICT (org, channel) DO NOTHING`;

export const CLEAR = `
WITH c AS (UPDATE store_channels SET floor = top WHERE org = $1 AND channel = $2 RETURNING top)
DELETE FROM store_publications p
WHERE p.org = $1 AND p.channel = $2 AND p."offset" <= (SELECT top FROM c) AND ${DISPATCHED}`;

/** Waits for appends under way; the next statement sees what they committed. */
export const LOCK_CHANNEL = `SELECT 1 FROM store_channels WHERE org = $1 AND channel = $2 FOR UPDATE`;

export const DROP = `
WITH o AS (DELETE FROM store_outbox WHERE org = $1 AND channel = $2),
     p AS (DELETE FROM store_publications WHERE org = $1 AND channel = $2)
DELETE FROM store_channels WHERE org = $1 AND channel = $2`;

/** Epoch, and where to go on after; answers the last channel of the page. */
export const RENEW_EPOCHS = `
WITH page AS (
  SELECT org, channel FROM store_channels WHERE (org, channel) > ($2, $3) ORDER BY org, channel LIMIT $4
), renewed AS (
  UPDATE store_channels c SET epoch = $1 FROM page WHERE c.org = page.org AND c.channel = page.channel
)
SELECT org, channel, (SELECT count(*) FROM page) AS renewed FROM page ORDER BY org DESC, channel DESC LIMIT 1`;

/**
 * Where to go on after, channels of a page, publications per channel, now: deletes what is too old or too many, oldest first, and answers the
 * last channel of the page.
 */
export const SWEEP = `
WITH page AS (
  SELECT org, channel, top, size, ttl_ms FROM store_channels WHERE (org, channel) > ($1, $2) ORDER BY org, channel LIMIT $3
), old AS (
  SELECT q.row FROM page CROSS JOIN LATERAL (
    SELECT p.ctid AS row, p.org, p.channel, p."offset", p.time_ms FROM store_publications p
    WHERE p.org = page.org AND p.channel = page.channel ORDER BY p."offset" LIMIT $4
  ) q
  WHERE (q."offset" <= page.top - page.size OR (page.ttl_ms > 0 AND q.time_ms <= $5::bigint - page.ttl_ms))
    AND ${DISPATCHED.replaceAll('p.', 'q.')}
), swept AS (
  DELETE FROM store_publications WHERE ctid = ANY (ARRAY(SELECT row FROM old))
)
SELECT org, channel, (SELECT count(*) FROM old) AS swept FROM page ORDER BY org DESC, channel DESC LIMIT 1`;
