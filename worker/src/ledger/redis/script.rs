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

use deadpool_redis::redis::{self, Pipeline};

use super::gate::GATE;
use super::look::{KNOWN, LOOK};
use super::take::{HOLD, TAKE};

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
