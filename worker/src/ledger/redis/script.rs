//! What is asked of Redis: which scripts there are, by which hash they are called, and how a call is
//! put into a pipeline. What a script says stands in a file for each noun.

use std::sync::LazyLock;

use deadpool_redis::redis::{self, Pipeline};

mod claims;
mod marks;
mod memory;

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
}

impl Script {
    pub(super) const ALL: &[Self] = &[
        Self::Claim,
        Self::Extend,
        Self::Step,
        Self::Complete,
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
    ];

    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Claim => claims::CLAIM,
            Self::Extend => claims::EXTEND,
            Self::Step => claims::STEP,
            Self::Complete => claims::COMPLETE,
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

    /// The keys that it is about, of which `key` is the first: what is beside that is called after it.
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
                let keys = script.keys(key);
                let command = pipeline.cmd("EVALSHA").arg(script.hash()).arg(keys.len());
                command.arg(keys).arg(arguments);
            }
        }
    }
}
