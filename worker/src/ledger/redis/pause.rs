//! The pause of a refused secret on Redis: what [`crate::pauses`] means, word for word, by Redis' clock.

use std::time::Duration;

use deadpool_redis::redis::{FromRedisValue, Value};

use crate::pauses::{FIRST_MS, KEPT_MS, LONGEST_MS, NEAR_MS, PauseState, Word};

/// word, within or whether a try, and the constants: first, longest, near, kept → {0} open, {1} try,
/// {2, ms} paused, {3, ms} begun, {4} ended.
pub(super) const PAUSE: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local word, first, longest = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4])
local near, kept = tonumber(ARGV[5]), tonumber(ARGV[6])
local known = redis.call('HMGET', KEYS[1], 'next', 'refusals', 'tried')
local next_ms, refusals, tried = tonumber(known[1] or ''), tonumber(known[2] or 0), tonumber(known[3] or 0)
local function last_wait(refused)
  return math.min(first * 2 ^ math.min(math.max(refused - 1, 0), 30), longest)
end
local function keep(next, refused, tried_ms)
  redis.call('HSET', KEYS[1], 'next', string.format('%.0f', next), 'refusals', refused,
    'tried', string.format('%.0f', tried_ms))
  redis.call('PEXPIRE', KEYS[1], next - now + kept)
end
if not next_ms then
  if word ~= 'refused' then return {0, 0} end
  keep(now + first, 1, 0)
  return {3, first}
end
if word == 'accepted' then
  redis.call('DEL', KEYS[1])
  return {4, 0}
end
if word == 'refused' and ARGV[2] == '1' then
  local wait = last_wait(refusals + 1)
  keep(now + wait, refusals + 1, 0)
  return {2, wait}
end
if word == 'untold' and tried > 0 then
  local wait = last_wait(refusals)
  keep(now + wait, refusals, 0)
  return {2, wait}
end
if (word == 'look' or word == 'enter') and next_ms <= now then
  if word == 'enter' then keep(now + tonumber(ARGV[2]), refusals, now) end
  return {1, 0}
end
local wait = next_ms - now
if tried > 0 then wait = math.max(math.min(wait, near), tried + last_wait(refusals) - now) end
return {2, math.max(wait, 0)}
";

pub(super) fn arguments(word: Word) -> Vec<String> {
    let (name, more) = match word {
        Word::Look => ("look", 0),
        Word::Enter(within) => ("enter", u64::try_from(within.as_millis()).unwrap_or(u64::MAX)),
        Word::Refused { is_try } => ("refused", u64::from(is_try)),
        Word::Accepted => ("accepted", 0),
        Word::Untold => ("untold", 0),
    };
    let constants = [FIRST_MS, LONGEST_MS, NEAR_MS, KEPT_MS].map(|ms| ms.to_string());
    [name.to_owned(), more.to_string()].into_iter().chain(constants).collect()
}

pub(super) fn read(reply: Value) -> Option<PauseState> {
    let (code, ms) = <(i64, u64)>::from_redis_value(reply).ok()?;
    let wait = Duration::from_millis(ms);
    Some(match code {
        0 => PauseState::Open,
        1 => PauseState::Try,
        2 => PauseState::Paused(wait),
        3 => PauseState::Begun(wait),
        4 => PauseState::Ended,
        _ => return None,
    })
}
