"""The functions that run inside Redis: what they check and write, nobody sees half done."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import NamedTuple


class Script(NamedTuple):
    """Source and digest of one function."""

    source: str
    digest: str


# ARGV is a run of items: the number of checks, each (index of key, field or "", expected); then commands, each (number
# of words, verb, index of key, further words) to the end.
_PRELUDE = r"""
local function check(keys, items, at)
  for _ = 1, tonumber(items[at]) do
    local key, field, expected = keys[tonumber(items[at + 1])], items[at + 2], items[at + 3]
    local found
    if field == '' then found = redis.call('GETRANGE', key, 0, 7) else found = redis.call('HGET', key, field) or '' end
    if found ~= expected then return nil end
    at = at + 3
  end
  return at + 1
end
local function holder(lock)
  return string.match(lock, '^[^\n]*')
end
local function log(key, wanted, body, kept, ...)
  local id = wanted and redis.pcall('XADD', key, 'MAXLEN', '~', kept, '0-' .. wanted, 'e', body)
  if type(id) ~= 'string' then id = redis.call('XADD', key, 'MAXLEN', '~', kept, '0-*', 'e', body) end
  local number = string.sub(id, 3)
  for _, index in ipairs({...}) do
    redis.call('ZADD', index, number, number)
    redis.call('ZREMRANGEBYSCORE', index, '-inf', number - kept)
    redis.call('EXPIRE', index, 7776000)
  end
end
local function sets(count) return math.max(1, math.ceil(count / 56)) end
local function below(number)
  local power = 1
  while power * 2 <= number do power = power * 2 end
  return power
end
local function set_of(id, count)
  local hash, power = 0, below(count)
  for n = 1, #id do hash = (hash * 33 + string.byte(id, n)) % 2147483648 end
  local at = hash % (power * 2)
  if at >= count then at = at % power end
  return at
end
local function move(name, from, count)
  local entries = redis.call('ZRANGE', name .. from, 0, -1, 'WITHSCORES')
  for n = 1, #entries, 2 do
    local to = set_of(entries[n], count)
    if to ~= from then
      redis.call('ZREM', name .. from, entries[n])
      redis.call('ZADD', name .. to, entries[n + 1], entries[n])
    end
  end
end
local function join(kinds, kind, name, id)
  local before = sets(redis.call('HGET', kinds, kind) or 0)
  if redis.call('ZADD', name .. set_of(id, before), 'NX', 0, id) == 0 then return end
  local after = sets(redis.call('HINCRBY', kinds, kind, 1))
  if after > before then move(name, before - below(before), after) end
end
local function leave(kinds, kind, name, id)
  local before = sets(redis.call('HGET', kinds, kind) or 0)
  if redis.call('ZREM', name .. set_of(id, before), id) == 0 then return end
  local count = redis.call('HINCRBY', kinds, kind, -1)
  if count < 1 then redis.call('HDEL', kinds, kind) end
  local after = sets(count)
  if after < before then move(name, after, after) end
end
local function run(keys, items, at)
  while items[at] do
    local last = at + tonumber(items[at])
    local verb, key = items[at + 1], keys[tonumber(items[at + 2])]
    if verb == 'LOG' then log(key, nil, unpack(items, at + 3, last))
    elseif verb == 'LOGAT' then log(key, unpack(items, at + 3, last))
    elseif verb == 'JOIN' then join(key, unpack(items, at + 3, last))
    elseif verb == 'LEAVE' then leave(key, unpack(items, at + 3, last))
    else redis.call(verb, key, unpack(items, at + 3, last)) end
    at = last + 1
  end
end
"""


# Those of a kind are spread over as many sorted sets as keep each small enough for the encoding in which an entry costs
# no more than its text: linear hashing, which splits or joins one set at a time. JOIN and LEAVE name kind, beginning of
# the names of its sets, and entry; the sets have the tag of the key. An entry that joins has the time 0.


def _script(body: str) -> Script:
    source = _PRELUDE + body
    return Script(source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())


COMMIT = _script(r"""
local lock = redis.call('GET', KEYS[1])
if lock then return holder(lock) end
local at = check(KEYS, ARGV, 1)
if not at then return 'STALE' end
run(KEYS, ARGV, at)
return 'OK'
""")
"""KEYS: lock, cells. OK; STALE when a check fails; or the name of the transaction that holds the group."""

DECIDE = _script(r"""
local lock = redis.call('GET', KEYS[1])
if lock then return holder(lock) end
if redis.call('EXISTS', KEYS[2]) == 1 then return 'STALE' end
local at = check(KEYS, ARGV, 1)
if not at then return 'STALE' end
run(KEYS, ARGV, at)
redis.call('SET', KEYS[2], 'committed', 'EX', 2592000)
return 'OK'
""")
"""KEYS: lock, decision, cells. COMMIT of the group that decides a transaction over several, unless it was given up."""

PREPARE = _script(r"""
local lock = redis.call('GET', KEYS[1])
if lock then return holder(lock) end
local at = check(KEYS, ARGV, 2)
if not at then return 'STALE' end
local rest = {}
for n = at, #ARGV do rest[#rest + 1] = ARGV[n] end
redis.call('SET', KEYS[1], ARGV[1] .. '\n' .. cmsgpack.pack({KEYS, rest}))
return 'OK'
""")
"""KEYS: lock, cells. ARGV: name of the transaction, items. Writes nothing but the lock, which keeps the commands."""

FINISH = _script(r"""
local lock = redis.call('GET', KEYS[1])
if not lock or holder(lock) ~= ARGV[1] then return 0 end
if ARGV[2] == 'committed' then
  local held = cmsgpack.unpack(string.sub(lock, #ARGV[1] + 2))
  run(held[1], held[2], 1)
end
redis.call('DEL', KEYS[1])
return 1
""")
"""KEYS: lock. ARGV: transaction, its fate. Carries out or drops what PREPARE kept; again is harmless."""

FATE = _script(r"""
local fate = redis.call('GET', KEYS[1])
if fate then return fate end
redis.call('SET', KEYS[1], 'given up', 'EX', 86400)
return 'given up'
""")
"""KEYS: decision. What became of a transaction; one that is not decided never will be."""

CLOSE = _script(r"""
if redis.call('HDEL', KEYS[1], ARGV[1]) == 1 and ARGV[2] == 'committed' then run(KEYS, ARGV, 3) end
return 1
""")
"""KEYS: register, log. ARGV: transaction, its fate, commands. Takes it off the register; writes its events, once."""

LOCATE = _script(r"""
local owner = redis.call('HGET', KEYS[1], ARGV[1])
if not owner then return false end
if ARGV[2] == 'imei' then
  local claims = cmsgpack.unpack(owner)
  owner = claims[#claims]
end
local subscriber, device = owner, nil
if ARGV[2] == 'imei' or ARGV[2] == 'loc_uri' then subscriber, device = string.match(owner, '^(.*)%.([^.]*)$') end
local quotes = {['%'] = '%25', ['{'] = '%7B', ['}'] = '%7D', ['\n'] = '%0A'}
local quoted = string.gsub(subscriber, '[%%{}\n]', quotes)
if quoted == '' then quoted = '%' end
local home = redis.call('GET', ARGV[3] .. 'h{' .. quoted .. '}')
if ARGV[2] ~= 'loc_uri' then return {owner, home} end
local function get(letter) return redis.call('GET', ARGV[3] .. letter .. '{' .. quoted .. '}' .. device) end
return {owner, home, get('x'), get('o')}
""")
"""KEYS: hash of identities. ARGV: field, kind, namespace. Whose identity it is, the household, and for a LocURI session
and pending operations. It reads keys that it finds, so it is for servers that hold all of them."""

TOUCH = _script(r"""
local ahead = tonumber(ARGV[3])
local count = sets(redis.call('HGET', KEYS[1], ARGV[1]) or 0)
for n = 4, #ARGV, 2 do
  local set, at = ARGV[2] .. set_of(ARGV[n], count), tonumber(ARGV[n + 1])
  local seen = redis.call('ZSCORE', set, ARGV[n])
  local older = seen and tonumber(seen) - at
  if older and (older < 0 or older > ahead) then redis.call('ZADD', set, ARGV[n + 1], ARGV[n]) end
end
return 1
""")
"""KEYS: kinds. ARGV: kind, name, how many microseconds more the time that is there may have; then entries, each with
the microseconds of its new time. Keeps the newest of those that joined."""

TIMES = _script(r"""
local times, count = {}, sets(redis.call('HGET', KEYS[1], ARGV[1]) or 0)
for n = 3, #ARGV do times[n - 2] = redis.call('ZSCORE', ARGV[2] .. set_of(ARGV[n], count), ARGV[n]) end
return times
""")
"""KEYS: kinds. ARGV: kind, name, entries. The time of each, nil of those that are not there."""

DROP = _script(r"""
local head = redis.call('GETRANGE', KEYS[1], 12, 19)
if head == '' then return 0 end
local at = struct.unpack('>i8', head)
if at > tonumber(ARGV[1]) then return at end
redis.call('DEL', KEYS[1])
return -1
""")
"""KEYS: value with a head. ARGV: now. -1: it had ended and is gone; 0: it was gone before; else its end."""

TRACE = _script(r"""
local number = redis.call('INCR', KEYS[2])
redis.call('RPUSH', KEYS[1], struct.pack('>i8', number) .. ARGV[1])
redis.call('LTRIM', KEYS[1], -tonumber(ARGV[2]), -1)
redis.call('PEXPIREAT', KEYS[1], ARGV[3])
return number
""")
"""KEYS: list, counter. ARGV: exchange, how many to keep, milliseconds at which the list ends. Keeps the newest."""

FIND = _script(r"""
local function precedes(one, other)
  for n = 1, math.min(#one, #other) do
    local a, b = string.byte(one, n), string.byte(other, n)
    if a ~= b then return a < b end
  end
  return #one < #other
end
local low, limit, found = ARGV[1], tonumber(ARGV[2]), {}
local function by_prefix(set, prefix)
  local first = low == '' and '[' .. prefix or '(' .. prefix .. low
  local ids = redis.call('ZRANGE', set, first, '(' .. prefix .. '\255', 'BYLEX', 'LIMIT', 0, limit)
  if prefix ~= '' then
    for n, id in ipairs(ids) do ids[n] = string.sub(id, #prefix + 1) end
  end
  return ids
end
local function by_time(set, first, last)
  local ids = {}
  for _, device in ipairs(redis.call('ZRANGE', set, first, last, 'BYSCORE')) do
    local id = string.match(device, '^(.*)%.[^.]*$')
    if precedes(low, id) then ids[#ids + 1] = id end
  end
  table.sort(ids, precedes)
  for n = limit + 1, #ids do ids[n] = nil end
  return ids
end
for at = 3, #ARGV, 7 do
  local kind, name, prefix, first, last, part, parts = unpack(ARGV, at, at + 6)
  for n = part, sets(redis.call('HGET', KEYS[1], kind) or 0) - 1, parts do
    local ids = first == '' and by_prefix(name .. n, prefix) or by_time(name .. n, first, last)
    if #ids > 0 then found[#found + 1] = ids end
  end
end
return found
""")
"""KEYS: kinds. ARGV: the subscriber to begin after, how many; then sources, each with its name. The first subscribers
in each set of those that has any."""

ESTIMATE = _script(r"""
local kind, name, prefix, first, last = unpack(ARGV)
local count, found = sets(redis.call('HGET', KEYS[1], kind) or 0), 0
local looked = math.min(count, 64)
for n = 0, looked - 1 do
  if first ~= '' then found = found + redis.call('ZCOUNT', name .. n, first, last)
  else found = found + redis.call('ZLEXCOUNT', name .. n, '[' .. prefix, '(' .. prefix .. '\255') end
end
return math.ceil(found * count / looked)
""")
"""KEYS: kinds. ARGV: a source with its name. How many entries it has, by those in some of its sets."""

JOIN = _script("for at = 1, #ARGV, 3 do join(KEYS[1], ARGV[at], ARGV[at + 1], ARGV[at + 2]) end\nreturn 1\n")
"""KEYS: kinds. ARGV: kind, name, id, for each."""

LEAVE = _script("for at = 1, #ARGV, 3 do leave(KEYS[1], ARGV[at], ARGV[at + 1], ARGV[at + 2]) end\nreturn 1\n")
"""The reverse."""

ALL = (
    COMMIT, DECIDE, PREPARE, FINISH, FATE, CLOSE, LOCATE, TOUCH, TIMES, DROP, TRACE, FIND, ESTIMATE, JOIN,
    LEAVE,
)  # fmt: skip


def call(script: Script, keys: Collection[str], *arguments: str | bytes | int) -> tuple[str | bytes | int, ...]:
    """The command that runs the script."""
    return ("EVALSHA", script.digest, len(keys), *keys, *arguments)
