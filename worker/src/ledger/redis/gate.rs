//! A service's gate on Redis: calls are let through, or told when to come back, by Redis' clock.

use deadpool_redis::redis::{FromRedisValue as _, Value};
use shared::broker::Lane;

use super::lua::{flows, now, waits};
use super::take::millis;
use crate::limits::{
    BULK_OF_TEN, CALM_MS, Caller, LATE_MS, LATELY, LEAST, LEAST_OF_ALL, LONGEST_OPEN_MS, MORE,
    MOST_STRIKES, OPEN_MS, PROBE_MS, Passage, SLICE_MS, SLICES, SOONEST_MS, UNSEEN_MS, Way,
};

/// What whoever comes to a gate wants.
pub(super) fn entering(is_asking: bool) -> &'static str {
    if is_asking { "ask" } else { "enter" }
}

/// The arguments of [`GATE`], of who calls from the process `worker`.
pub(super) fn gate_arguments(
    way: &Way,
    caller: Caller<'_>,
    worker: &str,
    what: &str,
    slot_ms: i64,
) -> Vec<String> {
    let flag = |is_set| u8::from(is_set).to_string();
    let mut arguments = vec![
        what.to_owned(),
        way.cap.to_string(),
        millis(way.lease).to_string(),
        flag(caller.lane == Lane::Bulk),
        flag(caller.is_placed),
        millis(caller.waited).to_string(),
        slot_ms.to_string(),
        caller.origin.to_owned(),
        worker.to_owned(),
    ];
    let (of_ten, least, least_of_all) = (BULK_OF_TEN.into(), LEAST.into(), LEAST_OF_ALL.into());
    let cap = [of_ten, LATE_MS, UNSEEN_MS, SOONEST_MS];
    let outcomes = [SLICE_MS, SLICES, least, least_of_all, LATELY];
    let breaker = [OPEN_MS, LONGEST_OPEN_MS, CALM_MS, MOST_STRIKES.into()];
    let numbers = cap.into_iter().chain(outcomes).chain(breaker).chain([PROBE_MS, MORE]);
    arguments.extend(numbers.map(|number: i64| number.to_string()));
    arguments
}

/// What [`GATE`] answers to who comes.
pub(super) fn read_passage(reply: Value) -> Option<Passage> {
    let (code, ms, is_probe) = <(i64, i64, i64)>::from_redis_value(reply).ok()?;
    match code {
        0 => Some(Passage::Open { slot_ms: ms, is_probe: is_probe == 1 }),
        1 => Some(Passage::Full(ms)),
        2 => Some(Passage::Shut(ms)),
        _ => None,
    }
}

/// And to who leaves: for how long to wait for who probed in vain, and whether nobody calls by now.
pub(super) fn read_left(reply: Value) -> (Option<i64>, bool) {
    match <(i64, i64, i64)>::from_redis_value(reply) {
        Ok((_, ms, is_shut)) => (Some(ms).filter(|ms| *ms >= 0), is_shut == 1),
        Err(_) => (None, false),
    }
}

/// A [`crate::limits`] gate, word for word: a service's cap and breaker.
///
/// what (`ask`, `enter`, `passed`, `failed`, `cut_off`), cap, lease, whether bulk, whether placed, waited,
/// slot, origin, worker, and the constants: tenths of bulk, lateness, unseen, soonest; slice, slices, least,
/// least of all, lately; open, longest open, calm, strikes; probing, more → {0, slot, whether a probe} through,
/// {1, ms} full, {2, ms} shut; {3, ms or -1, whether shut} left, and when to come back for who probed in vain.
///
/// The state is one value, packed: an entry for each call under way, of which there are no more than the cap,
/// and one for each of the last slices of time. The lines of origins, which may be thousands, stand beside it
/// in two sorted sets, of which a call reads a few entries. So do the calls of each worker, in a hash: a field
/// for each slice and worker, to which each call adds one, and a thousand million if it failed. All of it is
/// read when the calls of all workers show an outage, and once in each slice, to drop what is over.
pub(super) const GATE: &str = concat!(
    now!(),
    r"
local what, cap, lease = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local bulk, placed, waited, slot = ARGV[4] == '1', ARGV[5] == '1', tonumber(ARGV[6]), tonumber(ARGV[7])
local origin, worker, of_ten, late, unseen, soonest =
  ARGV[8], ARGV[9], tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12]), tonumber(ARGV[13])
local slice_ms, slices, least, least_of_all, lately =
  tonumber(ARGV[14]), tonumber(ARGV[15]), tonumber(ARGV[16]), tonumber(ARGV[17]), tonumber(ARGV[18])
local open_ms, longest_open, calm, strikes =
  tonumber(ARGV[19]), tonumber(ARGV[20]), tonumber(ARGV[21]), tonumber(ARGV[22])
local probing, more, failure = tonumber(ARGV[23]), tonumber(ARGV[24]), 1000000000
local packed = redis.call('GET', KEYS[1])
if not packed and what == 'ask' then return {0, 0, 0} end
local s = packed and cmsgpack.unpack(packed)
  or { work = {}, bulk = {}, back_end = 0, bulk_waits = 0, mean = unseen,
       recent = {}, open_until = 0, closed = 0, strikes = 0, probe = 0, appointed = false, waits = {},
       cap = cap }
if what == 'ask' then cap = s.cap else s.cap = cap end
",
    waits!(),
    flows!(),
    r"
local function answer(code, first, second)
  local last = math.max(s.back_end, s.open_until + longest_open, s.closed + calm)
  for _, slots in ipairs({s.work, s.bulk}) do
    for _, taken in ipairs(slots) do last = math.max(last, taken) end
  end
  for _, wait in ipairs(s.waits) do last = math.max(last, wait[1]) end
  local newest = s.recent[#s.recent]
  if newest then last = math.max(last, (newest[1] + slices) * slice_ms) end
  redis.call('SET', KEYS[1], cmsgpack.pack(s), 'PX', math.max(last - now, 60000))
  return {code, first, second or 0}
end
local function open()
  s.open_until = now + math.min(open_ms * 2 ^ s.strikes, longest_open)
  s.strikes = math.min(s.strikes + 1, strikes)
  s.recent, s.appointed, s.probe = {}, false, 0
  redis.call('DEL', KEYS[4])
end
local slice_now = math.floor(now / slice_ms)
local function own_calls()
  local workers, over, fields = {}, {}, redis.call('HGETALL', KEYS[4])
  for i = 1, #fields, 2 do
    local slice, name = string.match(fields[i], '^(%d+):(.*)$')
    local calls = tonumber(fields[i + 1])
    slice = tonumber(slice)
    if slice <= slice_now - slices then
      over[#over + 1] = fields[i]
    else
      local own = workers[name] or { 0, 0, 0 }
      workers[name] = own
      own[1], own[2] = own[1] + calls % failure, own[2] + math.floor(calls / failure)
      own[3] = math.max(own[3], slice)
    end
  end
  for i = 1, #over, 1000 do
    redis.call('HDEL', KEYS[4], unpack(over, i, math.min(i + 999, #over)))
  end
  return workers
end
local function note(failed)
  while s.recent[1] and s.recent[1][1] <= slice_now - slices do table.remove(s.recent, 1) end
  local newest = s.recent[#s.recent]
  if not newest or newest[1] ~= slice_now then
    newest = { slice_now, 0, 0 }
    s.recent[#s.recent + 1] = newest
    own_calls()
  end
  newest[2], newest[3] = newest[2] + 1, newest[3] + failed
  local field = string.format('%.0f:%s', slice_now, worker)
  redis.call('HINCRBY', KEYS[4], field, string.format('%.0f', 1 + failed * failure))
  redis.call('PEXPIRE', KEYS[4], (slices + 1) * slice_ms)
end
local function show_outage()
  local count, failures, voters, failing = 0, 0, 0, 0
  for _, calls in ipairs(s.recent) do
    count, failures = count + calls[2], failures + calls[3]
  end
  if count < math.min(least, math.max(cap, least_of_all)) or failures * 2 < count then return false end
  for _, own in pairs(own_calls()) do
    if own[3] > slice_now - lately then
      voters = voters + 1
      if own[2] * 2 >= own[1] then failing = failing + 1 end
    end
  end
  return failing * 2 > voters
end
local function flows_place(begin, step)
  local own, place = flow_end(bulk, origin), begin
  if own > 0 then place = math.max(begin, own + step * redis.call('ZCARD', lane_of(bulk))) end
  extend_flow(bulk, origin, place)
  return place
end
local function wait(begin, at_least)
  local step = math.max(math.floor(s.mean / math.max(cap, 1)), 1)
  local place = math.max(begin, s.back_end + step)
  if placed then s.back_end = place
  else
    forget_flows()
    if bulk then
      local _, finish = longest_flow(false)
      place = math.max(place, (finish or 0) + step)
    end
    place = flows_place(place, step)
  end
  place = math.max(place, now + at_least)
  add_wait(place, bulk, now - waited)
  return place - now
end
local function left(ms) return answer(3, ms, s.open_until > 0 and 1 or 0) end
if what == 'passed' or what == 'failed' or what == 'cut_off' then
  for _, slots in ipairs({s.work, s.bulk}) do
    local found
    for i, taken in ipairs(slots) do
      if taken == slot then found = i break end
    end
    if found then table.remove(slots, found) break end
  end
  if what == 'passed' then
    local took = math.min(math.max(now - (slot - lease), 0), lease)
    s.mean = math.max(math.floor((s.mean * 7 + took) / 8), 1)
  end
  if s.open_until == 0 then
    if what == 'cut_off' then return left(-1) end
    note(what == 'failed' and 1 or 0)
    if what == 'failed' and show_outage() then
      if now - s.closed > calm then s.strikes = 0 end
      open()
    end
    return left(-1)
  end
  if slot ~= s.probe then return left(-1) end
  s.probe = 0
  if what == 'passed' then
    s.open_until, s.closed = 0, now
    note(0)
  elseif what == 'failed' then
    open()
    return left(wait(s.open_until + probing, 0))
  end
  return left(-1)
end
local function forget(slots)
  local kept = {}
  for _, taken in ipairs(slots) do
    if taken > now then kept[#kept + 1] = taken end
  end
  return kept
end
local function take()
  if what == 'ask' then return 0 end
  local slots = bulk and s.bulk or s.work
  slots[#slots + 1] = now + lease
  return now + lease
end
if s.open_until == 0 then
  s.work, s.bulk = forget(s.work), forget(s.bulk)
  local used, own = #s.work + #s.bulk, math.max(math.floor(cap / 10), 1)
  local turns = math.max(own - #s.bulk, 0)
  local has_turn, most = bulk and turns > 0, cap
  if bulk and not has_turn then most = math.max(math.floor(cap * of_ten / 10), 1)
  elseif not bulk and s.bulk_waits > now then most = math.max(cap - turns, 0) end
  if used >= most then
    local oldest
    for _, slots in ipairs({s.work, s.bulk}) do
      for _, taken in ipairs(slots) do oldest = math.min(oldest or taken, taken) end
    end
    local hung = oldest and now - (oldest - lease) or 0
    local guess = math.max(math.min(math.max(s.mean, hung), lease), soonest)
    if has_turn and placed then s.bulk_waits = math.max(s.bulk_waits, now + guess + late) end
    return answer(1, wait(now + guess, 0))
  end
  local finish = math.max(flow_end(bulk, origin), s.back_end)
  if not placed and finish > now and used * 2 >= cap then
    return answer(1, wait(now + 1, 0))
  end
  return answer(0, take(), 0)
end
if now < s.open_until then
  if not s.appointed then
    s.appointed = true
    add_wait(s.open_until, bulk, now - waited)
    return answer(2, s.open_until - now)
  end
  return answer(2, wait(s.open_until + probing, math.floor(waited / more)))
end
if now < s.probe then
  local begin = now + math.max(probing, now - (s.probe - lease))
  return answer(2, wait(begin, math.floor(waited / more)))
end
local taken = take()
if what ~= 'ask' then s.probe = taken end
return answer(0, taken, 1)
"
);
