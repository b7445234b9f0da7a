//! Who may come in, and as what.
//!
//! Owns no code: `tokens` is what is let in by, `person` who that is, `reach` how far they see, and `door`
//! where it is asked.

pub(super) mod cookie;
pub(super) mod door;
mod guesses;
pub(super) mod person;
pub(super) mod reach;
mod renewal;
pub(super) mod session;
mod sessions;
mod tokens;

pub(super) use guesses::Guesses;
pub(super) use person::Person;
pub(super) use reach::Reach;
pub(super) use renewal::renew;
pub(super) use sessions::Sessions;
pub(super) use tokens::Access;
