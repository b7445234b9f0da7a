//! The claims' scripts: each transition of an entry is one atomic step by Redis' own clock.
//!
//! An entry is a string: `S:token:lowest:fence:abandoned:lease:retention` while a run has it,
//! `R:token:lowest:fence:abandoned` when it was given back, `C:token` when it is done. `token`
//! is the last owner's, `lowest` the lowest live attempt, times are ms. Every claim and
//! extension sets the entry to expire after `retention`, and so the time it has left tells how
//! old the lease is: no clock but Redis' has a say. Steps are a hash beside the entry.
//!
//! A first claim needs no script: `SET … NX GET` is four times cheaper, and nearly every event
//! is claimed once.

/// token, lease, attempt, retention → {code, fence or ms left, abandoned, steps}.
/// Claiming again with the token one holds already answers the same as the first time; with one
/// that was given back it claims nothing: that is an old call come late, which nobody waits for.
pub(super) const CLAIM: &str = r"
local value = redis.call('GET', KEYS[1])
local state, owner, lowest, fence, abandoned, lease, retention = '', '', 0, 0, 0, 0, 0
if value then
  if string.sub(value, 1, 2) == 'C:' then return {2, 0, 0, {}} end
  state, owner, lowest, fence, abandoned, lease, retention =
    string.match(value, '^(%a):(%x+):(%d+):(%d+):(%d+):?(%d*):?(%d*)$')
end
if state == 'R' and owner == ARGV[1] then return {1, 0, 0, {}} end
if tonumber(ARGV[3]) < tonumber(lowest) then return {3, 0, 0, {}} end
fence = tonumber(fence)
abandoned = tonumber(abandoned)
if state ~= 'S' then
  fence = fence + 1
elseif owner ~= ARGV[1] then
  local left = redis.call('PTTL', KEYS[1]) - (tonumber(retention) - tonumber(lease))
  if left > 0 then return {1, left, 0, {}} end
  fence = fence + 1
  abandoned = abandoned + 1
end
value = table.concat({'S', ARGV[1], ARGV[3], fence, abandoned, ARGV[2], ARGV[4]}, ':')
redis.call('SET', KEYS[1], value, 'PX', ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return {0, fence, abandoned, redis.call('HGETALL', KEYS[2])}
";

/// token, lease, retention → 1 if still the owner. A lease that ran out but that nobody took is
/// still its owner's.
pub(super) const EXTEND: &str = r"
local value = redis.call('GET', KEYS[1])
if not value then return 0 end
local head, owner = string.match(value, '^(S:(%x+):%d+:%d+:%d+):')
if owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], head .. ':' .. ARGV[2] .. ':' .. ARGV[3], 'PX', ARGV[3])
return 1
";

/// token, step, JSON, retention → 1 if still the owner.
pub(super) const STEP: &str = r"
local value = redis.call('GET', KEYS[1])
if not value or string.match(value, '^S:(%x+):') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return 1
";

/// token, whether there are steps → 1 if the owner, also when asked again. Steps go: they may
/// hold what need not be remembered for days.
pub(super) const COMPLETE: &str = r"
local value = redis.call('GET', KEYS[1])
if not value then return 0 end
local state, owner = string.match(value, '^(%a):(%x+)')
if owner ~= ARGV[1] then return 0 end
if state == 'C' then return 1 end
if state ~= 'S' then return 0 end
redis.call('SET', KEYS[1], 'C:' .. ARGV[1], 'KEEPTTL')
if ARGV[2] == '1' then redis.call('DEL', KEYS[2]) end
return 1
";

/// token, next attempt or nothing, retention → 1 if the owner, also when asked again. A run
/// that came to its end clears the count of abandoned ones.
pub(super) const RELEASE: &str = r"
local value = redis.call('GET', KEYS[1])
if not value then return 0 end
local state, owner, lowest, fence, abandoned = string.match(value, '^(%a):(%x+):(%d+):(%d+):(%d+)')
if owner ~= ARGV[1] then return 0 end
if state == 'R' then return 1 end
if state ~= 'S' then return 0 end
if ARGV[2] ~= '' then
  abandoned = 0
  lowest = math.max(tonumber(lowest), tonumber(ARGV[2]))
end
value = table.concat({'R', owner, lowest, fence, abandoned}, ':')
redis.call('SET', KEYS[1], value, 'PX', ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return 1
";

/// value, expiry, step, JSON, step, JSON, … → 1 if it was written, 0 if something stands there,
/// which is then left as it is with its steps. Steps without an entry are those of one that
/// expired.
pub(super) const IMPORT: &str = r"
if not redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2], 'NX') then return 0 end
redis.call('DEL', KEYS[2])
for i = 3, #ARGV, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 1
";
