//! The claims' scripts: each transition of an entry is one atomic step by Redis' own clock. The
//! format of what they read and write is [`super::super::format`]'s; what they mean,
//! `ledger/model.rs` says once more, and random courses hold both engines to it.
//!
//! A first claim needs no script: `SET … NX GET` is four times cheaper, and nearly every event
//! is claimed once.
//!
//! Writes under a lease answer 1 if it was done, also when asked again, 0 if the entry is not the
//! caller's, and 2 if it, or some of its steps, is missing: then the owner puts it back.

use super::super::format::format_number;

#[cfg(test)]
mod tests;

/// A script that knows the format. `entry_of` gives the state of a value first: nothing for a missing
/// entry, `?` for one of another format.
macro_rules! script {
    ($code:literal) => {
        concat!(
            "local format = '",
            format_number!(),
            "'",
            r"
local function entry_of(value)
  if not value then return '' end
  local number, state, owner, lowest, fence, abandoned, lease, retention =
    string.match(value, '^(%d+)(%a):(%x+):?(%d*):?(%d*):?(%d*):?(%d*):?(%d*)$')
  if number ~= format then return '?' end
  return state, owner, tonumber(lowest), tonumber(fence), tonumber(abandoned),
    tonumber(lease), tonumber(retention)
end
local function begun(owner, lowest, fence, abandoned, lease, retention)
  return string.format('%sS:%s:%.0f:%.0f:%.0f:%s:%s',
    format, owner, lowest, fence, abandoned, lease, retention)
end
local function released(owner, lowest, fence, abandoned)
  return string.format('%sR:%s:%.0f:%.0f:%.0f', format, owner, lowest, fence, abandoned)
end
",
            $code
        )
    };
}

/// token, lease, attempt, retention, and the counts of abandoned runs with which it is not to be claimed
/// → {code, fence or ms left, abandoned, steps}.
/// Claiming again with the token one holds already answers the same as the first time; with one
/// that was given back it claims nothing: that is an old call come late, which nobody waits for. A
/// fence is no smaller than the time, so that it grows although the entry may have been lost; nobody was
/// told the one of a claim that is made again.
/// What is not to be claimed is given back in its dead owner's place, by the token of who asked: said
/// again it is answered the same, and the run is not counted twice.
pub(super) const CLAIM: &str = script!(
    r"
local state, owner, lowest, fence, abandoned, lease, retention = entry_of(redis.call('GET', KEYS[1]))
local function is_apart(count)
  for i = 5, #ARGV do
    if tonumber(ARGV[i]) == count then return true end
  end
  return false
end
if state == 'C' then return {2, 0, 0, {}} end
if state == '?' then return {4, 0, 0, {}} end
if state == 'R' and owner == ARGV[1] and not is_apart(abandoned) then return {1, 0, 0, {}} end
if tonumber(ARGV[3]) < (lowest or 0) then return {3, 0, 0, {}} end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if state == 'S' and owner == ARGV[1] then
  fence = math.max(fence, now)
else
  abandoned = abandoned or 0
  if state == 'S' then
    local left = redis.call('PTTL', KEYS[1]) - (retention - lease)
    if left > 0 then return {1, left, 0, {}} end
    abandoned = abandoned + 1
  end
  if state ~= '' and is_apart(abandoned) then
    if state == 'S' then
      redis.call('SET', KEYS[1], released(ARGV[1], ARGV[3], fence, abandoned), 'PX', ARGV[4])
      redis.call('PEXPIRE', KEYS[2], ARGV[4])
    end
    return {5, 0, abandoned, {}}
  end
  fence = math.max((fence or 0) + 1, now)
end
local value = begun(ARGV[1], ARGV[3], fence, abandoned, ARGV[2], ARGV[4])
redis.call('SET', KEYS[1], value, 'PX', ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return {0, fence, abandoned, redis.call('HGETALL', KEYS[2])}
"
);

/// token, lease, retention → written. A lease that ran out but that nobody took is still its owner's.
pub(super) const EXTEND: &str = script!(
    r"
local state, owner, lowest, fence, abandoned = entry_of(redis.call('GET', KEYS[1]))
if state == '' then return 2 end
if state ~= 'S' or owner ~= ARGV[1] then return 0 end
local value = begun(owner, lowest, fence, abandoned, ARGV[2], ARGV[3])
redis.call('SET', KEYS[1], value, 'PX', ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return 1
"
);

/// token, retention, step, JSON, step, JSON, … → written.
pub(super) const STEP: &str = script!(
    r"
local state, owner = entry_of(redis.call('GET', KEYS[1]))
if state == '' then return 2 end
if state ~= 'S' or owner ~= ARGV[1] then return 0 end
for i = 3, #ARGV, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 1
"
);

/// token, how many steps the owner knows → written. Steps go: they may hold what need not be remembered
/// for days.
pub(super) const COMPLETE: &str = script!(
    r"
local state, owner = entry_of(redis.call('GET', KEYS[1]))
if state == '' then return 2 end
if owner ~= ARGV[1] then return 0 end
if state == 'C' then return 1 end
if state ~= 'S' then return 0 end
redis.call('SET', KEYS[1], format .. 'C:' .. owner, 'KEEPTTL')
if ARGV[2] ~= '0' then redis.call('DEL', KEYS[2]) end
return 1
"
);

/// For each key its token, where the owner knows no steps → for each 1 if it is done, also when asked again;
/// 0 if the entry is not plainly the owner's, which says nothing more: [`COMPLETE`] does.
/// One call for all who complete at once costs a third of a call for each. Each entry is done or left for
/// itself, and one that is of another type stops no other.
pub(super) const COMPLETE_ALL: &str = concat!(
    "local format = '",
    format_number!(),
    "'",
    r"
local answers = {}
for i = 1, #KEYS do
  local value, token = redis.pcall('GET', KEYS[i]), ARGV[i]
  local begun, done = format .. 'S:' .. token .. ':', format .. 'C:' .. token
  answers[i] = 0
  if value == done then answers[i] = 1
  elseif type(value) == 'string' and string.sub(value, 1, #begun) == begun then
    redis.call('SET', KEYS[i], done, 'KEEPTTL')
    answers[i] = 1
  end
end
return answers
"
);

/// token, next attempt or nothing, abandoned runs or nothing, retention, how many steps the owner knows,
/// and those that may not be here: step, JSON, step, JSON, … → written.
pub(super) const RELEASE: &str = script!(
    r"
local state, owner, lowest, fence, abandoned = entry_of(redis.call('GET', KEYS[1]))
if state == '' then return 2 end
if owner ~= ARGV[1] then return 0 end
if state == 'R' then return 1 end
if state ~= 'S' then return 0 end
for i = 6, #ARGV, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
if ARGV[5] ~= '0' and redis.call('HLEN', KEYS[2]) < tonumber(ARGV[5]) then return 2 end
if ARGV[2] ~= '' then lowest = math.max(lowest, tonumber(ARGV[2])) end
if ARGV[3] ~= '' then abandoned = ARGV[3] end
redis.call('SET', KEYS[1], released(owner, lowest, fence, abandoned), 'PX', ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return 1
"
);

/// The entry as it stands under the lease, token, expiry, step, JSON, step, JSON, … → 1 if anything was
/// put back, 0 if somebody else has the entry. Steps without an entry are those of one that expired.
pub(super) const RESTORE: &str = script!(
    r"
local state, owner = entry_of(redis.call('GET', KEYS[1]))
if state == '' then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
  redis.call('DEL', KEYS[2])
elseif state ~= 'S' or owner ~= ARGV[2] then
  return 0
end
for i = 4, #ARGV, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return 1
"
);

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
