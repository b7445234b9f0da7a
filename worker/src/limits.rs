//! How much may be asked of others: so many requests in a window, for all workers together. What finds
//! no room gets a place in line and comes back when it is its turn; nobody asks again and again.
//!
//! Owns what a limit means: a window that slides, live events before bulk, and holding back for as long
//! as the other side has asked; and for a service how many calls are under way at once, and whether it is
//! called at all. Where it is kept is the ledger's business, what a run does that has to wait is [`crate::turns`]'.

mod breaker;
mod cap;
mod flows;
mod gate;
mod line;
mod memory;
mod outcomes;
mod own;
mod seen;
mod slots;
mod swaps;
mod waits;
mod window;

use std::fmt;
use std::time::Duration;

use shared::broker::Lane;

pub use breaker::Ended;
pub(crate) use breaker::{CALM_MS, LONGEST_OPEN_MS, MOST_STRIKES, OPEN_MS};
pub(crate) use cap::{SOONEST_MS, UNSEEN_MS};
pub use gate::Passage;
pub(crate) use gate::{MORE, PROBE_MS};
pub(crate) use line::{BULK_OF_TEN, LATE_MS, NEAR_MS};
pub(crate) use memory::Lines;
pub(crate) use outcomes::{LATELY, LEAST, LEAST_OF_ALL, SLICE_MS, SLICES};
pub(crate) use own::Own;
pub use seen::{BreakerState, Of, Seen};
pub(crate) use seen::{Sight, ask, span};
pub(crate) use slots::SPACING_MS;
pub(crate) use swaps::MOST_SWAPS;

/// What is limited, and by how much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Whose requests are counted together: `hubspot/62515`, `slack/#sales-wins`.
    pub key: String,
    /// Requests in any window; `None` if only what the other side asks for holds back.
    pub size: Option<u32>,
    /// The window.
    pub window: Duration,
    /// Whether several origins ask there: then they take turns.
    pub is_shared: bool,
}

impl Limit {
    /// At most `size` requests in any `window`.
    #[must_use]
    pub fn of(size: u32, window: Duration, key: impl fmt::Display) -> Self {
        Self { key: name(key), size: Some(size), window, is_shared: false }
    }

    /// The same for several origins.
    #[must_use]
    pub fn shared(self) -> Self {
        Self { is_shared: true, ..self }
    }

    /// As many as the other side takes.
    #[must_use]
    pub fn none(key: impl fmt::Display) -> Self {
        let window = Duration::from_secs(1);
        Self { key: name(key), size: None, window, is_shared: false }
    }
}

/// A service that is called, and by how many at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// Whose calls are counted together: `erp`, `hubspot/62515`.
    pub key: String,
    /// Calls under way at once, of all workers together.
    pub cap: u32,
    /// No call takes longer: whoever has not said by then that it has ended is no more.
    pub lease: Duration,
}

/// Who asks for room at a limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Asker<'a> {
    /// Whose run it is.
    pub origin: &'a str,
    /// The run's.
    pub lane: Lane,
    /// How it stands to the line.
    pub standing: Standing,
    /// For how long it has waited in all, for whatever.
    pub waited: Duration,
}

impl Asker<'_> {
    /// Who has not waited yet, and shares the limit with nobody.
    #[must_use]
    pub fn fresh(lane: Lane, standing: Standing) -> Self {
        Self { origin: "", lane, standing, waited: Duration::ZERO }
    }
}

/// Who wants to call a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller<'a> {
    /// Whose run it is: origins take turns.
    pub origin: &'a str,
    /// The run's.
    pub lane: Lane,
    /// Whether it has had its place in the line to this service.
    pub is_placed: bool,
    /// For how long it has waited in all, for whatever.
    pub waited: Duration,
}

/// Without what stands between places, or would end a key on Redis.
pub(crate) fn name(key: impl fmt::Display) -> String {
    key.to_string().replace([' ', '{', '}'], "_")
}

/// How whoever asks stands to the line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Standing {
    /// Comes to it now. A run makes about so many requests.
    New {
        /// More than 0.
        requests: f64,
    },
    /// Has had its place, and its turn has come: it waits for room and not behind others.
    Placed {
        /// More than 0.
        requests: f64,
    },
    /// Has begun: put off it would ask everything again.
    UnderWay,
}

impl Standing {
    /// As the script on Redis calls it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::New { .. } => "new",
            Self::Placed { .. } => "placed",
            Self::UnderWay => "under_way",
        }
    }

    /// Thousandths of the requests that the run makes, as far as that matters.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    pub(crate) fn thousandths(self) -> u32 {
        match self {
            Self::New { requests } | Self::Placed { requests } => {
                (requests.clamp(0.001, 1e5) * 1000.0).round() as u32
            }
            Self::UnderWay => 0,
        }
    }
}

/// The answer to a request for room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// Go ahead; it is counted.
    Granted,
    /// Whose turn it is, and for whom there may be room after this wait; asks again as one who has had
    /// a place.
    Soon(Duration),
    /// A place in line: one's turn comes after this wait. Also for who has had one and finds no room for
    /// longer than a moment.
    Place(Duration),
}
