//! Pieces of pages: each has a template of its own, which escapes what it shows, and is put into
//! others as it is.

mod moment;
mod numbers;
mod part;
mod payload;
mod trend;

pub(super) use moment::Moment;
pub(super) use numbers::{at_least, count_of, grouped, size};
pub(super) use part::Part;
pub(super) use payload::{Payload, PayloadView, SHOWN_BYTES};
pub(super) use trend::Trend;
