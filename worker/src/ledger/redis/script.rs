//! What is asked of Redis: which scripts there are, by which hash they are called, and how a call is
//! put into a pipeline. What a script says stands in a file for each noun.

use std::sync::LazyLock;

use deadpool_redis::redis::{self, Cmd, Pipeline};

mod claims;
mod marks;
mod memory;

use super::gate::GATE;
use super::look::{KNOWN, LOOK};
use super::order::ORDER;
use super::take::{HOLD, TAKE};

/// For the other words of a first claim, in bytes.
const ROOM: usize = 32;

/// A transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Script {
    Claim,
    Extend,
    Step,
    Complete,
    CompleteAll,
    Release,
    Restore,
    Take,
    Hold,
    Gate,
    Look,
    Known,
    Delayed,
    Import,
    Recall,
    Pause,
    Order,
}

impl Script {
    pub(super) const ALL: &[Self] = &[
        Self::Claim,
        Self::Extend,
        Self::Step,
        Self::Complete,
        Self::CompleteAll,
        Self::Release,
        Self::Restore,
        Self::Take,
        Self::Hold,
        Self::Gate,
        Self::Look,
        Self::Known,
        Self::Delayed,
        Self::Import,
        Self::Recall,
        Self::Pause,
        Self::Order,
    ];

    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Claim => claims::CLAIM,
            Self::Extend => claims::EXTEND,
            Self::Step => claims::STEP,
            Self::Complete => claims::COMPLETE,
            Self::CompleteAll => claims::COMPLETE_ALL,
            Self::Release => claims::RELEASE,
            Self::Restore => claims::RESTORE,
            Self::Take => TAKE,
            Self::Hold => HOLD,
            Self::Gate => GATE,
            Self::Look => LOOK,
            Self::Known => KNOWN,
            Self::Delayed => marks::DELAYED,
            Self::Import => claims::IMPORT,
            Self::Recall => memory::RECALL,
            Self::Pause => super::pause::PAUSE,
            Self::Order => ORDER,
        }
    }

    /// The SHA-1 by which Redis calls it.
    fn hash(self) -> &'static str {
        static HASHES: LazyLock<Vec<String>> = LazyLock::new(|| {
            let hash = |script: &Script| redis::Script::new(script.code()).get_hash().to_owned();
            Script::ALL.iter().map(hash).collect()
        });
        &HASHES[self as usize]
    }

    /// The keys that it is about, of which `key` is the first: what is beside that is called after it. Those
    /// of [`Self::CompleteAll`] are its calls' own.
    pub(super) fn keys(self, key: &str) -> Vec<String> {
        let beside: &[&str] = match self {
            Self::Recall => &["plain"],
            Self::Take | Self::Look => &["flows", "bulk_flows"],
            Self::Gate => &["flows", "bulk_flows", "calls"],
            _ => &["steps"],
        };
        let beside = beside.iter().map(|last| format!("{key}:{last}"));
        std::iter::once(key.to_owned()).chain(beside).collect()
    }
}

/// One question to Redis, nearly always about one entry.
#[derive(Clone, Debug)]
pub(super) enum Call {
    /// Whether it is there.
    Ping,
    /// Writes a key by a plain command, to expire after `for_ms`.
    Keep { key: String, value: u64, for_ms: u64 },
    /// Writes a text for others, to expire after `for_ms`.
    Share { key: String, text: String, for_ms: u64 },
    /// Reads it.
    Shared { key: String },
    /// Removes it.
    Forget { key: String },
    /// Writes an entry that is not there yet, to expire after `retention_ms`; answers what
    /// stands there instead, or nothing.
    Begin { key: String, value: String, retention_ms: u64 },
    /// Marks an entry done that stands under this token and has no steps; answers whether that was so. All
    /// that are asked in one pipeline are one call.
    Complete { key: String, token: String },
    /// A script on the entry and what is kept beside it.
    Run { script: Script, key: String, arguments: Vec<String> },
}

impl Call {
    /// The entry that is to be marked done and its token, if it is one for [`Script::CompleteAll`].
    pub(super) fn completion(&self) -> Option<(&str, &str)> {
        match self {
            Self::Complete { key, token } => Some((key, token)),
            _ => None,
        }
    }

    /// The same on another key, where it changes nothing that anybody looks at.
    pub(super) fn at(&self, other: String) -> Self {
        let mut call = self.clone();
        match &mut call {
            Self::Ping => {}
            Self::Keep { key, .. }
            | Self::Share { key, .. }
            | Self::Shared { key }
            | Self::Forget { key }
            | Self::Begin { key, .. }
            | Self::Complete { key, .. }
            | Self::Run { key, .. } => *key = other,
        }
        call
    }

    pub(super) fn append_to(&self, pipeline: &mut Pipeline) {
        match self {
            Self::Ping => {
                pipeline.cmd("PING");
            }
            Self::Keep { key, value, for_ms } => {
                pipeline.cmd("SET").arg(key).arg(*value).arg("PX").arg(*for_ms);
            }
            Self::Share { key, text, for_ms } => {
                pipeline.cmd("SET").arg(key).arg(text).arg("PX").arg(*for_ms);
            }
            Self::Shared { key } => {
                pipeline.cmd("GET").arg(key);
            }
            Self::Forget { key } => {
                pipeline.cmd("DEL").arg(key);
            }
            Self::Begin { key, value, retention_ms } => {
                // Nearly every event has one: made in one piece.
                let mut command = Cmd::with_capacity(7, key.len() + value.len() + ROOM);
                command.arg("SET").arg(key).arg(value);
                command.arg("PX").arg(*retention_ms).arg("NX").arg("GET");
                pipeline.add_command(command);
            }
            Self::Complete { key, token } => {
                pipeline.add_command(complete_all([(key, token)].into_iter()));
            }
            Self::Run { script, key, arguments } => {
                let keys = script.keys(key);
                let command = pipeline.cmd("EVALSHA").arg(script.hash()).arg(keys.len());
                command.arg(keys).arg(arguments);
            }
        }
    }
}

/// Marks all these entries done, each with its token: one call, answered with a list.
pub(super) fn complete_all(
    entries: impl ExactSizeIterator<Item = (impl AsRef<str>, impl AsRef<str>)> + Clone,
) -> Cmd {
    let mut command = redis::cmd("EVALSHA");
    command.arg(Script::CompleteAll.hash()).arg(entries.len());
    for (key, _) in entries.clone() {
        command.arg(key.as_ref());
    }
    for (_, token) in entries {
        command.arg(token.as_ref());
    }
    command
}
