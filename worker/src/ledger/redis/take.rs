//! A limit's line on Redis: requests are counted, or told their place, by Redis' clock.

use std::time::Duration;

use deadpool_redis::redis::{FromRedisValue as _, Value};
use shared::broker::Lane;

use super::lua::{flows, now, waits};
use crate::limits::{Asker, BULK_OF_TEN, LATE_MS, Limit, MOST_SWAPS, NEAR_MS, Room, SPACING_MS};

/// As scripts are told how long something is.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The arguments of [`TAKE`].
pub(super) fn take_arguments(limit: &Limit, asker: Asker<'_>) -> Vec<String> {
    let Asker { origin, lane, standing, waited } = asker;
    vec![
        limit.size.map(|size| size.to_string()).unwrap_or_default(),
        millis(limit.window).to_string(),
        u8::from(lane == Lane::Bulk).to_string(),
        standing.as_str().to_owned(),
        standing.thousandths().to_string(),
        BULK_OF_TEN.to_string(),
        SPACING_MS.to_string(),
        LATE_MS.to_string(),
        NEAR_MS.to_string(),
        millis(waited).to_string(),
        origin.to_owned(),
        u8::from(limit.is_shared).to_string(),
        MOST_SWAPS.to_string(),
    ]
}

/// What [`TAKE`] answers.
pub(super) fn read_room(reply: Value) -> Option<Room> {
    let (code, ms) = <(i64, u64)>::from_redis_value(reply).ok()?;
    let wait = Duration::from_millis(ms);
    match code {
        0 => Some(Room::Granted),
        1 => Some(Room::Soon(wait)),
        2 => Some(Room::Place(wait)),
        _ => None,
    }
}

/// The arguments of [`HOLD`].
pub(super) fn hold_arguments(limit: &Limit, wait: Duration) -> Vec<String> {
    vec![millis(wait).to_string(), millis(limit.window).to_string()]
}

/// The state of a limit at which nobody has asked.
macro_rules! fresh {
    () => {
        "{ granted = {}, begun = {}, begun_rest = 0, work = {}, work_rest = 0, bulk = {}, bulk_rest = 0,
       back = {}, back_rest = 0, bulk_back = {}, bulk_back_rest = 0, work_waits = 0, bulk_waits = 0,
       turns = {}, hold = 0, swaps = {}, waits = {}, size = 0, window = 0 }"
    };
}

/// What [`crate::limits`] means, word for word, by Redis' clock: there the reasons stand, and its tests
/// are those of the rules. The state is one value, packed, which does not grow with those who wait: what a
/// window takes, and some hundred entries. The lines of origins, which may be thousands, stand beside it in
/// two sorted sets, of which a call reads a few entries. Asked twice because an answer was lost it counts
/// twice, which only makes it more careful.
///
/// size or nothing, window, whether bulk, standing, thousandths of the run's requests, and the constants:
/// tenths of bulk, spacing, lateness, nearness; for how long it has waited, whose it is, whether several
/// share the limit, and the most swaps → {0} granted, {1, ms} soon, {2, ms} a place.
pub(super) const TAKE: &str = concat!(
    now!(),
    r"
local size, window, bulk = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3] == '1'
local standing, requests, of_ten = ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local spacing, late, near = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local waited, origin, shared = tonumber(ARGV[10]), ARGV[11], ARGV[12] == '1'
local most_swaps = tonumber(ARGV[13])
local packed = redis.call('GET', KEYS[1])
if not packed and not size then return {0, 0} end
local s = packed and cmsgpack.unpack(packed)
  or ",
    fresh!(),
    r"
if size then s.size, s.window = size, window end
",
    waits!(),
    flows!(),
    r"
local function forget(times, until_ms)
  local gone, many = 0, #times
  while gone < many and times[gone + 1] <= until_ms do gone = gone + 1 end
  if gone > 0 then
    for i = 1, many do times[i] = times[i + gone] end
  end
end
local function until_free(times, cap, long)
  local too_many = #times + 1 - cap
  if too_many <= 0 then return 0 end
  if not times[too_many] then return long end
  return math.max(times[too_many] + long - now, 1)
end
local function next_of(slots)
  return math.max(math.floor((requests + s[slots .. '_rest']) / 1000), 1)
end
local function until_room(cap)
  local free = until_free(s.granted, cap, window)
  if standing == 'under_way' then return free end
  local tenth = math.max(math.floor(size / 10), 1)
  local too_many = #s.begun + math.min(next_of('begun'), cap, tenth) - cap
  if too_many <= 0 or not s.begun[too_many] then return free end
  return math.max(free, s.begun[too_many] + window - now)
end
local function tenths(many)
  local part = math.max(math.floor(size * many / 10), 1)
  return part, math.floor(window * part * 10 / (math.max(size, 1) * many))
end
local function ends(slots) return slots[#slots] or 0 end
local function answer(code, ms)
  local last = math.max(ends(s.begun), ends(s.work), ends(s.bulk), ends(s.back), ends(s.bulk_back),
    s.hold, now)
  for _, wait in ipairs(s.waits) do last = math.max(last, wait[1]) end
  redis.call('SET', KEYS[1], cmsgpack.pack(s), 'PX', last - now + window * 10)
  return {code, ms}
end
local function spaced(finish, hold)
  local begin = math.max(hold, now)
  if finish < begin or (finish <= now and hold <= now) then return begin end
  return finish + spacing
end
local function push(slots, at, count, most)
  for _ = 1, count do slots[#slots + 1] = at end
  while #slots > math.max(most, count) do table.remove(slots, 1) end
end
local function book(name, begin, part, long)
  local slots, rest = s[name], name .. '_rest'
  local count = next_of(name)
  s[rest] = (requests + s[rest]) % 1000
  local fit, place = math.min(count, part), begin
  local too_many = #slots + fit - part
  if too_many > 0 and slots[too_many] then place = math.max(place, slots[too_many] + long) end
  push(slots, place + math.floor((count - 1) / math.max(part, 1)) * long, fit, size)
  return place
end
local function forget_swaps()
  local kept = {}
  for _, given in ipairs(s.swaps) do
    if given[4] > now then kept[#kept + 1] = given end
  end
  s.swaps = kept
end
local function add_swap(whose, begin, finish)
  forget_swaps()
  local has_room = #s.swaps < most_swaps
  if has_room then s.swaps[#s.swaps + 1] = { whose, bulk, begin, finish } end
  return has_room
end
local function swap(finish)
  if not (shared and size) then return finish end
  local step = math.max(math.floor(window / math.max(size, 1)), 1)
  forget_flows()
  local own, lines = flow_end(bulk, origin), redis.call('ZCARD', lane_of(bulk))
  if own == 0 then lines = lines + 1 end
  local other, other_end = longest_flow(bulk, origin)
  local place = math.max(own, s.hold, now) + step * lines
  if other and place + step < finish and place <= other_end
    and add_swap(other, place - step + 1, finish) then
    extend_flow(bulk, other, finish)
    extend_flow(bulk, origin, place)
    return place
  end
  extend_flow(bulk, origin, finish)
  return finish
end
local function owed()
  forget_swaps()
  for i, given in ipairs(s.swaps) do
    if given[2] == bulk and given[1] == origin and given[3] <= now then
      return table.remove(s.swaps, i)[4]
    end
  end
end
if standing == 'new' then
  local name = bulk and 'bulk' or 'work'
  local finish = math.max(ends(s[name]), ends(s.back), bulk and ends(s.bulk_back) or 0)
  local place
  if not size then
    place = spaced(finish, s.hold)
    if place > now then push(s[name], place, 1, 1) end
  else
    local begin = math.max(now, s.hold, finish)
    local other = ends(bulk and s.work or s.bulk)
    local part, long = size, window
    if bulk then part, long = tenths(other > begin and 1 or of_ten)
    elseif other > begin then part, long = tenths(9) end
    place = book(name, begin, part, long)
  end
  place = swap(place)
  if place > now then
    add_wait(place, bulk, now - waited)
    return answer(2, place - now)
  end
elseif standing == 'placed' and shared then
  local place = owed()
  if place then
    add_wait(place, bulk, now - waited)
    return answer(2, place - now)
  end
end
forget(s.granted, now - window)
local wait, has_turn = math.max(s.hold - now, 0), false
if size then
  local part, long = tenths(1)
  forget(s.turns, now - long)
  local turns = math.max(part - #s.turns, 0)
  has_turn = bulk and turns > 0
  local room
  if has_turn or standing == 'under_way' then room = until_room(size)
  elseif bulk then
    local turn = until_free(s.turns, part, long)
    room = until_room(math.max(math.floor(size * of_ten / 10), 1))
    room = math.min(math.max(room, s.work_waits - now, 0), turn)
  elseif s.bulk_waits > now then room = until_room(math.max(size - turns, 0))
  else room = until_room(size) end
  wait = math.max(wait, room)
end
if wait == 0 then
  if size then
    s.granted[#s.granted + 1] = now
    if standing ~= 'under_way' then
      local count = next_of('begun')
      s.begun_rest = (requests + s.begun_rest) % 1000
      push(s.begun, now, math.min(count, size), size)
      if has_turn then
        for _ = 1, math.min(count, (tenths(1))) do s.turns[#s.turns + 1] = now end
      end
    end
  end
  return answer(0, 0)
end
if wait > near and standing == 'placed' then
  local name = bulk and 'bulk_back' or 'back'
  local finish = math.max(ends(s[name]), ends(s.back))
  local place
  if size then place = book(name, math.max(now + wait, finish), size, window)
  else
    place = spaced(finish, now + wait)
    push(s[name], place, 1, 1)
  end
  add_wait(place, bulk, now - waited)
  return answer(2, place - now)
end
if not bulk then s.work_waits = math.max(s.work_waits, now + wait + late)
elseif has_turn then s.bulk_waits = math.max(s.bulk_waits, now + wait + late) end
return answer(1, wait)
"
);

/// for how long, window → 1: nothing is granted meanwhile.
pub(super) const HOLD: &str = concat!(
    now!(),
    r"
local packed = redis.call('GET', KEYS[1])
local s = packed and cmsgpack.unpack(packed)
  or ",
    fresh!(),
    r"
s.hold = math.max(s.hold, now + tonumber(ARGV[1]))
local left = math.max(redis.call('PTTL', KEYS[1]), s.hold - now + tonumber(ARGV[2]) * 10)
redis.call('SET', KEYS[1], cmsgpack.pack(s), 'PX', left)
return 1
"
);
