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
