//! HubSpot: what it sends, what makes two of its events the same, and how it signs.
//!
//! Owns all that is only HubSpot's. [`HubSpotEvent`] is what its handlers are given.

mod batch;
mod elements;
mod error;
mod event;
mod field;
mod fields;
mod identity;
mod kind;
mod own_write;
#[cfg(test)]
mod samples;
pub mod signature;
mod value;
mod value_kind;
mod view;

pub use batch::{MAX_EVENTS, Unsplittable, split};
pub use error::EventError;
pub use event::HubSpotEvent;
pub use identity::identify;
pub use kind::{Change, ObjectType};
pub use own_write::own_write;
pub use value_kind::ValueKind;
