/**
 * What the shared stores ask of Redis: five small scripts, each one atomic step in one slot, sent as plain
 * EVAL, which every client, proxy and REST front knows. Two keys, with one hash tag:
 *   nen:{sid}:s          epoch SP record (base64)      nen:{sid}:n:<nonce>   attempt
 * The epoch names the server's history of writes: its replication id. Redis draws a new one when it starts
 * and when a replica is promoted, that is whenever claims may be missing from a memory that still has the
 * session. A session of another epoch is therefore gone. (The process's run_id would not do: a master that
 * was replaced, became a replica and is promoted again still has its old one, without its last claims.)
 * Reading it costs the server 4 us. Where INFO is not to be had, it is a constant.
 */

const EPOCH = `
local function epoch()
  local info = redis.pcall('INFO', 'replication')
  return type(info) == 'string' and string.match(info, 'master_replid:(%w+)') or 'constant'
end
local function of(now, value)
  return string.sub(value, 1, #now + 1) == now .. ' '
end
`;

/** -> epoch SP maxmemory-policy; `noeviction` where memory has no limit, '' if unknown. KEYS: session. */
export const EPOCH_SCRIPT: string = `${EPOCH}
local info = redis.pcall('INFO', 'memory')
if type(info) ~= 'string' then return epoch() .. ' ' end
local policy = string.match(info, 'maxmemory_policy:([%w-]+)') or ''
if string.match(info, 'maxmemory:(%d+)') == '0' then policy = 'noeviction' end
return epoch() .. ' ' .. policy`;

/** -> 1. KEYS: session. ARGV: record, milliseconds. */
export const PUT_SCRIPT: string = `${EPOCH}
redis.call('SET', KEYS[1], epoch() .. ' ' .. ARGV[1], 'PX', ARGV[2])
return 1`;

/** -> the record, or nothing. KEYS: session. A script, so that no client reads from a replica that lags. */
export const READ_SCRIPT: string = `${EPOCH}
local value = redis.call('GET', KEYS[1])
if not value then return false end
local now = epoch()
if of(now, value) then return string.sub(value, #now + 2) end
redis.call('DEL', KEYS[1])
return false`;

/** -> 1 if the session was there and is not any more. KEYS: session. */
export const TAKE_SCRIPT: string = `${EPOCH}
local value = redis.call('GET', KEYS[1])
if not value then return 0 end
redis.call('DEL', KEYS[1])
return of(epoch(), value) and 1 or 0`;

/**
 * -> claimed, replayed or gone. KEYS: session, nonce. ARGV: attempt, milliseconds of the claim, of the
 * session (0: none is required), the epoch to claim in (empty: any).
 * The same attempt claims again, and never for less time than is left: clients send a command once more whose
 * reply was lost. It is always written, so that WAIT has something to wait for.
 */
export const CLAIM_SCRIPT: string = `${EPOCH}
local now = epoch()
if ARGV[4] ~= '' and ARGV[4] ~= now then return 'gone' end
if ARGV[3] ~= '0' then
  local value = redis.call('GET', KEYS[1])
  if not value then return 'gone' end
  if not of(now, value) then
    redis.call('DEL', KEYS[1])
    return 'gone'
  end
end
if not redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2], 'NX') then
  if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 'replayed' end
  redis.call('SET', KEYS[2], ARGV[1], 'PX', math.max(redis.call('PTTL', KEYS[2]), tonumber(ARGV[2])))
end
if ARGV[3] ~= '0' then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return 'claimed'`;
