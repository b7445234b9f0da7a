//! What people see of limits, as Redis has them.

use super::lua::now;

/// What is counted (`requests`, `calls`) → what people see of it, as [`crate::limits::Sight`], or nothing.
pub(super) const LOOK: &str = concat!(
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
  for lane = 2, 3 do
    local longest = redis.call('ZRANGE', KEYS[lane], 0, 0, 'REV', 'WITHSCORES')
    finish = math.max(finish, tonumber(longest[2] or 0))
  end
  local held, breaker = 0, 0
  if s.open_until > 0 then
    held, breaker = math.max(s.open_until - now, 0), now < s.open_until and 2 or 1
  end
  return { count(s.work, now) + count(s.bulk, now), s.cap, 0, live, in_bulk, oldest,
           math.max(finish - now, 0), held, breaker }
end
local function ends(slots) return slots[#slots] or 0 end
local finish = math.max(ends(s.work), ends(s.bulk), ends(s.back), ends(s.bulk_back))
return { count(s.granted, now - s.window), s.size, s.window, live, in_bulk, oldest,
         math.max(finish - now, 0), math.max(s.hold - now, 0), -1 }
"
);

/// For how long limits are known, the most that are told, and then a limit and for how long from now on it
/// matters, … → those that are known, which was heard of last first.
pub(super) const KNOWN: &str = concat!(
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
