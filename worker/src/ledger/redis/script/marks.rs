//! The script of the marks that stand for what is delayed ([`crate::ages`]).

/// retention, due, received, due, received, … → the smallest time of receipt of all marks that
/// are not over, or nothing. A mark stands for all that is delayed until it is due, and the oldest
/// of it. What is over is told by Redis' clock: a worker whose clock is ahead must not end the others'
/// marks.
pub(super) const DELAYED: &str = r"
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
