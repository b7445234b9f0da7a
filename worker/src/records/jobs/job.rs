//! A job as it stands in the records.

use std::fmt;

use serde::Serialize;

use crate::records::row::from_row;

/// The columns of a [`Job`].
pub(super) const COLUMNS: &str = "id, kind, who, scope, filter, cutoff_ms, generation, rate, state, reason, \
    planned, planned_more, published, runs, succeeded, failing, died, skipped, recent, trusted, created_ms, state_ms, place_ms, place_id, \
    owned_until_ms";

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Dead letters go on where they failed: steps that had succeeded are not run again.
    Retry,
    /// Dead letters from the start, under a new generation.
    Restart,
    /// Letters that nobody wants any more.
    Discard,
    /// Discarded letters made dead ones again.
    Restore,
    /// Events of the log once more; what is completed stays so.
    Replay,
    /// Events of the log from the start, also what is completed, under a new generation.
    ForcedReplay,
    /// Something that only a newer version knows.
    Unknown,
}

/// How a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Being worked on, or waiting for somebody who does.
    Running,
    /// Somebody wanted it to wait.
    Paused,
    /// It has stopped by itself: see its reason.
    Stopped,
    /// Somebody wanted it to end; it has still to let go of what it had claimed.
    Cancelling,
    /// Ended before its time.
    Cancelled,
    /// All is published, or moved: see its [`Fate`].
    Done,
    /// Something that only a newer version knows.
    Unknown,
}

macro_rules! named {
    ($type:ident { $($variant:ident => $name:literal),+ $(,)? }) => {
        impl $type {
            /// The name in the database and JSON.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }

        impl From<String> for $type {
            fn from(text: String) -> Self {
                match text.as_str() { $($name => Self::$variant,)+ _ => Self::Unknown }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

named!(Kind {
    Retry => "retry",
    Restart => "restart",
    Discard => "discard",
    Restore => "restore",
    Replay => "replay",
    ForcedReplay => "forced_replay",
    Unknown => "unknown",
});
named!(JobState {
    Running => "running",
    Paused => "paused",
    Stopped => "stopped",
    Cancelling => "cancelling",
    Cancelled => "cancelled",
    Done => "done",
    Unknown => "unknown",
});

impl Kind {
    /// Those that this version can do.
    pub(super) const ALL: [Self; 6] = [
        Self::Retry,
        Self::Restart,
        Self::Discard,
        Self::Restore,
        Self::Replay,
        Self::ForcedReplay,
    ];

    /// Whether it publishes something, and so needs a broker.
    #[must_use]
    pub fn publishes(self) -> bool {
        match self {
            Self::Retry | Self::Restart | Self::Replay | Self::ForcedReplay => true,
            Self::Discard | Self::Restore | Self::Unknown => false,
        }
    }

    /// Whether it is about letters.
    #[must_use]
    pub fn is_of_letters(self) -> bool {
        match self {
            Self::Retry | Self::Restart | Self::Discard | Self::Restore => true,
            Self::Replay | Self::ForcedReplay | Self::Unknown => false,
        }
    }

    /// What has become of what it has dealt with.
    #[must_use]
    pub fn done(self) -> &'static str {
        match self {
            Self::Discard => "discarded",
            Self::Restore => "restored",
            Self::Retry | Self::Restart | Self::Replay | Self::ForcedReplay | Self::Unknown => {
                "published"
            }
        }
    }
}

/// What has become of a job whose part is done: only one of them is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Not all has ended yet.
    Published,
    /// Some have failed, and are tried again by themselves.
    Failing,
    /// Some died; others may not have ended yet.
    Dead,
    /// All there was to do has succeeded.
    Succeeded,
    /// Nothing of it had to be done.
    NothingToDo,
}

impl JobState {
    /// Whether nothing will be published any more.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Cancelled | Self::Done)
    }
}

from_row! {
    /// One job and how far it has come.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    pub struct Job {
        /// The number by which people call it.
        pub id: i64,
        /// What it does.
        pub kind: Kind as String,
        /// Who wanted it.
        pub who: String,
        #[serde(skip)]
        pub(super) scope: String,
        /// To what, in words.
        pub filter: String,
        /// Nothing that came later is touched.
        pub cutoff_ms: i64,
        /// The generation of what it starts over.
        pub generation: i64,
        /// Messages published a second at most; 0 for as fast as it goes.
        pub rate: i64,
        /// How it stands.
        pub state: JobState as String,
        /// Why it stands so, if there is something to say.
        pub reason: String,
        /// Letters, or events, there were when it was made, as far as was counted.
        pub planned: i64,
        /// Whether there were more.
        pub planned_more: bool,
        /// Those published so far, or moved.
        pub published: i64,
        /// Runs that came of it as far as is known, or letters that were moved. An event is a run for
        /// each handler that wants it; one until a worker has told who does.
        pub runs: i64,
        /// Runs that succeeded, or letters that were moved.
        pub succeeded: i64,
        /// Runs that have failed, and are tried again by themselves.
        pub failing: i64,
        /// Runs that ended in a dead letter.
        pub died: i64,
        /// Runs that had nothing to do (completed already), and what cannot be published: its bytes
        /// are gone.
        pub skipped: i64,
        #[serde(skip)]
        pub(super) recent: String,
        #[serde(skip)]
        pub(super) trusted: bool,
        /// When it was made.
        pub created_ms: i64,
        /// Since when it stands so.
        pub state_ms: i64,
        #[serde(skip)]
        pub(super) place_ms: i64,
        #[serde(skip)]
        pub(super) place_id: i64,
        /// Until when whoever works on it has promised to; 0 if nobody does.
        pub owned_until_ms: i64,
    }
}

impl Job {
    /// Runs that came to their end.
    #[must_use]
    pub fn ended(&self) -> i64 {
        self.succeeded + self.died + self.skipped
    }

    /// Runs that may still be on their way: in their queue, running, or waiting for another try.
    #[must_use]
    pub fn open(&self) -> i64 {
        (self.runs - self.ended()).max(0)
    }

    /// What has become of it; `None` while there is still something of its own to do.
    #[must_use]
    pub fn fate(&self) -> Option<Fate> {
        if self.state != JobState::Done {
            return None;
        }
        Some(if self.failing > 0 {
            Fate::Failing
        } else if self.died > 0 {
            Fate::Dead
        } else if self.open() > 0 {
            Fate::Published
        } else if self.succeeded > 0 {
            Fate::Succeeded
        } else {
            Fate::NothingToDo
        })
    }

    /// It as JSON, with its fate and what is open.
    pub(crate) fn json(&self) -> impl Serialize {
        #[derive(Serialize)]
        struct Told<'a> {
            #[serde(flatten)]
            job: &'a Job,
            open: i64,
            fate: Option<Fate>,
        }
        Told { job: self, open: self.open(), fate: self.fate() }
    }
}
