//! The ledger's transitions, each one atomic step by Redis' own clock.
//!
//! An entry is a string: `S:token:lowest:fence:abandoned:lease:retention` while a run has it,
//! `R:token:lowest:fence:abandoned` when it was given back, `C:token` when it is done. `token`
//! is the last owner's, `lowest` the lowest live attempt, times are ms. Every claim and
//! extension sets the entry to expire after `retention`, and so the time it has left tells how
//! old the lease is: no clock but Redis' has a say. Steps are a hash beside the entry.
//!
//! A first claim needs no script: `SET … NX GET` is four times cheaper, and nearly every event
//! is claimed once.

use std::sync::LazyLock;
use std::time::Duration;

use deadpool_redis::redis::{self, FromRedisValue as _, Pipeline, Value};
use shared::broker::Lane;

use super::millis;
use crate::limits::{
    Asker, BULK_OF_TEN, CALM_MS, Caller, LATE_MS, LEAST, LEAST_OF_ALL, LONGEST_OPEN_MS, Limit,
    MORE, MOST_STRIKES, NEAR_MS, OPEN_MS, PROBE_MS, Passage, RECENT_S, Room, SOONEST_MS,
    SPACING_MS, UNSEEN_MS, Way,
};

/// A transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Script {
    Claim,
    Extend,
    Step,
    Complete,
    Release,
    Take,
    Hold,
    Gate,
    Look,
    Known,
    Delayed,
    Import,
    Recall,
}

impl Script {
    pub(super) const ALL: [Self; 13] = [
        Self::Claim,
        Self::Extend,
        Self::Step,
        Self::Complete,
        Self::Release,
        Self::Take,
        Self::Hold,
        Self::Gate,
        Self::Look,
        Self::Known,
        Self::Delayed,
        Self::Import,
        Self::Recall,
    ];

    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Claim => CLAIM,
            Self::Extend => EXTEND,
            Self::Step => STEP,
            Self::Complete => COMPLETE,
            Self::Release => RELEASE,
            Self::Take => TAKE,
            Self::Hold => HOLD,
            Self::Gate => GATE,
            Self::Look => LOOK,
            Self::Known => KNOWN,
            Self::Delayed => DELAYED,
            Self::Import => IMPORT,
            Self::Recall => RECALL,
        }
    }

    /// The SHA-1 by which Redis calls it.
    fn hash(self) -> &'static str {
        static HASHES: LazyLock<[String; 13]> = LazyLock::new(|| {
            Script::ALL.map(|script| redis::Script::new(script.code()).get_hash().to_owned())
        });
        &HASHES[self as usize]
    }

    /// The last part of its second key's name.
    fn beside(self) -> &'static str {
        if self == Self::Recall { "plain" } else { "steps" }
    }
}

/// One question to Redis, nearly always about one entry.
#[derive(Clone, Debug)]
pub(super) enum Call {
    /// Whether it is there.
    Ping,
    /// Writes a key by a plain command, to expire after `for_ms`.
    Keep { key: String, value: u64, for_ms: u64 },
    /// Writes an entry that is not there yet, to expire after `retention_ms`; answers what
    /// stands there instead, or nothing.
    Begin { key: String, value: String, retention_ms: u64 },
    /// A script on the entry and what is kept beside it.
    Run { script: Script, key: String, arguments: Vec<String> },
}

impl Call {
    pub(super) fn append_to(&self, pipeline: &mut Pipeline) {
        match self {
            Self::Ping => {
                pipeline.cmd("PING");
            }
            Self::Keep { key, value, for_ms } => {
                pipeline.cmd("SET").arg(key).arg(*value).arg("PX").arg(*for_ms);
            }
            Self::Begin { key, value, retention_ms } => {
                let command = pipeline.cmd("SET").arg(key).arg(value);
                command.arg("PX").arg(*retention_ms).arg("NX").arg("GET");
            }
            Self::Run { script, key, arguments } => {
                let command = pipeline.cmd("EVALSHA").arg(script.hash()).arg(2);
                command.arg(key).arg(format!("{key}:{}", script.beside())).arg(arguments);
            }
        }
    }
}

/// Those of [`Script::Take`].
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
    ]
}

/// What [`Script::Take`] answers.
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

/// Those of [`Script::Hold`].
pub(super) fn hold_arguments(limit: &Limit, wait: Duration) -> Vec<String> {
    vec![millis(wait).to_string(), millis(limit.window).to_string()]
}

/// What whoever comes to a gate wants.
pub(super) fn entering(is_asking: bool) -> &'static str {
    if is_asking { "ask" } else { "enter" }
}

/// Those of [`Script::Gate`].
pub(super) fn gate_arguments(
    way: &Way,
    caller: Caller<'_>,
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
    ];
    let (of_ten, least, least_of_all) = (BULK_OF_TEN.into(), LEAST.into(), LEAST_OF_ALL.into());
    let cap = [of_ten, LATE_MS, UNSEEN_MS, SOONEST_MS];
    let breaker =
        [RECENT_S, least, least_of_all, OPEN_MS, LONGEST_OPEN_MS, CALM_MS, MOST_STRIKES.into()];
    let numbers = cap.into_iter().chain(breaker).chain([PROBE_MS, MORE]);
    arguments.extend(numbers.map(|number: i64| number.to_string()));
    arguments
}

/// What [`Script::Gate`] answers to who comes.
pub(super) fn read_passage(reply: Value) -> Option<Passage> {
    let (code, ms, is_probe) = <(i64, i64, i64)>::from_redis_value(reply).ok()?;
    match code {
        0 => Some(Passage::Open { slot_ms: ms, is_probe: is_probe == 1 }),
        1 => Some(Passage::Full(ms)),
        2 => Some(Passage::Shut(ms)),
        _ => None,
    }
}

/// And to who leaves.
pub(super) fn read_left(reply: Value) -> Option<i64> {
    let (_, ms, _) = <(i64, i64, i64)>::from_redis_value(reply).ok()?;
    Some(ms).filter(|ms| *ms >= 0)
}

/// Redis' time, in ms. A test puts its own there.
macro_rules! now {
    () => {
        "
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"
    };
}

/// What tells the scripts of limits the time.
#[cfg(test)]
pub(super) const NOW: &str = now!();

/// [`crate::limits`]' waits: somebody who has waited since then has got a place.
macro_rules! waits {
    () => {
        "
local function add_wait(place, bulk, since)
  local kept, found = {}, nil
  local width = 1000
  while width * 16 <= place - now do width = width * 2 end
  local till = math.ceil(place / width) * width
  for _, wait in ipairs(s.waits) do
    if wait[1] > now then
      kept[#kept + 1] = wait
      if wait[1] == till and wait[2] == bulk then found = wait end
    end
  end
  if found then
    found[3], found[4] = found[3] + 1, math.min(found[4], since)
  else
    kept[#kept + 1] = { till, bulk, 1, since }
  end
  s.waits = kept
end
"
    };
}

/// token, lease, attempt, retention → {code, fence or ms left, abandoned, steps}.
/// Claiming again with the token one holds already answers the same as the first time; with one
/// that was given back it claims nothing: that is an old call come late, which nobody waits for.
const CLAIM: &str = r"
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
const EXTEND: &str = r"
local value = redis.call('GET', KEYS[1])
if not value then return 0 end
local head, owner = string.match(value, '^(S:(%x+):%d+:%d+:%d+):')
if owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], head .. ':' .. ARGV[2] .. ':' .. ARGV[3], 'PX', ARGV[3])
return 1
";

/// token, step, JSON, retention → 1 if still the owner.
const STEP: &str = r"
local value = redis.call('GET', KEYS[1])
if not value or string.match(value, '^S:(%x+):') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return 1
";

/// token, whether there are steps → 1 if the owner, also when asked again. Steps go: they may
/// hold what need not be remembered for days.
const COMPLETE: &str = r"
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
const RELEASE: &str = r"
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

/// What [`crate::limits`] means, word for word, by Redis' clock: there the reasons stand, and its tests
/// are those of the rules. The state is one value, packed. Asked twice because an answer was lost it
/// counts twice, which only makes it more careful.
///
/// size or nothing, window, whether bulk, standing, thousandths of the run's requests, and the constants:
/// tenths of bulk, spacing, lateness, nearness; for how long it has waited; whose it is, and
/// whether several share the limit → {0} granted, {1, ms} soon, {2, ms} a place.
const TAKE: &str = concat!(
    now!(),
    r"
local size, window, bulk = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3] == '1'
local standing, requests, of_ten = ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local spacing, late, near = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local waited, origin, shared = tonumber(ARGV[10]), ARGV[11], ARGV[12] == '1'
local packed = redis.call('GET', KEYS[1])
if not packed and not size then return {0, 0} end
local s = packed and cmsgpack.unpack(packed)
  or { granted = {}, work = {}, bulk = {}, back = {}, work_rest = 0, bulk_rest = 0, back_rest = 0,
       work_waits = 0, bulk_waits = 0, turns = {}, hold = 0, flows = {}, swaps = {}, waits = {},
       size = 0, window = 0 }
if size then s.size, s.window = size, window end
",
    waits!(),
    r"
local function forget(times, until_ms)
  while times[1] and times[1] <= until_ms do table.remove(times, 1) end
end
local function until_room(times, cap, long)
  local too_many = #times + 1 - cap
  if too_many <= 0 then return 0 end
  if not times[too_many] then return long end
  return math.max(times[too_many] + long - now, 1)
end
local function tenths(many)
  local part = math.max(math.floor(size * many / 10), 1)
  return part, math.floor(window * part * 10 / (math.max(size, 1) * many))
end
local function ends(slots) return slots[#slots] or 0 end
local function answer(code, ms)
  local last = math.max(ends(s.work), ends(s.bulk), ends(s.back), s.hold, now)
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
  local thousandths = requests + s[rest]
  s[rest] = thousandths % 1000
  local count = math.max(math.floor(thousandths / 1000), 1)
  local fit, place = math.min(count, part), begin
  local too_many = #slots + fit - part
  if too_many > 0 and slots[too_many] then place = math.max(place, slots[too_many] + long) end
  push(slots, place + math.floor((count - 1) / math.max(part, 1)) * long, fit, size)
  return place
end
local function extend(whose, finish)
  local kept, own = {}, nil
  for _, flow in ipairs(s.flows) do
    if flow[3] > now then
      kept[#kept + 1] = flow
      if flow[2] == bulk and flow[1] == whose then own = flow end
    end
  end
  s.flows = kept
  if own then own[3] = math.max(own[3], finish) else kept[#kept + 1] = { whose, bulk, finish } end
end
local function swap(finish)
  if not (shared and size) then return finish end
  local step = math.max(math.floor(window / math.max(size, 1)), 1)
  local lines, own, longest = 1, 0, nil
  for _, flow in ipairs(s.flows) do
    if flow[2] == bulk and flow[1] == origin then own = flow[3]
    elseif flow[2] == bulk then
      if flow[3] > now then lines = lines + 1 end
      if not longest or flow[3] > longest[3] then longest = flow end
    end
  end
  local place = math.max(own, s.hold, now) + step * lines
  if longest and place + step < finish and place <= longest[3] then
    s.swaps[#s.swaps + 1] = { longest[1], bulk, place - step + 1, finish }
    extend(longest[1], finish)
    extend(origin, place)
    return place
  end
  extend(origin, finish)
  return finish
end
local function owed()
  local kept, due = {}, nil
  for _, given in ipairs(s.swaps) do
    if given[4] > now then
      if not due and given[2] == bulk and given[1] == origin and given[3] <= now then due = given[4]
      else kept[#kept + 1] = given end
    end
  end
  s.swaps = kept
  return due
end
if standing == 'new' then
  local name = bulk and 'bulk' or 'work'
  local finish = math.max(ends(s[name]), ends(s.back))
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
  if has_turn then room = until_room(s.granted, size, window)
  elseif bulk then
    local turn = until_room(s.turns, part, long)
    room = until_room(s.granted, math.max(math.floor(size * of_ten / 10), 1), window)
    room = math.min(math.max(room, s.work_waits - now, 0), turn)
  elseif s.bulk_waits > now then room = until_room(s.granted, math.max(size - turns, 0), window)
  else room = until_room(s.granted, size, window) end
  wait = math.max(wait, room)
end
if wait == 0 then
  if size then
    s.granted[#s.granted + 1] = now
    if has_turn then s.turns[#s.turns + 1] = now end
  end
  return answer(0, 0)
end
if wait > near and standing == 'placed' then
  local place
  if size then place = book('back', math.max(now + wait, ends(s.back)), size, window)
  else
    place = spaced(ends(s.back), now + wait)
    push(s.back, place, 1, 1)
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
const HOLD: &str = concat!(
    now!(),
    r"
local packed = redis.call('GET', KEYS[1])
local s = packed and cmsgpack.unpack(packed)
  or { granted = {}, work = {}, bulk = {}, back = {}, work_rest = 0, bulk_rest = 0, back_rest = 0,
       work_waits = 0, bulk_waits = 0, turns = {}, hold = 0, flows = {}, swaps = {}, waits = {},
       size = 0, window = 0 }
s.hold = math.max(s.hold, now + tonumber(ARGV[1]))
local left = math.max(redis.call('PTTL', KEYS[1]), s.hold - now + tonumber(ARGV[2]) * 10)
redis.call('SET', KEYS[1], cmsgpack.pack(s), 'PX', left)
return 1
"
);

/// A [`crate::limits`] gate, word for word: a service's cap and breaker.
///
/// what (`ask`, `enter`, `passed`, `failed`, `cut_off`), cap, lease, whether bulk, whether placed, waited,
/// slot, origin, and the constants: tenths of bulk, lateness, unseen, soonest; recent seconds, least, least of all, open,
/// longest open, calm, strikes; probing, more → {0, slot, whether a probe} through, {1, ms} full, {2, ms}
/// shut; {3, ms or -1} left, and how long it is shut for who probed in vain.
const GATE: &str = concat!(
    now!(),
    r"
local what, cap, lease = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local bulk, placed, waited, slot = ARGV[4] == '1', ARGV[5] == '1', tonumber(ARGV[6]), tonumber(ARGV[7])
local origin, of_ten, late, unseen, soonest =
  ARGV[8], tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12])
local recent_s, least, least_of_all, open_ms, longest_open, calm, strikes =
  tonumber(ARGV[13]), tonumber(ARGV[14]), tonumber(ARGV[15]), tonumber(ARGV[16]), tonumber(ARGV[17]),
  tonumber(ARGV[18]), tonumber(ARGV[19])
local probing, more = tonumber(ARGV[20]), tonumber(ARGV[21])
local packed = redis.call('GET', KEYS[1])
if not packed and what == 'ask' then return {0, 0, 0} end
local s = packed and cmsgpack.unpack(packed)
  or { work = {}, bulk = {}, flows = {}, back_end = 0, bulk_waits = 0, mean = unseen,
       recent = {}, open_until = 0, closed = 0, strikes = 0, probe = 0, appointed = false, waits = {},
       cap = cap }
s.cap = cap
",
    waits!(),
    r"
local function answer(code, first, second)
  local last = math.max(s.back_end, s.open_until + longest_open, s.closed + calm)
  for _, flow in ipairs(s.flows) do last = math.max(last, flow[3]) end
  for _, slots in ipairs({s.work, s.bulk}) do
    for _, taken in ipairs(slots) do last = math.max(last, taken) end
  end
  for _, wait in ipairs(s.waits) do last = math.max(last, wait[1]) end
  local newest = s.recent[#s.recent]
  if newest then last = math.max(last, (newest[1] + recent_s) * 1000) end
  redis.call('SET', KEYS[1], cmsgpack.pack(s), 'PX', math.max(last - now, 60000))
  return {code, first, second or 0}
end
local function open()
  s.open_until = now + math.min(open_ms * 2 ^ s.strikes, longest_open)
  s.strikes = math.min(s.strikes + 1, strikes)
  s.recent, s.appointed, s.probe = {}, false, 0
end
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
    local second = math.floor(now / 1000)
    while s.recent[1] and s.recent[1][1] <= second - recent_s do table.remove(s.recent, 1) end
    if what == 'cut_off' then return answer(3, -1) end
    local failed = what == 'failed' and 1 or 0
    local newest = s.recent[#s.recent]
    if newest and newest[1] == second then
      newest[2], newest[3] = newest[2] + 1, newest[3] + failed
    else
      s.recent[#s.recent + 1] = { second, 1, failed }
    end
    local calls, failures = 0, 0
    for _, of in ipairs(s.recent) do calls, failures = calls + of[2], failures + of[3] end
    if failed == 1 and calls >= math.min(least, math.max(cap, least_of_all)) and failures * 2 >= calls then
      if now - s.closed > calm then s.strikes = 0 end
      open()
    end
    return answer(3, -1)
  end
  if slot ~= s.probe then return answer(3, -1) end
  s.probe = 0
  if what == 'passed' then
    s.open_until, s.closed = 0, now
  elseif what == 'failed' then
    open()
    s.appointed = true
    add_wait(s.open_until, bulk, now - waited)
    return answer(3, s.open_until - now)
  end
  return answer(3, -1)
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
local function flow_of(flows)
  for _, flow in ipairs(flows) do
    if flow[2] == bulk and flow[1] == origin then return flow end
  end
end
local function flows_place(begin, step)
  local kept, lines = {}, 0
  for _, flow in ipairs(s.flows) do
    if flow[3] > now then
      kept[#kept + 1] = flow
      if flow[2] == bulk then lines = lines + 1 end
    end
  end
  s.flows = kept
  local own = flow_of(kept)
  if own then
    own[3] = math.max(begin, own[3] + step * lines)
    return own[3]
  end
  kept[#kept + 1] = { origin, bulk, begin }
  return begin
end
local function wait(begin, at_least)
  local step = math.max(math.floor(s.mean / math.max(cap, 1)), 1)
  local place = math.max(begin, s.back_end + step)
  if placed then s.back_end = place
  else
    if bulk then
      local finish = 0
      for _, flow in ipairs(s.flows) do
        if not flow[2] then finish = math.max(finish, flow[3]) end
      end
      place = math.max(place, finish + step)
    end
    place = flows_place(place, step)
  end
  place = math.max(place, now + at_least)
  add_wait(place, bulk, now - waited)
  return place - now
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
  local own_flow = flow_of(s.flows)
  local finish = math.max(own_flow and own_flow[3] or 0, s.back_end)
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

/// What is counted (`requests`, `calls`) → what people see of it, as [`crate::limits::Sight`], or nothing.
const LOOK: &str = concat!(
    now!(),
    r"
local packed = redis.call('GET', KEYS[1])
if not packed then return false end
local s = cmsgpack.unpack(packed)
local live, in_bulk, oldest = 0, 0, 0
for _, wait in ipairs(s.waits) do
  if wait[1] > now then
    if wait[2] then in_bulk = in_bulk + wait[3] else live = live + wait[3] end
    oldest = math.max(oldest, now - wait[4])
  end
end
local function count(times, after)
  local many = 0
  for _, at in ipairs(times) do
    if at > after then many = many + 1 end
  end
  return many
end
if ARGV[1] == 'calls' then
  local finish = s.back_end
  for _, flow in ipairs(s.flows) do finish = math.max(finish, flow[3]) end
  local held, breaker = 0, 0
  if s.open_until > 0 then
    held, breaker = math.max(s.open_until - now, 0), now < s.open_until and 2 or 1
  end
  return { count(s.work, now) + count(s.bulk, now), s.cap, 0, live, in_bulk, oldest,
           math.max(finish - now, 0), held, breaker }
end
local function ends(slots) return slots[#slots] or 0 end
local finish = math.max(ends(s.work), ends(s.bulk), ends(s.back))
return { count(s.granted, now - s.window), s.size, s.window, live, in_bulk, oldest,
         math.max(finish - now, 0), math.max(s.hold - now, 0), -1 }
"
);

/// For how long limits are known, the most that are told, and then a limit and for how long from now on it
/// matters, … → those that are known, which was heard of last first.
const KNOWN: &str = concat!(
    now!(),
    r"
for i = 3, #ARGV, 2 do redis.call('ZADD', KEYS[1], 'GT', now + tonumber(ARGV[i + 1]), ARGV[i]) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[1]))
local known = redis.call('ZRANGE', KEYS[1], 0, tonumber(ARGV[2]) - 1, 'REV', 'WITHSCORES')
local names, last = {}, now
for i = 1, #known, 2 do
  names[#names + 1] = known[i]
  last = math.max(last, tonumber(known[i + 1]))
end
if #names > 0 then
  redis.call('PEXPIRE', KEYS[1], string.format('%.0f', last - now + tonumber(ARGV[1])))
end
return names
"
);

/// retention, due, received, due, received, … → the smallest time of receipt of all marks that
/// are not over, or nothing. A mark stands for all that is delayed until it is due, and the oldest
/// of it. What is over is told by Redis' clock: a worker whose clock is ahead must not end the others'
/// marks.
const DELAYED: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 2, #ARGV, 2 do redis.call('ZADD', KEYS[1], 'LT', ARGV[i + 1], ARGV[i]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
local marks = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
local oldest = false
for i = 1, #marks, 2 do
  if tonumber(marks[i]) < now then
    redis.call('ZREM', KEYS[1], marks[i])
  elseif not oldest then
    oldest = marks[i + 1]
  end
end
return oldest
";

/// value, expiry, step, JSON, step, JSON, … → 1 if it was written, 0 if something stands there,
/// which is then left as it is with its steps. Steps without an entry are those of one that
/// expired.
const IMPORT: &str = r"
if not redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2], 'NX') then return 0 end
redis.call('DEL', KEYS[2])
for i = 3, #ARGV, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 1
";

/// expiry → {what was last kept by a plain command, what was last kept by this script, what it keeps now}.
/// Each number is larger than all before it. Two writes, since Redis puts those of one script into a
/// transaction, as it does with the steps' and most completions', and a single one not.
const RECALL: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local kept, plain = redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2])
now = math.max(now, tonumber(kept or 0) + 1, tonumber(plain or 0) + 1)
redis.call('SET', KEYS[1], string.format('%.0f', now), 'PX', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return {plain, kept, now}
";
