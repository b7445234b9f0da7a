//! The script that tells whether Redis still has what was written ([`super::super::memory`]).

/// expiry → {what was last kept by a plain command, what was last kept by this script, what it keeps now}.
/// Each number is larger than all before it. Two writes, since Redis puts those of one script into a
/// transaction, as it does with the steps' and most completions', and a single one not.
pub(super) const RECALL: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local kept, plain = redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2])
now = math.max(now, tonumber(kept or 0) + 1, tonumber(plain or 0) + 1)
redis.call('SET', KEYS[1], string.format('%.0f', now), 'PX', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return {plain, kept, now}
";
