//! A time, in UTC and in words.

use askama::Template;

use super::part::Part;
use crate::when;

/// A time as people and programs read it.
#[derive(Template)]
#[template(path = "parts/moment.html")]
pub(in crate::console) struct Moment {
    exact: String,
    utc: String,
    relative: String,
}

impl Moment {
    /// `ms` since the Unix epoch, seen from `now_ms`.
    pub(in crate::console) fn new(ms: i64, now_ms: i64) -> Part<Self> {
        askama::filters::Safe(Self {
            exact: when::exact(ms),
            utc: when::show(ms),
            relative: when::relative(ms, now_ms),
        })
    }
}
