//! What the scripts of limits have in common: Redis' time, and who waits.

/// Redis' time, in ms. A test puts its own there.
macro_rules! now {
    () => {
        "
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"
    };
}

pub(super) use now;

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

pub(super) use waits;

/// [`crate::limits`]' flows: a sorted set for each lane, of the origins by the ends of their lines. A script
/// reads the line that it is about, the longest, and how many there are, all in the logarithm of their number,
/// and drops each line once, when it is over.
macro_rules! flows {
    () => {
        "
local function lane_of(bulk) return bulk and KEYS[3] or KEYS[2] end
local function forget_flows()
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now)
end
local function flow_end(bulk, origin)
  return tonumber(redis.call('ZSCORE', lane_of(bulk), origin) or 0)
end
local function longest_flow(bulk, but)
  local flows = redis.call('ZRANGE', lane_of(bulk), 0, 1, 'REV', 'WITHSCORES')
  for i = 1, #flows, 2 do
    if flows[i] ~= but then return flows[i], tonumber(flows[i + 1]) end
  end
end
local function extend_flow(bulk, origin, finish)
  local lane = lane_of(bulk)
  redis.call('ZADD', lane, 'GT', string.format('%.0f', finish), origin)
  local _, last = longest_flow(bulk)
  redis.call('PEXPIRE', lane, string.format('%.0f', math.max(last - now, 0) + 60000))
end
"
    };
}

pub(super) use flows;
