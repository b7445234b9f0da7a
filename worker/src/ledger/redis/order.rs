//! A record's line on Redis: what [`crate::order`] means, word for word, by Redis' clock.

use std::time::Duration;

use deadpool_redis::redis::{FromRedisValue as _, Value};

use super::lua::now;
use super::take::millis;
use crate::order::{
    AGAIN_MS, Comer, LATE_MS, LONGEST_MS, LOST_MS, MOST, STEP_MS, Terms, Turn, Word,
};

/// The arguments of [`ORDER`].
pub(super) fn arguments(who: &Comer, terms: &Terms, word: Word) -> Vec<String> {
    let (word, span) = match word {
        Word::Enter(lease) => ("enter", lease),
        Word::Done => ("done", Duration::ZERO),
        Word::Dead => ("dead", Duration::ZERO),
        Word::Failed(back) => ("failed", back),
        Word::PutOff(back) => ("put_off", back),
    };
    vec![
        word.to_owned(),
        millis(span).to_string(),
        who.id.clone(),
        who.at_ms.to_string(),
        u8::from(who.is_bulk).to_string(),
        millis(terms.hold).to_string(),
        u8::from(terms.takes_along).to_string(),
        MOST.to_string(),
        STEP_MS.to_string(),
        LONGEST_MS.to_string(),
        AGAIN_MS.to_string(),
        LATE_MS.to_string(),
        LOST_MS.to_string(),
    ]
}

/// What [`ORDER`] answers.
pub(super) fn read(reply: Value) -> Option<Turn> {
    let (code, ms, is_near) = <(i64, u64, i64)>::from_redis_value(reply).ok()?;
    match code {
        0 => Some(Turn::Go),
        1 => Some(Turn::Wait { wait: Duration::from_millis(ms), is_near: is_near == 1 }),
        2 => Some(Turn::Broken),
        3 => Some(Turn::Noted),
        _ => None,
    }
}

/// word, its lease or until it is back, who, when it happened, whether bulk, hold, whether it takes along, and
/// the constants: most, step, longest, again, late, lost → {0} go, {1, ms, whether near} wait, {2} broken,
/// {3} noted. Said twice because an answer was lost it changes nothing.
///
/// The state is one value, packed: of each event when it happened, who it is, since when it fails, its lease,
/// when it is due, until when it is remembered, whether it is bulk, and whether it was taken along.
pub(super) const ORDER: &str = concat!(
    now!(),
    r"
local word, span, id, at, bulk = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4]), ARGV[5] == '1'
local hold, along, most, step = tonumber(ARGV[6]), ARGV[7] == '1', tonumber(ARGV[8]), tonumber(ARGV[9])
local longest, again, late, lost =
  tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12]), tonumber(ARGV[13])
local packed = redis.call('GET', KEYS[1])
local line, known = {}, false
local own = { at, id, 0, 0, 0, 0, bulk, false }
for _, entry in ipairs(packed and cmsgpack.unpack(packed) or {}) do
  if entry[6] > now then
    if entry[2] == id then own, known = entry, true
    else line[#line + 1] = entry end
  end
end
local function answer(code, first, second)
  local last = 0
  for _, entry in ipairs(line) do last = math.max(last, entry[6]) end
  if last > now then
    redis.call('SET', KEYS[1], cmsgpack.pack(line), 'PX', string.format('%.0f', last - now))
  elseif packed then redis.call('DEL', KEYS[1]) end
  return { code, first or 0, second or 0 }
end
local function older(a, b) return a[1] < b[1] or (a[1] == b[1] and a[2] < b[2]) end
local function under_way(entry) return entry[4] > now end
local function over(entry) return entry[3] > 0 and now >= entry[3] + hold end
local function before(a, b) return not (a[8] or (a[7] and not b[7])) and older(a, b) end
local function insert(entry)
  local place = #line + 1
  while place > 1 and older(entry, line[place - 1]) do place = place - 1 end
  table.insert(line, place, entry)
end
local function comes_back(entry, after)
  entry[4], entry[5] = 0, now + after
  entry[6] = entry[5] + math.floor(after / 4) + late
end
local function last_of(is_one)
  for i = #line, 1, -1 do
    if is_one(line[i]) then return i end
  end
end
local function waits(entry) return not under_way(entry) and entry[3] == 0 and not entry[8] end
if word == 'done' or word == 'dead' then
  if along and (word == 'dead' or over(own)) and not own[8] then
    for _, entry in ipairs(line) do
      if not under_way(entry) and before(own, entry) then entry[8] = true end
    end
  end
  return answer(3)
end
if word == 'failed' or word == 'put_off' then
  if word == 'failed' and own[3] == 0 then own[3] = now end
  comes_back(own, span)
  if own[3] > 0 then own[6] = math.max(own[6], own[3] + hold) end
  insert(own)
  return answer(3)
end
local other, first, places, broken = nil, nil, 0, own[8]
for _, entry in ipairs(line) do
  if under_way(entry) then other = other or entry
  elseif before(entry, own) and not over(entry) then
    first, places = first or entry, places + 1
  end
end
if along and not other then
  for _, entry in ipairs(line) do
    if over(entry) and before(entry, own) then broken = true end
  end
end
if broken then
  if known then
    own[4], own[8] = 0, true
    insert(own)
  end
  return answer(2)
end
if not other and not first then
  if #line >= most then
    table.remove(line, last_of(function(entry) return entry[3] == 0 and not entry[8] end) or #line)
  end
  own[4], own[5], own[6] = now + span, now, now + span + lost
  insert(own)
  return answer(0)
end
local base
if other then
  places = places + 1
  base = math.min(math.floor(math.max(now - other[5], 0) / 2), longest)
else
  local ends = first[5]
  if first[3] > 0 then ends = math.min(ends, first[3] + hold) end
  base = ends > now and math.min(ends - now, longest) or again
end
local wait = base + places * step
local kept = known or #line < most
if not kept then
  local last = last_of(waits)
  if last and older(own, line[last]) then
    table.remove(line, last)
    kept = true
  end
end
if kept then
  comes_back(own, wait)
  insert(own)
end
return answer(1, wait, other and 1 or 0)
"
);
