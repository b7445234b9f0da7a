//! Transforms from template to body.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod attempt;
mod hostile;
mod language;
mod shipped;
