/**
 * What runs inside Redis, where it is atomic: numbering, keeping, comparing, and publishing in one step. A script sees one channel's keys; the
 * layout of bodies and messages is `message.ts`. Times are Redis' own, so that nodes need not agree on theirs. A full Redis refuses a script at
 * its first write that adds; after one that removes it refuses no more. So what takes a publication writes before it removes.
 *
 * Keys of a stream:   m   hash e (epoch), o (top offset)     s   stream of kept publications, ids `<offset>-0`, field d (body)
 *                     i:… idempotency: `<epoch> <offset>`
 * Keys of a map:      M   hash e, o, and the last write's retention ss, st, mt     S   as s
 *                     h   hash field → `<offset> <body>`     z   sorted set of fields, for order     x   sorted set field → end of its time
 *                     I:… idempotency
 * Presence:           P   hash client → `<length of user>:<user><info>`     Z   sorted set client → end of its time     U   hash user → clients
 */

/** `extend` never shortens: the longest time asked for counts. */
const PRELUDE = `
local function now()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
local function extend(key, ttl)
  if redis.call('PTTL', key) < tonumber(ttl) then redis.call('PEXPIRE', key, ttl) end
end
local function meta(key, stream, epoch)
  local found = redis.call('HMGET', key, 'e', 'o')
  if found[1] then return found[1], tonumber(found[2]) end
  redis.call('HSET', key, 'e', epoch, 'o', '0')
  redis.call('DEL', stream)
  return epoch, 0
end
local function keep(stream, offset, body, size, ttl)
  redis.call('XADD', stream, 'MAXLEN', '=', size, offset .. '-0', 'd', body)
  redis.call('PEXPIRE', stream, ttl)
end
local function remembered(key)
  if key == '' then return nil end
  local found = redis.call('GET', key)
  if not found then return nil end
  local at = string.find(found, ' ', 1, true)
  return {string.sub(found, 1, at - 1), string.sub(found, at + 1)}
end
local function remember(key, epoch, offset, ttl)
  if key ~= '' then redis.call('SET', key, epoch .. ' ' .. offset, 'PX', ttl) end
end
`;

/** KEYS m s · ARGV idempotency key, its ttl, new epoch, size, ttl, meta ttl, channel, id, body without time → {deduplicated, epoch, offset} */
export const PUBLISH = `${PRELUDE}
local found = remembered(ARGV[1])
if found then return {1, found[1], found[2]} end
local body = string.format('%.0f', now()) .. ' ' .. ARGV[9]
local epoch, offset = '', 0
if ARGV[4] ~= '0' then
  epoch = meta(KEYS[1], KEYS[2], ARGV[3])
  offset = redis.call('HINCRBY', KEYS[1], 'o', 1)
  extend(KEYS[1], ARGV[6])
  keep(KEYS[2], offset, body, ARGV[4], ARGV[5])
end
remember(ARGV[1], epoch, offset, ARGV[2])
redis.call('PUBLISH', ARGV[7], 'p ' .. ARGV[8] .. ' ' .. epoch .. ' ' .. offset .. ' ' .. body)
return {0, epoch, offset}
`;

const READ = `
local function read(stream, epoch, since, offset, limit, reverse)
  if limit == '0' or (since ~= '' and since ~= epoch) then return {} end
  local found
  if reverse == '1' then
    if offset == '0' then return {} end
    local from = offset == '' and '+' or ('(' .. offset .. '-0')
    found = limit == '' and redis.call('XREVRANGE', stream, from, '-') or redis.call('XREVRANGE', stream, from, '-', 'COUNT', limit)
  else
    local from = offset == '' and '-' or ('(' .. offset .. '-0')
    found = limit == '' and redis.call('XRANGE', stream, from, '+') or redis.call('XRANGE', stream, from, '+', 'COUNT', limit)
  end
  local list = {}
  for i = 1, #found do
    list[#list + 1] = string.match(found[i][1], '^%d+')
    list[#list + 1] = found[i][2][2]
  end
  return list
end
`;

/** KEYS m s · ARGV new epoch, meta ttl, since epoch, since offset or '', limit or '', reverse → {epoch, top, {offset, body, …}} */
export const HISTORY = `${PRELUDE}${READ}
local epoch, top = meta(KEYS[1], KEYS[2], ARGV[1])
extend(KEYS[1], ARGV[2])
return {epoch, top, read(KEYS[2], epoch, ARGV[3], ARGV[4], ARGV[5], ARGV[6])}
`;

const PRESENCE = `${PRELUDE}
local function userOf(value)
  local length, at = string.match(value, '^(%d+):()')
  return string.sub(value, at, at + length - 1)
end
local function forget(client)
  local value = redis.call('HGET', KEYS[1], client)
  redis.call('ZREM', KEYS[2], client)
  if not value then return end
  redis.call('HDEL', KEYS[1], client)
  local user = userOf(value)
  if redis.call('HINCRBY', KEYS[3], user, -1) <= 0 then redis.call('HDEL', KEYS[3], user) end
end
local function prune()
  local gone = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now())
  for i = 1, #gone do forget(gone[i]) end
end
`;

/** KEYS P Z U · ARGV client, value, ttl */
export const PRESENCE_ADD = `${PRESENCE}
prune()
forget(ARGV[1])
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('HINCRBY', KEYS[3], userOf(ARGV[2]), 1)
redis.call('ZADD', KEYS[2], now() + ARGV[3], ARGV[1])
for i = 1, 3 do extend(KEYS[i], ARGV[3]) end
return 1
`;

/** KEYS P Z U · ARGV client */
export const PRESENCE_REMOVE = `${PRESENCE}
forget(ARGV[1])
return 1
`;

/** KEYS P Z U → {client, value, …} */
export const PRESENCE_LIST = `${PRESENCE}
prune()
return redis.call('HGETALL', KEYS[1])
`;

/** KEYS P Z U → {clients, users} */
export const PRESENCE_STATS = `${PRESENCE}
prune()
return {redis.call('HLEN', KEYS[1]), redis.call('HLEN', KEYS[3])}
`;

/** KEYS M S h z x index · ARGV channel, name (of the map in the index), then what each script says. What ran out goes first. */
const MAP = `${PRELUDE}
local M, S, H, Z, X, INDEX = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local channel, name = ARGV[1], ARGV[2]
local EXPIRE_MAX = 1000
local function split(value)
  local offset, at = string.match(value, '^(%d+) ()')
  return offset, string.sub(value, at)
end
local function settle(ttl)
  if redis.call('HLEN', H) > 0 then redis.call('PERSIST', M) else extend(M, ttl) end
  local first = redis.call('ZRANGE', X, 0, 0, 'WITHSCORES')
  if first[2] then redis.call('ZADD', INDEX, first[2], name) else redis.call('ZREM', INDEX, name) end
end
local function announce(epoch, offset, id, body, size, ttl)
  if size ~= '0' then keep(S, offset, body, size, ttl) end
  redis.call('PUBLISH', channel, 'p ' .. id .. ' ' .. epoch .. ' ' .. offset .. ' ' .. body)
end
local function remove(field, epoch, id, tags, info, size, ttl)
  local _, old = split(redis.call('HGET', H, field))
  local key, oldTags = string.match(old, '^[^\\n]*\\n([^\\n]*)\\n([^\\n]*)\\n')
  redis.call('HDEL', H, field)
  redis.call('ZREM', Z, field)
  redis.call('ZREM', X, field)
  local offset = redis.call('HINCRBY', M, 'o', 1)
  if tags == '' then tags = oldTags end
  announce(epoch, offset, id, string.format('%.0f', now()) .. ' r\\n' .. key .. '\\n' .. tags .. '\\n' .. info .. '\\nnull', size, ttl)
  return offset
end
local function expire()
  local due = redis.call('ZRANGEBYSCORE', X, '-inf', now(), 'LIMIT', 0, EXPIRE_MAX)
  if #due == 0 then return end
  local kept = redis.call('HMGET', M, 'e', 'ss', 'st', 'mt')
  for i = 1, #due do remove(due[i], kept[1], '-', '', '', kept[2], kept[3]) end
  settle(kept[4])
end
-- Without its position what is left of a map means nothing any more.
if redis.call('HEXISTS', M, 'e') == 0 then
  if redis.call('EXISTS', S, H, Z, X) > 0 then redis.call('DEL', S, H, Z, X) end
  if redis.call('ZSCORE', INDEX, name) then redis.call('ZREM', INDEX, name) end
end
expire()
`;

/**
 * ARGV channel, name, idempotency key, its ttl, new epoch, meta ttl, field, expect ('', 'absent' or an offset), id, stream size, stream ttl, then: key ttl,
 * renew, greatest number of keys, body without time → {state, epoch, offset, current or ''}; state 0 applied, 1 deduplicated, 2 not as expected, 3 full
 */
const MAP_GUARDS = `
local idempotency, epochNew, metaTtl, field, expected, id, size, ttl = ARGV[3], ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9], ARGV[10], ARGV[11]
local found = remembered(idempotency)
if found then return {1, found[1], found[2], ''} end
local epoch, top = meta(M, S, epochNew)
local current = redis.call('HGET', H, field)
if expected ~= '' then
  local held = false
  if expected == 'absent' then held = not current elseif current then held = split(current) == expected end
  if not held then
    settle(metaTtl)
    return {2, epoch, top, current or ''}
  end
end
`;

export const MAP_PUBLISH = `${MAP}${MAP_GUARDS}
local keyTtl, renew, maxKeys, tail = ARGV[12], ARGV[13], ARGV[14], ARGV[15]
local function payloadOf(text)
  local flags, payload = string.match(text, '^([^\\n]*)\\n[^\\n]*\\n[^\\n]*\\n[^\\n]*\\n(.*)$')
  return flags, payload
end
local offset = top
local same = false
if renew == '1' and current then
  local _, body = split(current)
  local flags, payload = payloadOf(string.match(body, '^%d+ (.*)$'))
  local newFlags, newPayload = payloadOf(tail)
  same = flags == newFlags and payload == newPayload
end
if not same then
  if not current and redis.call('HLEN', H) >= tonumber(maxKeys) then
    settle(metaTtl)
    return {3, epoch, top, ''}
  end
  offset = redis.call('HINCRBY', M, 'o', 1)
  local body = string.format('%.0f', now()) .. ' ' .. tail
  redis.call('HSET', M, 'ss', size, 'st', ttl, 'mt', metaTtl)
  redis.call('HSET', H, field, offset .. ' ' .. body)
  redis.call('ZADD', Z, 0, field)
  announce(epoch, offset, id, body, size, ttl)
end
if keyTtl == '0' then redis.call('ZREM', X, field) else redis.call('ZADD', X, now() + keyTtl, field) end
settle(metaTtl)
remember(idempotency, epoch, offset, ARGV[4])
return {0, epoch, offset, same and 'same' or ''}
`;

/** Then ARGV tags, info. An absent key is not announced: the last answer is then `absent`. */
export const MAP_REMOVE = `${MAP}${MAP_GUARDS}
local offset = top
if current then offset = remove(field, epoch, id, ARGV[12], ARGV[13], size, ttl) end
settle(metaTtl)
remember(idempotency, epoch, offset, ARGV[4])
return {0, epoch, offset, current and '' or 'absent'}
`;

/** ARGV channel, name, new epoch, meta ttl, cursor field or '', limit or '', greatest bytes or '' → {epoch, top, more, {value, …}} */
export const MAP_STATE = `${MAP}
local epoch, top = meta(M, S, ARGV[3])
settle(ARGV[4])
local from = ARGV[5] == '' and '-' or ('(' .. ARGV[5])
local limit = ARGV[6] == '' and math.huge or tonumber(ARGV[6])
local most = ARGV[7] == '' and math.huge or tonumber(ARGV[7])
local list, bytes, batch = {}, 0, 200
if limit < 1 then return {epoch, top, 0, list} end
while true do
  local fields = redis.call('ZRANGEBYLEX', Z, from, '+', 'LIMIT', 0, batch)
  if #fields == 0 then return {epoch, top, 0, list} end
  for i = 1, #fields do
    -- One by one: values may be large, and a page holds few of those.
    local value = redis.call('HGET', H, fields[i])
    local at = string.match(value, '^[^\\n]*\\n[^\\n]*\\n[^\\n]*\\n[^\\n]*\\n()')
    bytes = bytes + #fields[i] / 2 + #value - at + 1
    if #list > 0 and (#list >= limit or bytes > most) then return {epoch, top, 1, list} end
    list[#list + 1] = value
  end
  from = '(' .. fields[#fields]
end
`;

/** ARGV channel, name, new epoch, meta ttl, since epoch, since offset or '', limit or '', reverse → as HISTORY */
export const MAP_STREAM = `${MAP}${READ}
local epoch, top = meta(M, S, ARGV[3])
settle(ARGV[4])
return {epoch, top, read(S, epoch, ARGV[5], ARGV[6], ARGV[7], ARGV[8])}
`;

/** ARGV channel, name, tags, info, size, ttl, meta ttl, id, greatest number to remove, new epoch → {left, epoch, offset} */
export const MAP_CLEAR = `${MAP}
local epoch, offset = meta(M, S, ARGV[10])
local fields = redis.call('ZRANGE', Z, 0, ARGV[9] - 1)
for i = 1, #fields do
  offset = remove(fields[i], epoch, i == #fields and ARGV[8] or '-', ARGV[3], ARGV[4], ARGV[5], ARGV[6])
end
settle(ARGV[7])
return {redis.call('HLEN', H), epoch, offset, #fields}
`;

/** ARGV channel, name → keys that are still due. Keys that ran out are removed by any script that sees the map; this one does nothing else. */
export const MAP_EXPIRE = `${MAP}
return redis.call('ZCOUNT', X, '-inf', now())
`;
