//! The script that tells whether Redis still has what was written ([`super::super::memory`]).

/// expiry → {what was last kept by a plain command, what was last kept by this script, what it keeps now, the
/// time}. Each number that is kept is larger than all before it, and so it may be ahead of the time: it says
/// what came first, and nobody takes it for a clock. Two writes, since Redis puts those of one script into a
/// transaction, as it does with the steps' and most completions', and a single one not.
pub(super) const RECALL: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local kept, plain = redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2])
local next = math.max(now, tonumber(kept or 0) + 1, tonumber(plain or 0) + 1)
redis.call('SET', KEYS[1], string.format('%.0f', next), 'PX', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return {plain, kept, next, now}
";
